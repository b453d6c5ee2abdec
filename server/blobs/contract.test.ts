// What every blob engine promises (index.ts), on each engine that this machine has.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { MatyanError } from "../../formats/error.ts";
import { type BlobStore, compareKeys, maxBlobKeyBytes } from "./index.ts";
import { engines, inChunks, keysIn, patterned, readAll, type TestStore } from "./testing/engines.ts";

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
  "r/a+b&c=d?e#f;g:h@i!j$k'l(m)n*o,p~q[r]s|t\"u<v>w`x^y{z}",
  "r/tab\tand\nline",
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
  describe.skipIf(!engine.available)(`blobs in ${engine.name}`, () => {
    let store: TestStore;
    let blobs: BlobStore;
    beforeEach(async () => {
      store = await engine.open();
      blobs = store.blobs;
    });
    afterEach(() => store.dispose());

    test("a blob comes back as it was put, whole or in chunks, and empty ones too", async () => {
      const bytes = patterned(700_001);
      await blobs.put("r/whole", bytes);
      await blobs.put("r/chunks", inChunks(bytes, 4096), { contentType: "image/png" });
      await blobs.put("r/empty", inChunks(bytes, Number.POSITIVE_INFINITY));
      await blobs.put("r/empty", new Uint8Array());
      expect(await readAll(blobs, "r/whole")).toEqual(bytes);
      expect(await readAll(blobs, "r/chunks")).toEqual(bytes);
      expect(await readAll(blobs, "r/empty")).toEqual(Buffer.alloc(0));
      expect(await blobs.head("r/chunks")).toEqual({ size: 700_001 });
      expect(await blobs.head("r/empty")).toEqual({ size: 0 });
    });

    test("a blob of many megabytes comes back as it was put, from one array or from chunks that are used again", async () => {
      const bytes = patterned(20_000_003);
      async function* reused(): AsyncIterable<Uint8Array> {
        const chunk = new Uint8Array(100_000);
        for (let at = 0; at < bytes.length; at += chunk.length) {
          const size = bytes.copy(chunk, 0, at, at + chunk.length);
          yield chunk.subarray(0, size);
        }
      }
      await blobs.put("r/array", bytes);
      await blobs.put("r/chunks", reused());
      for (const key of ["r/array", "r/chunks"]) {
        expect((await readAll(blobs, key))?.equals(bytes)).toBe(true);
        expect(await blobs.head(key)).toEqual({ size: bytes.length });
      }
      await blobs.put("r/exact", bytes.subarray(0, 16 * 1024 ** 2));
      expect((await readAll(blobs, "r/exact"))?.equals(bytes.subarray(0, 16 * 1024 ** 2))).toBe(true);
    });

    test("a range gives its bytes, and none beyond the end", async () => {
      const bytes = patterned(5_000_000);
      await blobs.put("r/x", bytes);
      const ranges = [
        [0, 0],
        [0, 1],
        [7, 7],
        [10, 4_999_999],
        [4_999_990],
        [1_000_000, 3_500_000],
        [0, 1024 ** 2],
        [0, 9_000_000],
        [5_000_000],
        [6_000_000, 7_000_000],
      ] as const;
      for (const [start, end] of ranges) {
        const range = end === undefined ? { start } : { start, end };
        expect((await readAll(blobs, "r/x", range))?.equals(bytes.subarray(start, end))).toBe(true);
        expect(await readAll(blobs, "r/missing", range)).toBeUndefined();
      }
      for (const range of [{ start: -1 }, { start: 1.5 }, { start: 5, end: 4 }])
        expect(blobs.get("r/x", { range })).rejects.toThrow("is no range of bytes");
    });

    test("a blob that is not there is undefined, and deleting it is harmless", async () => {
      await blobs.put("r/a/b", new Uint8Array(1));
      for (const key of ["r/a", "r", "r/a/b/c", "nothing"]) {
        expect(await blobs.get(key)).toBeUndefined();
        expect(await blobs.head(key)).toBeUndefined();
        await blobs.delete(key);
      }
      expect(await keysIn(blobs)).toEqual(["r/a/b"]);
    });

    test("odd keys one at a time: put, read, listed, uploaded to by a client, deleted; or refused by name", async () => {
      for (const key of odd.filter((each) => !engine.cannotHold(each))) {
        const value = `value of ${key}`;
        if (engine.refuses(key)) {
          await expect(blobs.put(key, Buffer.from(value))).rejects.toMatchObject({ code: "usage" });
          expect(await blobs.get(key)).toBeUndefined();
          expect(await blobs.head(key)).toBeUndefined();
          await blobs.delete(key);
          continue;
        }
        await blobs.put(key, Buffer.from(value));
        expect((await readAll(blobs, key))?.toString()).toBe(value);
        expect(await blobs.head(key)).toEqual({ size: Buffer.byteLength(value) });
        expect(await keysIn(blobs)).toEqual([key]);
        if (blobs.presignPut !== undefined) {
          const { uploadUrl, headers } = await blobs.presignPut(key, { contentType: "text/x-odd", expirySeconds: 60 });
          for (const type of [{ "content-type": "text/x-odd" }, undefined]) {
            const body = `uploaded to ${key}${type === undefined ? " without a type" : ""}`;
            const answer = await fetch(uploadUrl, {
              method: "PUT",
              body: Buffer.from(body),
              headers: { ...headers, ...type },
            });
            expect([key, Math.floor(answer.status / 100), answer.status === 403 && (await answer.text())]).toEqual([
              key,
              2,
              false,
            ]);
            expect((await readAll(blobs, key))?.toString()).toBe(body);
          }
        }
        expect(await blobs.deleteMany([key])).toEqual({ deleted: 1, failed: 0, failures: [] });
        expect(await keysIn(blobs)).toEqual([]);
      }
    });

    test.skipIf(!engine.holdsNested)(
      "keys that differ are different blobs, whatever is in them, and none leaves its place",
      async () => {
        const keys = odd.filter((key) => !engine.cannotHold(key) && !engine.refuses(key));
        for (const key of keys) await blobs.put(key, Buffer.from(`value of ${key}`));
        for (const key of keys) expect((await readAll(blobs, key))?.toString()).toBe(`value of ${key}`);
        expect(await keysIn(blobs)).toEqual(keys.toSorted(engine.order));
        for (const key of keys) await blobs.delete(key);
        expect(await keysIn(blobs)).toEqual([]);
      },
    );

    test.skipIf(!engine.holdsNested)(
      "listing gives exactly the keys with the prefix, in byte order, with sizes",
      async () => {
        const all = ["a", "a-b", "a/", "a/1", "a/10", "a/2", "a/b/1", "a0", "b", "z", "é", "～", "🚀"];
        for (const key of all.toReversed()) await blobs.put(key, new Uint8Array(key.length));
        expect(await keysIn(blobs)).toEqual(all.toSorted(engine.order));
        expect(await keysIn(blobs, "a/")).toEqual(["a/", "a/1", "a/10", "a/2", "a/b/1"]);
        expect(await keysIn(blobs, "a/1")).toEqual(["a/1", "a/10"]);
        expect(await keysIn(blobs, "a/b")).toEqual(["a/b/1"]);
        expect(await keysIn(blobs, "nothing/")).toEqual([]);
        for (const after of ["a", "a-", "a/1", "a/10x", "a/b/1", "é", "🚀"]) {
          const listed = (await Array.fromAsync(blobs.list("", { after }))).map(({ key }) => key);
          expect(listed).toEqual(all.filter((key) => compareKeys(key, after) > 0).toSorted(engine.order));
        }
        expect((await Array.fromAsync(blobs.list("a/", { after: "a/1" }))).map(({ key }) => key)).toEqual([
          "a/10",
          "a/2",
          "a/b/1",
        ]);
        const before = Date.now() / 1_000 - 600;
        const [entry] = await Array.fromAsync(blobs.list("a/10"));
        expect(entry).toEqual({ key: "a/10", size: 4, modified: expect.any(Number) });
        expect(entry!.modified).toBeGreaterThan(before);
        expect(entry!.modified).toBeLessThan(before + 1_200);
      },
    );

    test.skipIf(!engine.holdsNested)("listing agrees with a sorted set for any keys and prefixes", async () => {
      const text = fc
        .string({
          unit: fc.constantFrom("a", "b", "/", ".", "%", "é", "🚀", "a".repeat(100)),
          minLength: 1,
          maxLength: 8,
        })
        .filter((key) => !engine.refuses(key));
      await fc.assert(
        fc.asyncProperty(fc.uniqueArray(text, { maxLength: 8 }), text, async (all, prefix) => {
          for (const key of all) await blobs.put(key, new Uint8Array(3));
          const expected = all.filter((key) => key.startsWith(prefix)).toSorted(engine.order);
          expect(await keysIn(blobs, prefix)).toEqual(expected);
          expect((await blobs.deleteMany(all)).deleted).toBe(all.length);
          expect(await keysIn(blobs)).toEqual([]);
        }),
        { numRuns: engine.name === "a folder" ? 40 : 12 },
      );
    });

    test("a listing of several pages gives each blob once, in order; its prefix is deleted with a true count", async () => {
      const keys = Array.from({ length: 1_203 }, (_, index) => `r/seq/img/${String(index).padStart(4, "0")}`);
      for (let at = 0; at < keys.length; at += 50)
        await Promise.all(keys.slice(at, at + 50).map((key) => blobs.put(key, Buffer.from(key))));
      await blobs.put("r2/other", new Uint8Array(1));
      expect(await keysIn(blobs, "r/")).toEqual(keys);
      expect(await blobs.deletePrefix("r/")).toEqual({ deleted: keys.length, failed: 0, failures: [] });
      expect(await blobs.deletePrefix("r/")).toEqual({ deleted: 0, failed: 0, failures: [] });
      expect(await keysIn(blobs)).toEqual(["r2/other"]);
      expect(blobs.deletePrefix("")).rejects.toMatchObject({ code: "usage" });
    });

    test("deleting many goes on after a key that can't be one, and says which and why", async () => {
      await blobs.put("r/1", new Uint8Array(1));
      await blobs.put("r/2", new Uint8Array(1));
      const { deleted, failed, failures } = await blobs.deleteMany(["r/1", "", "r/2"]);
      expect([deleted, failed]).toEqual([2, 1]);
      expect(failures).toEqual([{ key: "", reason: "the blob key '' is empty" }]);
      expect(await keysIn(blobs)).toEqual([]);
    });

    test("a put that fails in the middle leaves the old blob and nothing else, at any size", async () => {
      await blobs.put("r/x", Buffer.from("old"));
      for (const size of [3, 20_000_000]) {
        async function* failing(): AsyncIterable<Uint8Array> {
          yield* inChunks(new Uint8Array(size), 1_000_000);
          throw new Error("the source broke");
        }
        await expect(blobs.put("r/x", failing())).rejects.toThrow("the source broke");
        await expect(blobs.put("r/y", failing())).rejects.toThrow("the source broke");
      }
      expect((await readAll(blobs, "r/x"))?.toString()).toBe("old");
      expect(await keysIn(blobs)).toEqual(["r/x"]);
    });

    test("a source is closed when its put ends, and not asked for more than is sent", async () => {
      let given = 0;
      let isClosed = false;
      async function* source(): AsyncIterable<Uint8Array> {
        try {
          for (; given < 4; given++) yield new Uint8Array(1_000_000);
        } finally {
          isClosed = true;
        }
      }
      await blobs.put("r/x", source());
      expect([given, isClosed]).toEqual([4, true]);
    });

    test("a reader that started keeps its blob while another is put in its place", async () => {
      const size = 6_000_000;
      await blobs.put("r/x", new Uint8Array(size).fill(1));
      let read = 0;
      for await (const chunk of (await blobs.get("r/x"))!) {
        if (read === 0) await blobs.put("r/x", new Uint8Array(size).fill(2));
        expect(chunk.every((byte) => byte === 1)).toBe(true);
        read += chunk.length;
      }
      expect(read).toBe(size);
      expect((await readAll(blobs, "r/x"))?.every((byte) => byte === 2)).toBe(true);
    });

    test("a reader whose blob is replaced before it starts reads one of the two, whole", async () => {
      await blobs.put("r/x", new Uint8Array(3_000_000).fill(1));
      const chunks = await blobs.get("r/x");
      await blobs.put("r/x", new Uint8Array(4_000_000).fill(2));
      const bytes = Buffer.concat(await Array.fromAsync(chunks!));
      expect([3_000_000, 4_000_000]).toContain(bytes.length);
      expect(bytes.every((byte) => byte === bytes[0])).toBe(true);
      expect(bytes[0]).toBe(bytes.length / 1_000_000 - 2);
    });

    test("a reader may stop early, and others go on", async () => {
      await blobs.put("r/x", patterned(6_000_000));
      for (let round = 0; round < 70; round++) {
        for await (const chunk of (await blobs.get("r/x"))!) {
          expect(chunk.length).toBeGreaterThan(0);
          break;
        }
      }
      expect((await readAll(blobs, "r/x"))?.length).toBe(6_000_000);
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
      expect((await keysIn(blobs)).sort()).toEqual(expected);
      for (const key of expected) expect((await readAll(blobs, key))?.toString()).toBe(key);
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

    test("its place passes the check", async () => {
      await blobs.check();
      expect(blobs.uriOf("r/a.png")).toMatch(/^(file|s3|gs|azure):\/\/.*\/r\/a\.png$/);
    });
  });
}
