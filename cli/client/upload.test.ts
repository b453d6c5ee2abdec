// Uploads to stores that fail, lie, and expire, and to the real one.
import { afterAll, afterEach, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { mapOf } from "../../formats/value.ts";
import { listArtifactFiles } from "./artifactFiles.ts";
import { sequenceBlobPath } from "./blobPaths.ts";
import { contentTypeOf } from "./contentType.ts";
import { Http } from "./http.ts";
import { fileNames, saveFile } from "./savedFiles.ts";
import { openTestServer } from "./testing.ts";
import { upload } from "./upload.ts";

const folder = mkdtempSync(join(tmpdir(), "matyan-upload-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const open: { stop(closeActiveConnections: boolean): unknown }[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.stop(true);
});

interface Put {
  readonly url: URL;
  readonly type: string | null;
  readonly length: string | null;
  readonly extra: string | null;
  readonly body: Uint8Array;
}

/** A store behind presigned URLs that answers each PUT as it is told. */
function store(answer: (put: Put, count: number) => Response) {
  const puts: Put[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    maxRequestBodySize: 1e9,
    fetch: async (request) => {
      const url = new URL(request.url);
      if (url.pathname === "/api/v1/rest/artifacts/presign") {
        const { run_id, artifact_path } = (await request.json()) as Record<string, string>;
        const key = `${run_id}/${artifact_path}`;
        return Response.json({
          upload_url: `${url.origin}/bucket/${key}?n=${puts.length}`,
          s3_key: key,
          headers: { "x-ms-blob-type": "BlockBlob" },
        });
      }
      const { headers } = request;
      const put = {
        url,
        type: headers.get("content-type"),
        length: headers.get("content-length"),
        extra: headers.get("x-ms-blob-type"),
        body: new Uint8Array(await request.arrayBuffer()),
      };
      puts.push(put);
      return answer(put, puts.length);
    },
  });
  open.push(server);
  return { puts, http: new Http(`http://127.0.0.1:${server.port}`) };
}

const options = { backoff: { firstMs: 1, longestMs: 2 } };
const request = (blob: Blob) => ({ runId: "r", path: "a/b.bin", contentType: "image/png", blob });
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();
const md5 = (bytes: Uint8Array) => createHash("md5").update(bytes).digest();

test("a file goes out whole with its type, its length and the headers that the URL asks for", async () => {
  const file = join(folder, "large.bin");
  const content = crypto.getRandomValues(new Uint8Array(50_000));
  writeFileSync(file, content);
  const { puts, http } = store(({ body }) => Response.json({ sha256: sha256(body).toString("hex") }));
  expect(await upload(http, request(Bun.file(file)), options)).toEqual({
    key: "r/a/b.bin",
    size: 50_000,
    checked: "sha256",
  });
  expect(puts).toHaveLength(1);
  expect(puts[0]).toMatchObject({ type: "image/png", length: "50000", extra: "BlockBlob" });
  expect(Buffer.compare(puts[0]!.body, content)).toBe(0);
});

test("a store out of order, or a URL that expired, is tried again with a new URL", async () => {
  const retries: string[] = [];
  const { puts, http } = store((_, count) => {
    if (count === 1) return new Response("slow down", { status: 503 });
    if (count === 2) return new Response("<Message>Request has expired</Message>", { status: 403 });
    return new Response("");
  });
  const done = await upload(http, request(new Blob(["x"])), { ...options, onRetry: (reason) => retries.push(reason) });
  expect(done.checked).toBeUndefined();
  expect(puts.map(({ url }) => url.search)).toEqual(["?n=0", "?n=1", "?n=2"]);
  expect(retries).toHaveLength(2);
});

test("a store that refuses is not asked again", async () => {
  for (const [status, code] of [
    [403, "io"],
    [413, "too_large"],
  ] as const) {
    const { puts, http } = store(() => new Response("SignatureDoesNotMatch", { status }));
    await expect(upload(http, request(new Blob(["x"])), options)).rejects.toMatchObject({ code });
    expect(puts).toHaveLength(1);
  }
});

test("every kind of checksum that stores give is compared, and a wrong one is never accepted", async () => {
  const given: Record<string, (body: Uint8Array) => Response> = {
    ours: (body) => Response.json({ sha256: sha256(body).toString("hex") }),
    amazon: (body) => new Response("", { headers: { "x-amz-checksum-sha256": sha256(body).toString("base64") } }),
    etag: (body) => new Response("", { headers: { "x-amz-request-id": "1", etag: `"${md5(body).toString("hex")}"` } }),
    google: (body) =>
      new Response("", { headers: { "x-goog-hash": `crc32c=AAAAAA==,md5=${md5(body).toString("base64")}` } }),
    azure: (body) => new Response("", { headers: { "content-md5": md5(body).toString("base64") } }),
  };
  for (const answer of Object.values(given)) {
    const right = store(({ body }) => answer(body));
    expect((await upload(right.http, request(new Blob(["x"])), options)).checked).toBeDefined();
    const wrong = store(() => answer(new TextEncoder().encode("other bytes")));
    await expect(upload(wrong.http, request(new Blob(["x"])), options)).rejects.toThrow("other bytes than the file");
    expect(wrong.puts).toHaveLength(5);
    const once = store(({ body }, count) => answer(count === 1 ? new Uint8Array(3) : body));
    expect((await upload(once.http, request(new Blob(["x"])), options)).checked).toBeDefined();
  }
});

test("an ETag that is no MD5 of the content is not taken for one", async () => {
  const headers = { "x-amz-request-id": "1", "x-amz-server-side-encryption": "aws:kms", etag: `"${"0".repeat(32)}"` };
  const { http } = store(() => new Response("", { headers }));
  expect((await upload(http, request(new Blob(["x"])), options)).checked).toBeUndefined();
  const multipart = store(
    () => new Response("", { headers: { "x-amz-request-id": "1", etag: `"${"0".repeat(32)}-2"` } }),
  );
  expect((await upload(multipart.http, request(new Blob(["x"])), options)).checked).toBeUndefined();
});

test("the real server takes a file of many megabytes and confirms its checksum", async () => {
  await using server = await openTestServer();
  const file = join(folder, "many.bin");
  writeFileSync(file, Buffer.alloc(20_000_000, "matyan"));
  const http = new Http(server.frontier);
  const done = await upload(http, { ...request(Bun.file(file)), path: "wéird name/ü.bin" }, options);
  expect(done).toEqual({ key: "r/wéird name/ü.bin", size: 20_000_000, checked: "sha256" });
  await expect(upload(http, { ...request(new Blob(["x"])), path: "../x" }, options)).rejects.toThrow("artifact_path");
});

test("folders are listed below their name; links to files are followed, links to folders are not", async () => {
  const root = join(folder, "tree");
  mkdirSync(join(root, "sub"), { recursive: true });
  writeFileSync(join(root, "b.txt"), "b");
  writeFileSync(join(root, "sub", "a.txt"), "aa");
  symlinkSync("b.txt", join(root, "link.txt"));
  symlinkSync("..", join(root, "sub", "up"));
  symlinkSync("nowhere", join(root, "dangling"));
  const { files, skipped } = await listArtifactFiles(root, "/models/");
  expect(files.map(({ path, size }) => [path, size])).toEqual([
    ["models/b.txt", 1],
    ["models/link.txt", 1],
    ["models/sub/a.txt", 2],
  ]);
  expect(skipped).toEqual([join(root, "dangling"), join(root, "sub", "up")]);
  expect((await listArtifactFiles(root)).files.map(({ path }) => path)).toEqual(["b.txt", "link.txt", "sub/a.txt"]);
  expect((await listArtifactFiles(join(root, "b.txt"), "x/y")).files.map(({ path }) => path)).toEqual(["x/y"]);
  await expect(listArtifactFiles(join(root, "none"))).rejects.toThrow("there is no file or folder");
  await expect(listArtifactFiles(root, "a/../b")).rejects.toThrow("can't be an artifact's path");
});

test("what is saved stays below its folder, is whole, and leaves nothing when it fails", async () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: fc.constantFrom("a", "/", ".", "\\", "..", "\u0000", "C:") })), (paths) => {
      const names = fileNames(paths).map(({ name }) => name);
      expect(new Set(names).size).toBe(names.length);
      for (const name of names) expect(join("/out", name).startsWith("/out/")).toBe(true);
    }),
  );
  const out = join(folder, "out");
  async function* pieces(fails: boolean) {
    yield new Uint8Array([1, 2]);
    if (fails) throw new Error("cut off");
    yield new Uint8Array([3]);
  }
  expect(await saveFile(out, "x/y.bin", pieces(false))).toBe(3);
  expect([...(await readFile(join(out, "x/y.bin")))]).toEqual([1, 2, 3]);
  await expect(saveFile(out, "x/z.bin", pieces(true))).rejects.toThrow("cut off");
  await expect(saveFile(out, "x/y.bin/below", pieces(false))).rejects.toMatchObject({ code: "io" });
  expect(Array.from(new Bun.Glob("**/*").scanSync({ cwd: out, dot: true }))).toEqual(["x/y.bin"]);
});

test("blobs of sequences have keys of their own in each context", () => {
  expect(sequenceBlobPath("samples", null, 5n, "png")).toBe("seq/samples/5.png");
  const [train, val] = ["train", "val"].map((subset) => sequenceBlobPath("samples", mapOf({ subset }), 5n, "png"));
  expect(train).toBe("seq/samples/2326457826/5.png");
  expect(val).not.toBe(train);
  expect(sequenceBlobPath("a/../b", null, 0n, "png")).toBe("seq/a/%../b/0.png");
});

test("content types go by the end of a name", () => {
  expect(contentTypeOf("x/MODEL.PNG")).toBe("image/png");
  expect(contentTypeOf("archive.tar.gz")).toBe("application/gzip");
  expect(contentTypeOf("model.pt")).toBe("application/octet-stream");
  expect(contentTypeOf(".png/none")).toBe("application/octet-stream");
});
