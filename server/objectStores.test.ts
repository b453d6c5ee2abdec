// What goes through the blob store, on each object store that this machine has: downloads, batches of images, archives.
import { afterAll, describe, expect, test } from "bun:test";
import { crc32 } from "node:zlib";
import { decodeStream, foldObjects } from "../formats/stream.ts";
import { mapOf, type Value } from "../formats/value.ts";
import { BlobUris } from "./api/blobUri.ts";
import { streamRoutes } from "./api/streamRoutes.ts";
import { openTestApi, type TestApi } from "./api/testing.ts";
import { backupOf, makeArchive, newFolder, readWhole, removeFolders, restoreInto } from "./archive/testing.ts";
import { engines, inChunks, keysIn, patterned, readAll } from "./blobs/testing/engines.ts";
import { apiDefaults } from "./config.ts";
import { memoryStore } from "./store/testing.ts";

afterAll(removeFolders);

const hash = "5".repeat(32);
/** More than any of the sizes up to which something is held in memory whole. */
const large = patterned(18_000_007);

for (const engine of engines) {
  describe.skipIf(!engine.available)(`with blobs in ${engine.name}`, () => {
    test("files are downloaded whole, one by one and as a ZIP, and one that is missing spoils nothing", async () => {
      const { blobs, dispose } = await engine.open();
      await using api = await openTestApi({ blobs });
      await blobs.put(`${hash}/models/best ü+%.pt`, inChunks(large, 100_000));
      await blobs.put(`${hash}/config.yaml`, Buffer.from("lr: 0.1\n"));
      const files = ["models/best ü+%.pt", "config.yaml", "gone.txt"];
      await submit(api, [
        ["create_run", {}],
        ...files.map(
          (path) => ["blob_ref", { artifact_path: path, s3_key: `${hash}/${path}`, content_type: "text/x" }] as const,
        ),
      ]);
      const base = `/api/v1/rest/runs/${hash}/artifacts`;
      const download = (path: string) => api.send("GET", `${base}/download?path=${encodeURIComponent(path)}`);
      expect(Buffer.from(await (await download(files[0]!)).arrayBuffer()).equals(large)).toBe(true);
      expect(await (await download("config.yaml")).text()).toBe("lr: 0.1\n");
      expect((await download("gone.txt")).status).toBe(404);
      const zip = Buffer.from(await (await api.send("GET", `${base}/download-all`)).arrayBuffer());
      // Stored: the bytes are in there as they are, and so is their checksum.
      expect(zip.includes(large.subarray(0, 4_096))).toBe(true);
      const sum = Buffer.alloc(4);
      sum.writeUInt32LE(crc32(large));
      expect(zip.includes(sum)).toBe(true);
      await dispose();
    });

    test("a batch of images has small ones, large ones, and an empty one for what is missing", async () => {
      const { blobs, dispose } = await engine.open();
      await using api = await openTestApi({ blobs, routes: streamRoutes });
      const contents = [patterned(3), patterned(700_000), large, undefined, Buffer.alloc(0)];
      for (const [step, content] of contents.entries())
        if (content !== undefined) await blobs.put(`${hash}/seq/img/${step}.png`, content);
      const logged = contents.map((_, step) => {
        const value = mapOf({ type: "image", format: "PNG", caption: "", s3_key: `${hash}/seq/img/${step}.png` });
        return [
          "log_custom_object",
          { name: "img", value, step: BigInt(step), epoch: null, context: null, dtype: "image" },
        ] as const;
      });
      await submit(api, [["create_run", {}], ...logged]);
      const uris = new BlobUris(apiDefaults.blobUriSecret);
      const asked = contents.map((_, step) =>
        uris.uri({ hash, contextId: 0, name: "img", step: BigInt(step), index: 0 }),
      );
      const answer = await api.send("POST", "/api/v1/rest/runs/images/get-batch", asked);
      const found = new Map(await Array.fromAsync(foldObjects(decodeStream(answer.body!)))) as Map<string, Uint8Array>;
      for (const [step, uri] of asked.entries())
        expect(Buffer.from(found.get(uri)!).equals(contents[step] ?? Buffer.alloc(0))).toBe(true);
      await dispose();
    });

    test("an archive is restored into it, backed up from it again, and the same", async () => {
      const { blobs, dispose } = await engine.open();
      const odd = ["model.bin", "seq/img/0.png", "a b/ü %2F+#&.txt", "empty"];
      const made = await makeArchive([
        {
          hash,
          async write(run) {
            await run.json("attrs.json", mapOf({ lr: 0.1 }));
            await run.blob(odd[0]!, inChunks(large, 300_000));
            for (const [index, path] of odd.slice(1, 3).entries()) await run.blob(path, patterned(1_000 + index));
            await run.blob(odd[3]!, new Uint8Array());
          },
        },
      ]);
      const stack = { store: await memoryStore(), blobs };
      const report = await restoreInto(stack, made);
      expect(report).toMatchObject({ blobs: odd.length, failures: [] });
      expect((await keysIn(blobs)).toSorted()).toEqual(odd.map((path) => `${hash}/${path}`).toSorted());
      expect((await readAll(blobs, `${hash}/model.bin`))?.equals(large)).toBe(true);
      const again = await backupOf(stack, { out: await newFolder() });
      const [was, is] = await Promise.all([readWhole(made), readWhole(again.path)]);
      expect(is.runs.get(hash)?.blobs).toEqual(was.runs.get(hash)!.blobs);
      await dispose();
    });
  });
}

async function submit(api: TestApi, messages: readonly (readonly [string, Record<string, Value>])[]) {
  const sent = messages.map(([type, payload]) => ({ type, runId: hash, timestamp: 1_772e6, payload: mapOf(payload) }));
  for (const outcome of await api.loop.submit(sent)) if (!outcome.ok) throw outcome.error;
}
