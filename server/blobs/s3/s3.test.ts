// What is S3's own: multipart uploads, checksums, signed URLs, credentials.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { HeadObjectCommand, ListMultipartUploadsCommand, type S3Client } from "@aws-sdk/client-s3";
import { MatyanError } from "../../../formats/error.ts";
import type { S3Settings } from "../../config/engines.ts";
import { pythonClient } from "../../testing/pythonClients.ts";
import type { BlobStore } from "../index.ts";
import { inChunks, patterned, readAll, s3Address, s3TestSettings } from "../testing/engines.ts";
import { FaultyProxy } from "../testing/faultyProxy.ts";
import { s3Client } from "./client.ts";
import { openS3Blobs } from "./index.ts";

test("a signed upload URL begins with the public endpoint, and signs the host alone", async () => {
  const blobs = openS3Blobs({
    ...s3TestSettings("http://inside:9000", "runs"),
    publicEndpoint: "https://files.example.org:8443",
  });
  const key = "r/a b+c%d?e#f&g/é.png";
  const { uploadUrl, headers } = await blobs.presignPut!(key, { contentType: "image/png", expirySeconds: 77 });
  const url = new URL(uploadUrl);
  expect(headers).toBeUndefined();
  expect(url.origin).toBe("https://files.example.org:8443");
  expect(decodeURIComponent(url.pathname)).toBe(`/runs/${key}`);
  expect(url.searchParams.get("X-Amz-SignedHeaders")).toBe("host");
  expect(url.searchParams.get("X-Amz-Expires")).toBe("77");
  expect([...url.searchParams.keys()].filter((name) => /checksum/i.test(name))).toEqual([]);
  expect(uploadUrl).not.toContain("test-secret");
});

const client030 = await pythonClient("0.3.0");

describe.skipIf(s3Address === undefined)("on versitygw", () => {
  let settings: S3Settings;
  let blobs: BlobStore;
  let sdk: S3Client;
  beforeEach(async () => {
    settings = s3TestSettings(s3Address!);
    blobs = openS3Blobs(settings);
    sdk = s3Client(settings, settings.endpoint);
    await blobs.check();
  });
  afterEach(async () => {
    await blobs.close();
    sdk.destroy();
  });

  const openUploads = async () =>
    (await sdk.send(new ListMultipartUploadsCommand({ Bucket: settings.bucket }))).Uploads ?? [];

  test("an upload that fails leaves no parts behind", async () => {
    async function* failing(): AsyncIterable<Uint8Array> {
      yield* inChunks(new Uint8Array(30_000_000), 1_000_000);
      expect(await openUploads()).toHaveLength(1);
      throw new Error("the source broke");
    }
    await expect(blobs.put("r/x", failing())).rejects.toThrow("the source broke");
    expect(await openUploads()).toEqual([]);
  });

  test("objects carry their type and a CRC32, small and large ones", async () => {
    await blobs.put("r/small", Buffer.from("123456789"), { contentType: "image/png" });
    await blobs.put("r/large", inChunks(patterned(9_000_000), 500_000), { contentType: "audio/wav" });
    const head = (Key: string) =>
      sdk.send(new HeadObjectCommand({ Bucket: settings.bucket, Key, ChecksumMode: "ENABLED" }));
    // 0xcbf43926 is the check value of CRC-32.
    expect(await head("r/small")).toMatchObject({ ContentType: "image/png", ChecksumCRC32: "y/Q5Jg==" });
    const large = await head("r/large");
    expect(large.ContentType).toBe("audio/wav");
    expect(large.ChecksumCRC32).toBeString();
  });

  test("a server that refuses checksums gets none from then on", async () => {
    await using proxy = await FaultyProxy.before(s3Address!);
    const through = openS3Blobs({ ...settings, endpoint: proxy.address });
    const body = "<Error><Code>NotImplemented</Code><Message>no such header</Message></Error>";
    proxy.answerNext(1, "501 Not Implemented", body, ["Content-Type: application/xml"]);
    await through.put("r/small", Buffer.from("x"));
    await through.put("r/large", patterned(9_000_000));
    expect(proxy.answered).toBe(1);
    for (const Key of ["r/small", "r/large"]) {
      const head = await sdk.send(new HeadObjectCommand({ Bucket: settings.bucket, Key, ChecksumMode: "ENABLED" }));
      expect(head.ChecksumCRC32).toBeUndefined();
    }
  });

  test("what DeleteObjects could not delete is tried again, or counted with its reason", async () => {
    await blobs.put("r/a", Buffer.from("a"));
    await blobs.put("r/b", Buffer.from("b"));
    await using proxy = await FaultyProxy.before(s3Address!);
    const through = openS3Blobs({ ...settings, endpoint: proxy.address });
    const errors = (code: string, key: string) =>
      `<DeleteResult><Error><Key>${key}</Key><Code>${code}</Code><Message>said so</Message></Error></DeleteResult>`;
    proxy.answerNext(1, "200 OK", errors("SlowDown", "r/a"), ["Content-Type: application/xml"]);
    expect(await through.deleteMany(["r/a"])).toEqual({ deleted: 1, failed: 0, failures: [] });
    expect(await blobs.head("r/a")).toBeUndefined();
    proxy.answerNext(1, "200 OK", errors("AccessDenied", "r/b"), ["Content-Type: application/xml"]);
    const { deleted, failed, failures } = await through.deleteMany(["r/b", "r/c"]);
    expect([deleted, failed, failures[0]?.key]).toEqual([1, 1, "r/b"]);
    expect(failures[0]?.reason).toContain("AccessDenied: said so");
  });

  test("wrong credentials are an error that names bucket, key and the variables, and no secret", async () => {
    for (const wrong of [{ accessKey: "nobody" }, { secretKey: "a-wrong-secret" }]) {
      const denied = openS3Blobs({ ...settings, ...wrong });
      for (const work of [() => denied.put("r/x", new Uint8Array(1)), () => readAll(denied, "r/x")]) {
        const error: unknown = await work().catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(MatyanError);
        const { message, hint, cause } = error as MatyanError;
        for (const part of ["'r/x'", settings.bucket, s3Address!]) expect(message).toContain(part);
        expect(hint).toContain("S3_SECRET_KEY");
        expect(cause).toBeUndefined();
        for (const secret of ["a-wrong-secret", "test-secret"]) expect(message + hint).not.toContain(secret);
      }
    }
  });

  test("a bucket is made only where the settings say so", async () => {
    const other = s3TestSettings(s3Address!);
    const strict = openS3Blobs({ ...other, createMissing: false });
    await expect(strict.check()).rejects.toThrow(`can't use the bucket '${other.bucket}'`);
    await Promise.all([openS3Blobs(other).check(), openS3Blobs(other).check()]);
    await strict.check();
  });

  test("an upload URL is refused after its life, for another key, and with another signature", async () => {
    const body = { method: "PUT", body: "x" };
    const { uploadUrl } = await blobs.presignPut!("r/x", { contentType: "a/b", expirySeconds: 1 });
    expect((await fetch(uploadUrl.replace("/r/x?", "/r/y?"), body)).status).toBe(403);
    expect((await fetch(uploadUrl.replace(/Signature=..../, "Signature=0000"), body)).status).toBe(403);
    while (new URL(uploadUrl).searchParams.get("X-Amz-Date")! >= basicDate(Date.now() - 2_000)) await Bun.sleep(50);
    expect((await fetch(uploadUrl, body)).status).toBe(403);
    expect(await blobs.head("r/x")).toBeUndefined();
  });

  test.skipIf("missing" in client030)("the Python client's HTTP library puts to URLs of any key", async () => {
    if ("missing" in client030) throw new Error(client030.missing);
    const keys = ["r/a.png", "r/a b+c%d?e#f&g=h/é 日本 🚀.png", "r/~!$'()*,;:@[]", "r/%2e%2e/x", "r/ends.", "r/ends "];
    const puts = await Promise.all(
      keys.map(async (key) => ({
        key,
        ...(await blobs.presignPut!(key, { contentType: "image/png", expirySeconds: 60 })),
      })),
    );
    const script = `
import httpx, json, sys
for put in json.load(sys.stdin):
    headers = {"Content-Type": "image/png", **(put.get("headers") or {})}
    httpx.put(put["uploadUrl"], content=put["key"].encode(), headers=headers).raise_for_status()
`;
    const child = Bun.spawn([client030.python, "-c", script], {
      stdin: Buffer.from(JSON.stringify(puts)),
      stderr: "pipe",
    });
    expect([await child.stderr.text(), await child.exited]).toEqual(["", 0]);
    for (const key of keys) expect((await readAll(blobs, key))?.toString()).toBe(key);
  });
});

/** `20260131T235959Z` */
function basicDate(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}Z`;
}
