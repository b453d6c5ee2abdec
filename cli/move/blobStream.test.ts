// Blob batches in pieces of any size: each blob's bytes in turn, and no cut that is not noticed.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { MatyanError } from "../../formats/error.ts";
import { encodeTree } from "../../formats/stream.ts";
import { BrokenAnswer } from "../client/http.ts";
import { readBlobs } from "./blobStream.ts";

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(source: AsyncIterable<Uint8Array>, takes: (uri: string) => boolean = () => true) {
  const blobs: [string, number, string][] = [];
  for await (const { uri, size, bytes } of readBlobs(source))
    blobs.push([uri, size, takes(uri) ? Buffer.concat(await Array.fromAsync(bytes)).toString("hex") : "not taken"]);
  return blobs;
}

const contents = fc.uniqueArray(
  fc.tuple(fc.string({ minLength: 1, maxLength: 20 }), fc.uint8Array({ maxLength: 60 })),
  {
    selector: ([uri]) => uri,
    maxLength: 6,
  },
);

test("blobs come whole in pieces of any size, and those that nobody takes are skipped", async () => {
  await fc.assert(
    fc.asyncProperty(contents, fc.integer({ min: 1, max: 50 }), async (blobs, size) => {
      const bytes = encodeTree(new Map(blobs));
      const expected = blobs.map(([uri, blob]) => [uri, blob.length, Buffer.from(blob).toString("hex")]);
      expect(await read(pieces(bytes, size))).toEqual(expected as [string, number, string][]);
      const skipped = await read(pieces(bytes, size), () => false);
      expect(skipped.map(([uri]) => uri)).toEqual(blobs.map(([uri]) => uri));
    }),
  );
});

test("an answer that ends inside a blob is broken, wherever it ends", async () => {
  const bytes = encodeTree(new Map([["a-uri", new Uint8Array(30)]]));
  for (let end = 1; end < bytes.length; end++)
    expect(read(pieces(bytes.subarray(0, end), 7))).rejects.toBeInstanceOf(BrokenAnswer);
  expect(await read(pieces(bytes.subarray(0, 0), 7))).toEqual([]);
});

test("anything else than a blob batch is said to be that", async () => {
  for (const tree of [new Map([["uri", "text"]]), new Map([["uri", new Map([["deep", new Uint8Array(3)]])]])]) {
    const failed = await read(pieces(encodeTree(tree), 9)).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(MatyanError);
    expect((failed as MatyanError).code).toBe("corrupt");
  }
});
