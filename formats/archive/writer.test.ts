// An archive exists whole or not at all, whatever happens to its writer, and never replaces another.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { mapOf } from "../value.ts";
import { type ArchiveWriter, createArchive, openArchive, verifyArchive } from "./index.ts";
import { writeSampleArchive } from "./testArchives.ts";

const now = () => new Date("2026-11-22T10:49:30.790Z");
const name = "matyan-backup-20261122-104930";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "matyan-writer-test-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const create = (options: Partial<Parameters<typeof createArchive>[0]> = {}) =>
  createArchive({ out: folder, kind: "backup", now, durable: false, ...options });

async function addRun(archive: ArchiveWriter, hash: string): Promise<void> {
  const run = await archive.run(hash);
  await run.json("run.json", mapOf({ name: hash }));
  await run.close();
}

describe.each([
  ["a folder", false, ""],
  ["a tar", true, ".tar.gz"],
])("%s", (_, compress, suffix) => {
  test("is named by kind and UTC time, and a taken name gets a number", async () => {
    const names: string[] = [];
    for (let n = 0; n < 3; n++) {
      const archive = await create({ compress });
      await addRun(archive, "a");
      names.push(basename((await archive.finish()).path));
    }
    expect(names).toEqual([`${name}${suffix}`, `${name}-2${suffix}`, `${name}-3${suffix}`]);
    const converted = await create({ compress, kind: "tb-import" });
    expect(basename((await converted.finish()).path)).toBe(`matyan-tb-import-20261122-104930${suffix}`);
  });

  test("is not seen before it is finished, and two at once do not mix", async () => {
    const first = await create({ compress });
    const second = await create({ compress });
    await addRun(first, "a");
    await addRun(second, "b");
    expect(readdirSync(folder).filter((each) => !each.startsWith("."))).toEqual([]);
    const paths = [(await second.finish()).path, (await first.finish()).path];
    for (const path of paths)
      expect(await verifyArchive(path)).toMatchObject({ ok: true, checksums: "verified", runs: 1 });
    expect(readdirSync(folder).sort()).toEqual([`${name}-2${suffix}`, `${name}${suffix}`].sort());
  });

  test("leaves nothing behind when it is aborted, not even the folders made for it", async () => {
    const out = join(folder, "new/deep");
    const archive = await create({ compress, out });
    await addRun(archive, "a");
    const run = await archive.run("b");
    run.records().write(Buffer.from("x\n".repeat(1_000_000)), 1_000_000);
    await archive.abort();
    await archive.abort();
    expect(readdirSync(folder)).toEqual([]);
    expect(() => run.records()).toThrow("closed already");
    await expect(archive.finish()).rejects.toMatchObject({ code: "usage" });
  });

  test("is removed when its scope is left by an error", async () => {
    const failing = async () => {
      await using archive = await create({ compress });
      await addRun(archive, "a");
      throw new Error("the work failed");
    };
    await expect(failing()).rejects.toThrow("the work failed");
    expect(readdirSync(folder)).toEqual([]);
  });

  test("stops at an aborted signal, in the middle of a blob too", async () => {
    const abort = new AbortController();
    const archive = await create({ compress, signal: abort.signal });
    const run = await archive.run("a");
    const endless = (async function* () {
      for (let n = 0; ; n++) {
        if (n === 100) abort.abort(new Error("stopped"));
        yield new Uint8Array(1000);
      }
    })();
    await expect(run.blob("x", endless)).rejects.toThrow("stopped");
    await expect(archive.run("b")).rejects.toThrow("stopped");
    await archive.abort();
    expect(readdirSync(folder)).toEqual([]);
  });

  test("takes several runs at once, keeps the order of their beginning, and drops a discarded one", async () => {
    const archive = await create({ compress });
    const runs = await Promise.all(["a", "b", "c", "d"].map((hash) => archive.run(hash)));
    await Promise.all(
      runs.map(async (run) => {
        await run.json("run.json", mapOf({ name: run.hash }));
        await run.blob("b.bin", Buffer.from(run.hash.repeat(10_000)));
        if (run.hash === "b") return run.discard();
        await run.close();
      }),
    );
    await expect(archive.run("b")).rejects.toMatchObject({ code: "conflict" });
    const { path, ...summary } = await archive.finish();
    expect(summary).toMatchObject({ runs: 3, blobs: 3, blobBytes: 30_000 });
    expect(await verifyArchive(path)).toMatchObject({
      ok: true,
      checksums: "verified",
      runs: 3,
      blobs: 3,
      warnings: 0,
    });
    await using reader = await openArchive(path);
    expect(reader.runHashes).toEqual(["a", "c", "d"]);
  });

  test("is made durable when asked, with the same content", async () => {
    const archive = await create({ compress, durable: true });
    await addRun(archive, "a");
    const path = (await archive.finish()).path;
    expect(await verifyArchive(path)).toMatchObject({ ok: true, checksums: "verified" });
  });
});

test("a .tar.gz path is exactly that file, and an existing one is refused untouched", async () => {
  const out = join(folder, "mine.tgz");
  const archive = await create({ out });
  await addRun(archive, "a");
  const rival = await create({ out });
  await addRun(rival, "b");
  expect((await archive.finish()).path).toBe(out);
  const bytes = readFileSync(out);
  await expect(create({ out })).rejects.toMatchObject({ code: "conflict" });
  // Even one that came up meanwhile.
  await expect(rival.finish()).rejects.toMatchObject({ code: "conflict" });
  await rival.abort();
  expect(readFileSync(out)).toEqual(bytes);
  expect(readdirSync(folder)).toEqual(["mine.tgz"]);
});

test("a file where the folder is to be, or no name at all, is refused by name and with a way out", async () => {
  const file = join(folder, "a-file");
  writeFileSync(file, "");
  for (const out of [file, join(file, "below"), join(file, "a.tar.gz")])
    await expect(create({ out })).rejects.toMatchObject({ code: "conflict", hint: expect.stringContaining(".tar.gz") });
  await expect(create({ out: "" })).rejects.toMatchObject({ code: "usage" });
});

test("an empty folder that has the name is not replaced", async () => {
  mkdirSync(join(folder, name));
  const archive = await create();
  expect(basename((await archive.finish()).path)).toBe(`${name}-2`);
  expect(readdirSync(join(folder, name))).toEqual([]);
});

test("what a killed writer left is removed by the next one; what a living or foreign one has stays", async () => {
  const script = `
    import { createArchive } from ${JSON.stringify(join(import.meta.dir, "index.ts"))};
    const archive = await createArchive({ out: ${JSON.stringify(folder)}, kind: "backup" });
    const run = await archive.run("a");
    run.records().write(Buffer.from("x\\n"), 1);
    console.log("ready");
    await new Promise(() => setInterval(() => {}, 1000));`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
  for await (const chunk of child.stdout) if (Buffer.from(chunk).includes("ready")) break;
  const left = readdirSync(folder);
  expect(left).toHaveLength(1);
  const foreign = left[0]!.replace(/-[0-9a-f]{8}-(\d+)$/, "-00000000-$1");
  mkdirSync(join(folder, foreign));
  writeFileSync(join(folder, ".keep.partial-1"), "");

  await (await create()).abort();
  expect(existsSync(join(folder, left[0]!))).toBe(true);

  child.kill("SIGKILL");
  await child.exited;
  await (await create()).abort();
  expect(readdirSync(folder).sort()).toEqual([foreign, ".keep.partial-1"].sort());
});

describe("a blob", () => {
  test.each(["/etc/x", "../x", "a/../../x", "a//b", "", "a/", ".", `${"n".repeat(300)}`, "a\0b"])(
    "at %j is refused",
    async (path) => {
      const archive = await create();
      const run = await archive.run("a");
      await expect(run.blob(path, Buffer.from("x"))).rejects.toMatchObject({ code: "unsupported" });
      await archive.abort();
    },
  );

  test("is not replaced by another of its path, nor by one below it", async () => {
    const archive = await create();
    const run = await archive.run("a");
    await run.blob("x/y", Buffer.from("1"));
    await expect(run.blob("x/y", Buffer.from("2"))).rejects.toMatchObject({ code: "conflict" });
    await expect(run.blob("x/y/z", Buffer.from("2"))).rejects.toMatchObject({ code: "conflict" });
    await expect(run.blob("x", Buffer.from("2"))).rejects.toMatchObject({ code: "conflict" });
    await run.json("run.json", new Map());
    await run.close();
    const { path, blobs } = await archive.finish();
    expect(blobs).toBe(1);
    expect(readFileSync(join(path, "runs/a/blobs/x/y"), "utf8")).toBe("1");
  });

  test("whose source fails is not kept, and the run can go on", async () => {
    const archive = await create();
    const run = await archive.run("a");
    const failing = (async function* () {
      yield Buffer.from("half");
      throw new Error("gone");
    })();
    await expect(run.blob("x", failing)).rejects.toThrow("gone");
    await run.blob("x", Buffer.from("whole"));
    await run.json("run.json", new Map());
    await run.close();
    expect(await verifyArchive((await archive.finish()).path)).toMatchObject({ ok: true, blobs: 1 });
  });
});

test.each(["", "..", "a/b", "x".repeat(256), "\ud800"])("a run cannot be called %j", async (hash) => {
  const archive = await create();
  await expect(archive.run(hash)).rejects.toMatchObject({ code: "unsupported" });
  await archive.abort();
});

test("mistakes of the caller are named", async () => {
  const archive = await create();
  const run = await archive.run("a");
  await expect(archive.run("a")).rejects.toMatchObject({ code: "conflict" });
  await expect(archive.finish()).rejects.toThrow("run a is open");
  await expect(run.close()).rejects.toThrow("without its run.json");
  await expect(run.extra("sequences.jsonl", null)).rejects.toMatchObject({ code: "usage" });
  await expect(archive.extra("manifest.json", null)).rejects.toMatchObject({ code: "usage" });
  await run.json("run.json", new Map());
  await expect(run.json("run.json", new Map())).rejects.toMatchObject({ code: "conflict" });
  await archive.abort();
});

test("checksums.json lists every file but itself, in lines, with totals", async () => {
  const path = await writeSampleArchive(folder);
  const text = readFileSync(join(path, "checksums.json"), "utf8");
  const list = JSON.parse(text);
  expect(list.version).toBe(1);
  const files = readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((item) => item.isFile())
    .map((item) => join(item.parentPath, item.name).slice(path.length + 1))
    .filter((each) => each !== "checksums.json");
  expect(Object.keys(list.files).sort()).toEqual(files.sort());
  for (const file of files) {
    const bytes = readFileSync(join(path, file));
    expect(list.files[file]).toMatchObject({
      size: bytes.length,
      sha256: new Bun.CryptoHasher("sha256").update(bytes).digest("hex"),
    });
  }
  expect(list.files["runs/aaaa/sequences.jsonl"].records).toBe(43);
  expect(list.totals).toMatchObject({ files: files.length, runs: 2, records: 43, blobs: 2, blob_bytes: 13 });
  expect(text.split("\n")).toHaveLength(files.length + 3);
});

test.skipIf(process.platform === "win32")(
  "a disk that takes no more is an error that names the file, and nothing is left",
  () => {
    // A limit on the size of files stands for the full disk: the system refuses the write in the same way.
    const script = `
    import { createArchive } from ${JSON.stringify(join(import.meta.dir, "index.ts"))};
    process.on("SIGXFSZ", () => {});
    for (const compress of [false, true]) {
      await using archive = await createArchive({ out: ${JSON.stringify(folder)}, kind: "backup", compress });
      try {
        for (let n = 0; ; n++) {
          const run = await archive.run(String(n));
          await run.json("run.json", new Map());
          await run.blob("small", crypto.getRandomValues(new Uint8Array(50_000)));
          if (!compress || n > 2) await run.blob("large", new Uint8Array(compress ? 300_000 : 900_000));
          await run.close();
        }
      } catch (error) {
        console.log(error.code, error.message);
      }
    }`;
    const result = Bun.spawnSync(["sh", "-c", 'ulimit -f 600; exec "$0" -e "$1"', process.execPath, script]);
    expect(result.stderr.toString()).toBe("");
    const lines = result.stdout.toString().trim().split("\n");
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/^io .*blobs\/large/);
    expect(lines[1]).toMatch(/^io .*archive\.tar\.gz/);
    expect(readdirSync(folder)).toEqual([]);
  },
);

const python = Bun.which("python3");
test.skipIf(python === null)("Python's tarfile reads our tars, with paths of any length and script", async () => {
  const long = `seq/${"länge/".repeat(30)}${"n".repeat(200)}/日本 1.png`;
  const archive = await create({ compress: true });
  const run = await archive.run("a");
  await run.json("run.json", mapOf({ name: "ä" }));
  await run.blob(long, Buffer.from("pixels"));
  await run.blob(
    "big",
    (async function* () {
      for (let n = 0; n < 30; n++) yield new Uint8Array(100_000).fill(n);
    })(),
  );
  await run.close();
  const { path } = await archive.finish();
  const script = `
import hashlib, json, sys, tarfile
out = []
with tarfile.open(sys.argv[1]) as tar:
    for member in tar:
        data = tar.extractfile(member).read() if member.isfile() else b""
        out.append([member.name, member.isdir(), member.mode, int(member.mtime), hashlib.sha256(data).hexdigest()])
print(json.dumps(out))`;
  const result = Bun.spawnSync([python!, "-c", script, path], { stderr: "inherit" });
  const members: [string, boolean, number, number, string][] = JSON.parse(result.stdout.toString());
  const byName = new Map(members.map((member) => [member[0], member]));
  expect(members[0]).toEqual([name, true, 0o755, 1795344570, expect.any(String)]);
  expect(byName.get(`${name}/runs/a/blobs/${long}`)?.[4]).toBe(
    new Bun.CryptoHasher("sha256").update("pixels").digest("hex"),
  );
  expect(byName.get(`${name}/runs/a/run.json`)).toEqual([
    `${name}/runs/a/run.json`,
    false,
    0o644,
    1795344570,
    expect.any(String),
  ]);
  expect(members.at(-1)?.[0]).toBe(`${name}/checksums.json`);
  expect(members.at(-2)?.[0]).toBe(`${name}/manifest.json`);
});
