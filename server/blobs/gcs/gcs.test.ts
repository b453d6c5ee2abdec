// What is Google Cloud Storage's own: sums, resumable sessions, signed URLs.
import { describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { CRC32C, Storage } from "@google-cloud/storage";
import fc from "fast-check";
import { MatyanError } from "../../../formats/error.ts";
import { gcsAddress, gcsTestSettings, patterned, readAll } from "../testing/engines.ts";
import { FaultyProxy } from "../testing/faultyProxy.ts";
import { gcsClient } from "./client.ts";
import { crc32c, crc32cText } from "./crc32c.ts";
import { openGcsBlobs } from "./index.ts";
import { ResumableUpload } from "./uploads.ts";

test("CRC32C of known texts, whole and in pieces", () => {
  // RFC 3720 appendix B.4, and the check value of the catalogue of CRC algorithms.
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, index) => index))).toBe(0x46dd794e);
  expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array())).toBe(0);
});

test("CRC32C agrees with the SDK's on any bytes, however they are cut", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), (bytes, at) => {
      const theirs = new CRC32C();
      theirs.update(Buffer.from(bytes));
      const cut = crc32c(bytes.subarray(at), crc32c(bytes.subarray(0, at)));
      expect(crc32cText(cut)).toBe(theirs.toString());
      expect(crc32c(bytes)).toBe(cut);
    }),
  );
});

/** Of a service account that exists nowhere. */
const credentials = {
  client_email: "matyan-test@example.org",
  private_key: generateKeyPairSync("rsa", { modulusLength: 2048 })
    .privateKey.export({ type: "pkcs8", format: "pem" })
    .toString(),
};

test("a signed upload URL covers the host alone, has its life, and encodes the key", async () => {
  const blobs = openGcsBlobs({ ...gcsTestSettings("", "runs"), emulatorHost: undefined }, { credentials });
  const key = "r/a b+c%d?e#f&g/é.png";
  const { uploadUrl, headers } = await blobs.presignPut!(key, { contentType: "image/png", expirySeconds: 77 });
  const url = new URL(uploadUrl);
  expect(headers).toBeUndefined();
  expect(url.origin).toBe("https://storage.googleapis.com");
  expect(decodeURIComponent(url.pathname)).toBe(`/runs/${key}`);
  expect(url.searchParams.get("X-Goog-SignedHeaders")).toBe("host");
  expect(["76", "77"]).toContain(url.searchParams.get("X-Goog-Expires")!);
  expect(uploadUrl).not.toContain("PRIVATE");
});

test("without credentials the error says how to give some", async () => {
  const blobs = openGcsBlobs(
    { ...gcsTestSettings("", "runs"), emulatorHost: undefined },
    { keyFilename: "/nowhere/key.json" },
  );
  const error: unknown = await blobs.put("r/x", new Uint8Array(1)).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(MatyanError);
  expect((error as MatyanError).message).toContain("'runs' in Google Cloud Storage");
  expect((error as MatyanError).hint).toContain("GOOGLE_APPLICATION_CREDENTIALS");
});

describe.skipIf(gcsAddress === undefined)("on fake-gcs-server", () => {
  test("a signed URL takes the client's PUT", async () => {
    const settings = gcsTestSettings(gcsAddress!);
    const blobs = openGcsBlobs(settings);
    await blobs.check();
    const signing = openGcsBlobs({ ...settings, emulatorHost: undefined }, { credentials, apiEndpoint: gcsAddress! });
    const { uploadUrl } = await signing.presignPut!("r/é +.txt", { contentType: "text/plain", expirySeconds: 60 });
    const answer = await fetch(uploadUrl, { method: "PUT", body: "x", headers: { "content-type": "text/plain" } });
    expect(answer.status).toBe(200);
    expect((await readAll(blobs, "r/é +.txt"))?.toString()).toBe("x");
  });

  test("content types are kept with the objects", async () => {
    const settings = gcsTestSettings(gcsAddress!);
    const blobs = openGcsBlobs(settings);
    await blobs.check();
    await blobs.put("r/small", new Uint8Array(3), { contentType: "image/png" });
    await blobs.put("r/large", new Uint8Array(9_000_000), { contentType: "audio/wav" });
    const bucket = new Storage({ apiEndpoint: gcsAddress!, projectId: "x" }).bucket(settings.bucket);
    for (const [key, type] of [
      ["r/small", "image/png"],
      ["r/large", "audio/wav"],
    ] as const)
      expect((await bucket.file(key).getMetadata())[0].contentType).toBe(type);
  });

  test("bytes that were damaged on their way are refused", async () => {
    const settings = gcsTestSettings(gcsAddress!);
    await openGcsBlobs(settings).check();
    const file = gcsClient(settings, {}).bucket(settings.bucket).file("r/x");
    const metadata = { crc32c: crc32cText(crc32c(Buffer.from("other bytes"))) };
    await expect(file.save(Buffer.from("bytes"), { resumable: false, validation: false, metadata })).rejects.toThrow();
  });
});

/**
 * A session of the documented protocol, as the emulator has none that can be asked what it has:
 * https://cloud.google.com/storage/docs/performing-resumable-uploads
 */
function session() {
  const kept: Buffer[] = [];
  const state = { size: 0, sum: "", isComplete: false, isCancelled: false, type: "" };
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      if (request.method === "DELETE") {
        state.isCancelled = true;
        return new Response(null, { status: 499 });
      }
      const resume = () =>
        new Response(null, { status: 308, headers: state.size === 0 ? {} : { range: `bytes=0-${state.size - 1}` } });
      const [, start, , total] =
        /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(request.headers.get("content-range") ?? "") ?? [];
      if (start === undefined && total === "*") return resume();
      state.type = request.headers.get("content-type") ?? "";
      if (start !== undefined) {
        const bytes = Buffer.from(await request.arrayBuffer());
        if (Number(start) > state.size) return new Response("wrong offset", { status: 400 });
        // What the service has already it passes over.
        const news = bytes.subarray(state.size - Number(start));
        kept.push(news);
        state.size += news.length;
        return resume();
      }
      if (Number(total) !== state.size) return resume();
      state.sum = request.headers.get("x-goog-hash") ?? "";
      state.isComplete = true;
      return Response.json({});
    },
  });
  return { state, kept, address: `http://127.0.0.1:${server.port}`, stop: () => server.stop(true) };
}

test("an upload session whose connection is cut goes on from the bytes that the service has", async () => {
  const service = session();
  await using proxy = await FaultyProxy.before(service.address);
  const upload = new ResumableUpload(`${proxy.address}/upload?upload_id=1`, "image/png");
  const bytes = patterned(16 * 1024 ** 2 + 5);
  const half = 8 * 1024 ** 2;
  // The part does not arrive; it arrives and its answer is lost; the service is overloaded.
  proxy.cutUploadAfter(3_000_000);
  await upload.part(0, bytes.subarray(0, half));
  proxy.cutDownloadAfter(10);
  await upload.part(1, bytes.subarray(half, 2 * half));
  proxy.answerNext(2, "503 Service Unavailable");
  await upload.part(2, bytes.subarray(2 * half));
  expect(service.state.isComplete).toBe(false);
  proxy.cutDownloadAfter(10);
  await upload.complete(3, bytes.length);
  expect([proxy.cuts, proxy.answered]).toEqual([3, 2]);
  expect(Buffer.concat(service.kept).equals(bytes)).toBe(true);
  expect(service.state).toMatchObject({ isComplete: true, type: "image/png" });
  expect(service.state.sum).toBe(`crc32c=${crc32cText(crc32c(bytes))}`);
  await service.stop();
});

test("an upload session that the service ended is an error, and an aborted one is cancelled", async () => {
  const service = session();
  await using proxy = await FaultyProxy.before(service.address);
  const upload = new ResumableUpload(proxy.address, "image/png");
  await upload.part(0, new Uint8Array(256 * 1024));
  proxy.answerNext(1, "410 Gone", "the session is over");
  await expect(upload.part(1, new Uint8Array(9))).rejects.toThrow("the session is over");
  await upload.abort();
  expect(service.state.isCancelled).toBe(true);
  await service.stop();
});
