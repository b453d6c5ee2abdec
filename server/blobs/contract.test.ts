// What every blob engine promises (index.ts), on each engine that this machine has.
import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { MatyanError } from "../../formats/error.ts";
import { openFolderBlobs } from "./folder.ts";
import { type BlobStore, maxBlobKeyBytes } from "./index.ts";

interface Engine {
  readonly name: string;
  /** An empty store. */
  open(): Promise<BlobStore>;
}

const made: string[] = [];
const engines: Engine[] = [
  {
    name: "folder",
    async open() {
      const dir = await mkdtemp(join(tmpdir(), "matyan-blobs-"));
      made.push(dir);
      return openFolderBlobs(join(dir, "blobs"));
    },
  },
];

afterAll(async () => {
  for (const dir of made) await rm(dir, { recursive: true, force: true });
});

async function read(blobs: BlobStore, key: string): Promise<Buffer | undefined> {
  const chunks = await blobs.get(key);
  return chunks === undefined ? undefined : Buffer.concat(await Array.fromAsync(chunks));
}

async function keys(blobs: BlobStore, prefix = ""): Promise<string[]> {
  return (await Array.fromAsync(blobs.list(prefix))).map((entry) => entry.key);
}

async function* inChunks(bytes: Uint8Array, size: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const odd = [
  "r/a",
  "r/a/b",
  "r/a/b.png",
  "r/a.png/b",
  "r/a.png",
  "r//b",
  "r/",
  "/r",
  "r/.",
  "r/..",
  "r/../../outside",
  "r/%2e%2e/x",
  "r/%tmp/x",
  "%tmp/x",
  "%tmp",
  ".tmp",
  "r/%-",
  "r/ends with space ",
  "r/ends.",
  "r/nul\u0000byte",
  "r/back\\slash",
  "r/héllo/日本 🚀.png",
  "r/Case",
  "r/case",
  `r/${"long ".repeat(60)}`,
  `r/${"long ".repeat(60)}/x`,
  `r/${"é".repeat(90)}`,
  `r/${"é".repeat(90)}/x.png`,
  `r/${"é".repeat(90)}!`,
  `r/${"é".repeat(90)}~`,
  "k".repeat(maxBlobKeyBytes),
];

for (const engine of engines) {
  describe(`blobs in ${engine.name}`, () => {
    let blobs: BlobStore;
    beforeEach(async () => {
      blobs = await engine.open();
    });

    test("a blob comes back as it was put, whole or in chunks, and empty ones too", async () => {
      const bytes = new Uint8Array(700_001).map((_, index) => (index * 31) % 251);
      await blobs.put("r/whole", bytes);
      await blobs.put("r/chunks", inChunks(bytes, 4096), { contentType: "image/png" });
      await blobs.put("r/empty", inChunks(bytes, Number.POSITIVE_INFINITY));
      await blobs.put("r/empty", new Uint8Array());
      expect(await read(blobs, "r/whole")).toEqual(Buffer.from(bytes));
      expect(await read(blobs, "r/chunks")).toEqual(Buffer.from(bytes));
      expect(await read(blobs, "r/empty")).toEqual(Buffer.alloc(0));
      expect(await blobs.head("r/chunks")).toEqual({ size: 700_001 });
      expect(await blobs.head("r/empty")).toEqual({ size: 0 });
    });

    test("a blob that is not there is undefined, and deleting it is harmless", async () => {
      await blobs.put("r/a/b", new Uint8Array(1));
      for (const key of ["r/a", "r", "r/a/b/c", "nothing"]) {
        expect(await blobs.get(key)).toBeUndefined();
        expect(await blobs.head(key)).toBeUndefined();
        await blobs.delete(key);
      }
      expect(await keys(blobs)).toEqual(["r/a/b"]);
    });

    test("keys that differ are different blobs, whatever is in them, and none leaves its place", async () => {
      for (const key of odd) await blobs.put(key, Buffer.from(`value of ${key}`));
      for (const key of odd) expect((await read(blobs, key))?.toString()).toBe(`value of ${key}`);
      expect(await keys(blobs)).toEqual(odd.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
      for (const key of odd) await blobs.delete(key);
      expect(await keys(blobs)).toEqual([]);
    });

    test("listing gives exactly the keys with the prefix, in byte order, with sizes", async () => {
      const all = ["a", "a-b", "a/", "a/1", "a/10", "a/2", "a/b/1", "a0", "b", "z", "é", "～", "🚀"];
      for (const key of all.toReversed()) await blobs.put(key, new Uint8Array(key.length));
      expect(await keys(blobs)).toEqual(all);
      expect(await keys(blobs, "a/")).toEqual(["a/", "a/1", "a/10", "a/2", "a/b/1"]);
      expect(await keys(blobs, "a/1")).toEqual(["a/1", "a/10"]);
      expect(await keys(blobs, "a/b")).toEqual(["a/b/1"]);
      expect(await keys(blobs, "nothing/")).toEqual([]);
      expect(await Array.fromAsync(blobs.list("a/10"))).toEqual([{ key: "a/10", size: 4 }]);
    });

    test("listing agrees with a sorted set for any keys and prefixes", async () => {
      const text = fc.string({
        unit: fc.constantFrom("a", "b", "/", ".", "%", "é", "🚀", "a".repeat(100)),
        minLength: 1,
        maxLength: 8,
      });
      await fc.assert(
        fc.asyncProperty(fc.uniqueArray(text, { maxLength: 8 }), text, async (all, prefix) => {
          const store = await engine.open();
          for (const key of all) await store.put(key, new Uint8Array(3));
          const expected = all
            .filter((key) => key.startsWith(prefix))
            .toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
          expect(await keys(store, prefix)).toEqual(expected);
          for (const key of all) await store.delete(key);
          expect(await keys(store)).toEqual([]);
        }),
        { numRuns: 40 },
      );
    });

    test("a put that fails in the middle leaves the old blob and nothing else", async () => {
      await blobs.put("r/x", Buffer.from("old"));
      async function* failing(): AsyncIterable<Uint8Array> {
        yield Buffer.from("new");
        throw new Error("the source broke");
      }
      await expect(blobs.put("r/x", failing())).rejects.toThrow("the source broke");
      await expect(blobs.put("r/y", failing())).rejects.toThrow("the source broke");
      expect((await read(blobs, "r/x"))?.toString()).toBe("old");
      expect(await keys(blobs)).toEqual(["r/x"]);
    });

    test("a reader that started keeps its blob while another is put in its place", async () => {
      const old = new Uint8Array(1_000_000).fill(1);
      await blobs.put("r/x", old);
      let read = 0;
      for await (const chunk of (await blobs.get("r/x"))!) {
        if (read === 0) await blobs.put("r/x", new Uint8Array(1_000_000).fill(2));
        expect(chunk.every((byte) => byte === 1)).toBe(true);
        read += chunk.length;
      }
      expect(read).toBe(old.length);
    });

    test("puts and deletes of neighbours at the same time lose nothing", async () => {
      const names = Array.from({ length: 60 }, (_, index) => `r/deep/er/${index % 6}/${index}.bin`);
      await Promise.all(
        names.map(async (key, index) => {
          await blobs.put(key, Buffer.from(key));
          if (index % 2 === 1) await blobs.delete(key);
        }),
      );
      const expected = names.filter((_, index) => index % 2 === 0).sort();
      expect((await keys(blobs)).sort()).toEqual(expected);
      for (const key of expected) expect((await read(blobs, key))?.toString()).toBe(key);
    });

    test("a key that can't be one is refused by name", async () => {
      for (const key of ["", "\ud800", "k".repeat(maxBlobKeyBytes + 1)]) {
        for (const work of [blobs.put(key, new Uint8Array()), blobs.get(key), blobs.head(key), blobs.delete(key)]) {
          const error: unknown = await work.then(
            () => undefined,
            (reason: unknown) => reason,
          );
          expect(error).toBeInstanceOf(MatyanError);
          expect((error as MatyanError).code).toBe("usage");
        }
      }
    });
  });
}
