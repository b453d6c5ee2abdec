import { expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { mapOf } from "../../formats/value.ts";
import { readAttrs } from "../store/attrs.ts";
import { deleteRun } from "../store/deletion.ts";
import { blobKeyIn, blobKeyOf, blobUrlPath } from "./blobPath.ts";
import { readSecret } from "./secret.ts";
import { openTestFrontier, type TestFrontier, testSecret } from "./testing.ts";
import { readUpload, signUpload } from "./uploadUrl.ts";

interface Presigned {
  readonly upload_url: string;
  readonly s3_key: string;
  readonly headers: null;
}

async function presign(served: TestFrontier, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return await fetch(`${served.address}/api/v1/rest/artifacts/presign`, { method: "POST", body: text, headers });
}

async function urlFor(served: TestFrontier, path: string, type = "text/plain"): Promise<string> {
  const body = { run_id: "run1", artifact_path: path, content_type: type };
  return ((await (await presign(served, body)).json()) as Presigned).upload_url;
}

async function put(
  url: string,
  body: string | Blob | ReadableStream<Uint8Array>,
  type: string | undefined = "text/plain",
): Promise<Response> {
  return await fetch(url, { method: "PUT", body, headers: type === undefined ? {} : { "content-type": type } });
}

async function blobText(served: TestFrontier, key: string): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  const found = await served.blobs.get(key);
  if (found === undefined) return undefined;
  for await (const chunk of found) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** Files of the blob folder, unfinished ones included. */
function filesOf(served: TestFrontier): string[] {
  return readdirSync(served.folder, { recursive: true, withFileTypes: true }).flatMap((each) =>
    each.isFile() ? [each.name] : [],
  );
}

test("presign answers in the existing shape, for the address that the client used", async () => {
  await using served = await openTestFrontier();
  const response = await presign(served, { run_id: "run1", artifact_path: "a b/ü.txt" });
  expect(response.status).toBe(200);
  const { upload_url, s3_key, headers, ...rest } = (await response.json()) as Presigned;
  expect(rest).toEqual({});
  expect(upload_url).toStartWith(`${served.address}/api/v1/blobs/run1/a%20b/%C3%BC.txt?`);
  expect([s3_key, headers]).toEqual(["run1/a b/ü.txt", null]);
  const proxied = await presign(
    served,
    { run_id: "r", artifact_path: "p" },
    { "x-forwarded-host": "files.example.org", "x-forwarded-proto": "https" },
  );
  expect(((await proxied.json()) as Presigned).upload_url).toStartWith("https://files.example.org/api/v1/blobs/r/p?");
});

test("an origin that was configured comes before the client's", async () => {
  await using served = await openTestFrontier({ uploadOrigin: "https://up.example.org" });
  expect(await urlFor(served, "p")).toStartWith("https://up.example.org/api/v1/blobs/run1/p?");
});

test("a file that is put is stored under its key, and is an artifact of the run at once", async () => {
  await using served = await openTestFrontier();
  const response = await put(await urlFor(served, "a/b.txt"), "hello");
  expect(response.status).toBe(200);
  const sha256 = new Bun.CryptoHasher("sha256").update("hello").digest("hex");
  expect(await response.json()).toEqual({ s3_key: "run1/a/b.txt", size: 5, sha256 });
  expect(await blobText(served, "run1/a/b.txt")).toBe("hello");
  const attrs = await served.store.database.snapshot((tx) =>
    readAttrs(tx, served.store, "run1", ["__blobs__", "a/b.txt"]),
  );
  expect(attrs).toEqual(mapOf({ s3_key: "run1/a/b.txt", content_type: "text/plain" }));
});

test("putting again replaces the blob, and a PUT without a content type is taken", async () => {
  await using served = await openTestFrontier();
  const url = await urlFor(served, "x");
  await put(url, "one");
  expect((await put(url, new Blob([new TextEncoder().encode("two")]), undefined)).status).toBe(200);
  expect(await blobText(served, "run1/x")).toBe("two");
});

test("a URL whose key, type, limit, expiry or signature was changed is refused with 403, and nothing is stored", async () => {
  await using served = await openTestFrontier();
  const url = new URL(await urlFor(served, "x"));
  const changed = (change: (url: URL) => void) => {
    const copy = new URL(url);
    change(copy);
    return copy.href;
  };
  const urls = [
    changed((each) => (each.pathname = "/api/v1/blobs/run2/x")),
    changed((each) => (each.pathname = "/api/v1/blobs/run1/x/y")),
    changed((each) => (each.pathname = "/api/v1/blobs/x")),
    changed((each) => each.searchParams.set("type", "text/html")),
    changed((each) => each.searchParams.set("max", "99999999")),
    changed((each) => each.searchParams.set("expires", "9999999999")),
    changed((each) => each.searchParams.set("signature", "AAAA")),
    changed((each) => each.searchParams.delete("signature")),
  ];
  for (const each of urls) expect((await put(each, "x")).status).toBe(403);
  expect((await put(url.href, "x", "text/html")).status).toBe(403);
  expect(filesOf(served)).toEqual([]);
});

test("an expired URL is refused with 403, one second before it is not", async () => {
  let now = 1_800_000_000;
  await using served = await openTestFrontier({ now: () => now, presignExpirySeconds: 60 });
  const url = await urlFor(served, "x");
  now += 60;
  expect((await put(url, "x")).status).toBe(200);
  now += 1;
  const late = await put(url, "y");
  expect([late.status, await late.json()]).toEqual([403, { error: "the URL has expired: ask for a new one" }]);
  expect(await blobText(served, "run1/x")).toBe("x");
});

test("a body over the limit is refused with 413 and leaves nothing, whether it says its length or not", async () => {
  await using served = await openTestFrontier({ maxUploadBytes: 1_000 });
  const url = await urlFor(served, "x");
  expect((await put(url, "x".repeat(1_001))).status).toBe(413);
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let i = 0; i < 11; i++) controller.enqueue(new Uint8Array(100));
      controller.close();
    },
  });
  expect((await put(url, stream)).status).toBe(413);
  expect(filesOf(served)).toEqual([]);
  expect((await put(url, "x".repeat(1_000))).status).toBe(200);
});

test("an upload that breaks off leaves nothing, and what was there before stays", async () => {
  await using served = await openTestFrontier();
  const url = new URL(await urlFor(served, "x"));
  await put(url.href, "before");
  for (const [head, body] of [
    ["Content-Length: 100000", "a".repeat(60_000)],
    ["Transfer-Encoding: chunked", `ea60\r\n${"a".repeat(60_000)}\r\n`],
  ]) {
    const socket = connect(Number(url.port), url.hostname);
    socket.write(
      `PUT ${url.pathname}${url.search} HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n${head}\r\n\r\n${body}`,
    );
    await until(() => filesOf(served).length === 2);
    socket.destroy();
    await until(() => filesOf(served).length === 1);
  }
  expect(await blobText(served, "run1/x")).toBe("before");
});

test("a deleted run takes no more files", async () => {
  await using served = await openTestFrontier();
  const url = await urlFor(served, "x");
  await deleteRun(served.store, "run1", { now: 1 });
  expect((await put(url, "x")).status).toBe(403);
  expect(filesOf(served)).toEqual([]);
});

test.each([
  ["", "missing", "body"],
  ["{", "json_invalid", "body"],
  ["[]", "model_attributes_type", "body"],
  ['{"artifact_path":"a"}', "missing", "body.run_id"],
  ['{"run_id":1,"artifact_path":"a"}', "string_type", "body.run_id"],
  ['{"run_id":"r","artifact_path":"a","content_type":null}', "string_type", "body.content_type"],
  ['{"run_id":"r","artifact_path":"a/../../b"}', "value_error", "body.artifact_path"],
  ['{"run_id":"..","artifact_path":"a"}', "value_error", "body.run_id"],
  ['{"run_id":"a/b","artifact_path":"a"}', "value_error", "body.run_id"],
])("the presign body %s is a 422 in the framework's shape", async (body, type, location) => {
  await using served = await openTestFrontier();
  const response = await presign(served, body);
  expect(response.status).toBe(422);
  const { detail } = (await response.json()) as { detail: { type: string; loc: string[]; msg: string }[] };
  expect(detail.map((each) => [each.type, each.loc.join("."), typeof each.msg])).toEqual([[type, location, "string"]]);
});

test("a presign body over 64 KiB is a 413, another method a 405", async () => {
  await using served = await openTestFrontier();
  expect((await presign(served, { run_id: "r", artifact_path: "x".repeat(70_000) })).status).toBe(413);
  expect((await fetch(`${served.address}/api/v1/rest/artifacts/presign`)).status).toBe(405);
});

test("every key goes into a URL and comes back the same; none leaves its run's prefix", () => {
  const segment = fc.string({ unit: "grapheme", maxLength: 12 });
  fc.assert(
    fc.property(segment, fc.array(segment, { maxLength: 4 }), (run, path) => {
      let key: string;
      try {
        key = blobKeyOf(run, path.join("/"));
      } catch {
        return;
      }
      expect(key).toStartWith(`${run}/`);
      const url = new URL(`http://host${blobUrlPath(key)}`);
      expect(blobKeyIn(url.pathname)).toBe(key);
      const grant = { key, contentType: "text/plain; a=b&c", expires: 100, maxBytes: 7 };
      const signed = new URL(`http://host${signUpload(grant, testSecret)}`);
      expect(readUpload(signed, testSecret, 100)).toEqual(grant);
      expect(readUpload(signed, new Uint8Array(32), 100)).toHaveProperty("refused");
    }),
  );
});

test.each(["a/../b", "a/%2e%2e/b", "a/%2E./b", "%2e%2e/a", "a%2Fb/c", "a", "a/b%ZZ", "./a"])(
  "the path %s names no blob",
  (path) => {
    expect(blobKeyIn(`/api/v1/blobs/${path}`)).toBeUndefined();
  },
);

test("the secret is made once, for its owner's eyes only, also by many processes at the same time", async () => {
  const folder = await mkdtemp(join(tmpdir(), "matyan-secret-test-"));
  const path = join(folder, "deep", "presign.key");
  const secrets = await Promise.all(Array.from({ length: 20 }, () => readSecret(path)));
  expect(new Set(secrets.map((each) => Buffer.from(each).toString("hex"))).size).toBe(1);
  expect(secrets[0]).toHaveLength(32);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(readdirSync(join(folder, "deep"))).toEqual(["presign.key"]);
  await Bun.write(path, "short");
  expect(readSecret(path)).rejects.toThrow("holds 5 bytes instead of 32");
  await rm(folder, { recursive: true });
  expect(existsSync(folder)).toBe(false);
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await Bun.sleep(5);
}
