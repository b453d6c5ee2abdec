// Downloads: names of any script, types that clients chose, files that are missing, ZIPs of it all.
import { describe, expect, test } from "bun:test";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import yauzl from "yauzl";
import { mapOf, type Value } from "../../formats/value.ts";
import { attachment, contentType } from "./attachment.ts";
import { openTestApi, type TestApi } from "./testing.ts";
import { zipNames } from "./zipNames.ts";

const base = "/api/v1/rest/runs/r/artifacts";

async function makeRun(api: TestApi, files: Readonly<Record<string, Uint8Array | string | undefined>>) {
  const blobs: [string, Record<string, Value>][] = [];
  for (const [path, content] of Object.entries(files)) {
    if (content !== undefined) await api.blobs.put(`r/${path}`, Buffer.from(content as string));
    blobs.push(["blob_ref", { artifact_path: path, s3_key: `r/${path}`, content_type: "text/plain" }]);
  }
  await submit(api, [["create_run", {}], ...blobs]);
}

async function submit(api: TestApi, messages: readonly (readonly [string, Record<string, Value>])[]) {
  const sent = messages.map(([type, payload]) => ({ type, runId: "r", timestamp: 1_772e6, payload: mapOf(payload) }));
  for (const outcome of await api.loop.submit(sent)) if (!outcome.ok) throw outcome.error;
}

/** The entries of a ZIP as another implementation reads them. */
async function entriesOf(bytes: Uint8Array): Promise<Map<string, string>> {
  const { promise, resolve, reject } = Promise.withResolvers<Map<string, string>>();
  const entries = new Map<string, string>();
  yauzl.fromBuffer(Buffer.from(bytes), { lazyEntries: true }, (error, zip) => {
    if (error !== null) return reject(error);
    zip.on("error", reject);
    zip.on("end", () => resolve(entries));
    zip.on("entry", (entry) => {
      zip.openReadStream(entry, async (failure, stream) => {
        if (failure !== null) return reject(failure);
        const chunks: Buffer[] = [];
        for await (const chunk of stream) chunks.push(chunk);
        const content = Buffer.concat(chunks);
        if (crc32(content) !== entry.crc32) return reject(new Error(`the checksum of ${entry.fileName} is wrong`));
        entries.set(entry.fileName, content.toString());
        zip.readEntry();
      });
    });
    zip.readEntry();
  });
  return promise;
}

describe("one file", () => {
  test("comes whole with its type, name and length", async () => {
    await using api = await openTestApi();
    const large = new Uint8Array(3_000_000).map((_, i) => i);
    await makeRun(api, { "config.yaml": "lr: 0.1\n", "models/deep/best.pt": large, empty: "" });
    const config = await api.send("GET", `${base}/download?path=config.yaml`);
    expect(await config.text()).toBe("lr: 0.1\n");
    expect(Object.fromEntries(config.headers)).toMatchObject({
      "content-type": "text/plain; charset=utf-8",
      "content-disposition": 'attachment; filename="config.yaml"',
      "content-length": "8",
      "x-content-type-options": "nosniff",
    });
    const best = await api.send("GET", `${base}/download/?path=models%2Fdeep%2Fbest.pt`);
    expect(best.headers.get("content-disposition")).toBe('attachment; filename="best.pt"');
    expect(Buffer.compare(await best.bytes(), large)).toBe(0);
    expect((await (await api.send("GET", `${base}/download?path=empty`)).bytes()).length).toBe(0);
  });

  test("is sent with its length over a real connection", async () => {
    await using api = await openTestApi();
    await makeRun(api, { a: "0123456789" });
    const server = Bun.serve({ port: 0, fetch: (request) => api.handle(request) });
    const response = await fetch(`${server.url}${base.slice(1)}/download?path=a`);
    expect([response.headers.get("content-length"), await response.text()]).toEqual(["10", "0123456789"]);
    await server.stop(true);
  });

  test("of any script downloads under its name", async () => {
    await using api = await openTestApi();
    await makeRun(api, { "звіт «1».txt": "привіт", 'a"b\\c.txt': "quoted" });
    const path = encodeURIComponent("звіт «1».txt");
    const response = await api.send("GET", `${base}/download?path=${path}`);
    expect([response.status, await response.text()]).toEqual([200, "привіт"]);
    const disposition = response.headers.get("content-disposition") ?? "";
    expect(decodeURIComponent(disposition.split("UTF-8''")[1]!)).toBe("звіт «1».txt");
    expect((await api.send("GET", `${base}/download?path=${encodeURIComponent('a"b\\c.txt')}`)).status).toBe(200);
  });

  test("that is missing, of a sequence, or another run's is not found", async () => {
    await using api = await openTestApi();
    await makeRun(api, { "missing.bin": undefined, "seq/pic/0.png": "png" });
    await api.blobs.put("other/secret", Buffer.from("secret"));
    await submit(api, [["blob_ref", { artifact_path: "theirs", s3_key: "other/secret", content_type: "x/y" }]]);
    for (const path of ["missing.bin", "seq%2Fpic%2F0.png", "theirs", "nope", ""])
      expect((await api.send("GET", `${base}/download?path=${path}`)).status).toBe(404);
    expect((await api.send("GET", `${base}/download`)).status).toBe(422);
    expect((await api.send("GET", "/api/v1/rest/runs/nope/artifacts/download?path=x")).status).toBe(404);
  });
});

describe("all files", () => {
  test("come as a ZIP that other programs read, stored, and says which are missing", async () => {
    await using api = await openTestApi();
    await makeRun(api, {
      "a.txt": "first",
      "missing.bin": undefined,
      "models/x/звіт.txt": "привіт",
      "seq/pic/0.png": "not an artifact",
      empty: "",
    });
    const response = await api.send("GET", `${base}/download-all/`);
    expect(response.headers.get("content-type")).toBe("application/zip");
    expect(response.headers.get("content-disposition")).toBe('attachment; filename="r-artifacts.zip"');
    const bytes = await response.bytes();
    expect(await entriesOf(bytes)).toEqual(
      new Map([
        ["a.txt", "first"],
        ["empty", ""],
        ["models/x/звіт.txt", "привіт"],
        ["MISSING FILES.txt", "Logged, but not stored (1):\n\nmissing.bin\n"],
      ]),
    );
    expect(Buffer.from(bytes).includes("first")).toBe(true);
  });

  test("are not found where there are none", async () => {
    await using api = await openTestApi();
    await makeRun(api, { "seq/pic/0.png": "x" });
    expect((await api.send("GET", `${base}/download-all`)).status).toBe(404);
    expect((await api.send("GET", "/api/v1/rest/runs/nope/artifacts/download-all")).status).toBe(404);
  });

  test("unpack below one folder, whatever their paths say", async () => {
    await using api = await openTestApi();
    const paths = ["../../etc/passwd", "/abs", "C:\\windows\\x", "a", "a/b"];
    await submit(api, [["create_run", {}]]);
    for (const path of paths) {
      await api.blobs.put(`r/x${paths.indexOf(path)}`, Buffer.from(path));
      const key = `r/x${paths.indexOf(path)}`;
      await submit(api, [["blob_ref", { artifact_path: path, s3_key: key, content_type: "x/y" }]]);
    }
    const entries = await entriesOf(await (await api.send("GET", `${base}/download-all`)).bytes());
    expect(new Set(entries.keys())).toEqual(new Set(["etc/passwd", "abs", "C_/windows/x", "a (2)", "a/b"]));
  });
});

test("names in a ZIP are distinct, relative and unlike each other's folders", () => {
  const part = fc.oneof(fc.constantFrom("..", ".", "", "a", "b", "a (2)", "C:", "a.txt"), fc.string());
  const path = fc.array(part, { maxLength: 4 }).map((parts) => parts.join("/"));
  fc.assert(
    fc.property(fc.array(path, { maxLength: 8 }), (paths) => {
      const names = zipNames(paths);
      expect(names).toHaveLength(paths.length);
      expect(new Set(names).size).toBe(names.length);
      for (const name of names) {
        expect(name.split("/").some((each) => ["", ".", ".."].includes(each))).toBe(false);
        expect(names.some((other) => other.startsWith(`${name}/`))).toBe(false);
        expect(name).not.toMatch(/[\x00-\x1f\\]|^[a-zA-Z]:/);
      }
    }),
  );
  expect(zipNames(["a/b.txt", "c"])).toEqual(["a/b.txt", "c"]);
});

test("a file name never ends its header and reads back to itself", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (name) => {
      const header = attachment(name);
      expect(new Headers({ "content-disposition": header }).get("content-disposition")).toBe(header);
      const [, plain, extended] = /^attachment; filename="([^"\\]*)"(?:; filename\*=UTF-8''([\w!#$&+.^`|~%-]*))?$/.exec(
        header,
      )!;
      const shown = name.toWellFormed().replace(/[\x00-\x1f\x7f]/g, "_") || "file";
      expect(extended === undefined ? plain : decodeURIComponent(extended)).toBe(shown);
    }),
  );
});

test("only what is a content type goes out as one", () => {
  expect(contentType("text/html")).toBe("text/html; charset=utf-8");
  expect(contentType("text/plain; charset=latin-1")).toBe("text/plain; charset=latin-1");
  for (const odd of ["", "html", "a/b\r\nx: y", "text/html; <script>", "ü/x"])
    expect(contentType(odd)).toBe("application/octet-stream");
});
