// The reader gives what other programs wrote, and unpacks tars so that nothing can leave its folder or stay behind.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mapOf } from "../value.ts";
import { type ArchiveReader, openArchive } from "./index.ts";
import {
  chunksOf,
  fixtures,
  goldenFolders,
  goldenTars,
  loadFiles,
  type Member,
  tarGzipOfFiles,
  tarOf,
} from "./testArchives.ts";

let folder: string;
let tempDir: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "matyan-reader-test-"));
  tempDir = join(folder, "temp");
  mkdirSync(tempDir);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const golden = "0123456789abcdef0123456789abcdef";

async function recordsOf(archive: ArchiveReader, hash: string) {
  return (await Array.fromAsync((await archive.run(hash)).records())).flat();
}

test("a backup by the existing backend reads as specified", async () => {
  await using archive = await openArchive(goldenFolders["example-archive"]);
  expect(archive.runHashes).toEqual([golden]);
  expect(archive.manifest.get("run_count")).toBe(1n);
  const run = await archive.run(golden);
  expect(run.missing).toEqual([]);
  expect(await run.readJson("contexts.json")).toEqual(
    mapOf({ "0": new Map(), "2326457826": mapOf({ subset: "train" }) }),
  );
  expect(await run.readJson("attrs.json")).toEqual(
    mapOf({
      __blobs__: new Map([
        ["seq/samples/0.png", mapOf({ content_type: "image/png", s3_key: `${golden}/seq/samples/0.png` })],
      ]),
      hparams: mapOf({ layers: [64n, 32n], lr: 0.01 }),
    }),
  );
  const records = await recordsOf(archive, golden);
  expect(records[0]).toEqual({
    contextId: 0,
    name: "logs",
    step: 0n,
    value: "epoch 0 done",
    time: 1795344570.7325048,
    line: 1,
  });
  expect(records[3]).toEqual({
    contextId: 2326457826,
    name: "loss",
    step: 1n,
    value: 0.75,
    epoch: 0n,
    time: 1795344570.7322128,
    line: 4,
  });
  const blobs = await Array.fromAsync(run.blobs());
  expect(blobs.map(({ path, size }) => [path, size])).toEqual([["seq/samples/0.png", 72]]);
  expect(
    Buffer.concat(await Array.fromAsync(blobs[0]!.open()))
      .subarray(1, 4)
      .toString(),
  ).toBe("PNG");
  const entities = await Array.fromAsync(archive.entities());
  expect(entities.map(({ kind, line }) => [kind, line])).toEqual([
    ["experiment", 1],
    ["tag", 2],
  ]);
  expect(await archive.readExtra("project.json")).toBeUndefined();
  expect(await run.readExtra("tags.json")).toBeUndefined();
});

test("the client's and the converter's archives read whole", async () => {
  await using client = await openArchive(goldenFolders["example-archive-client"]);
  expect((await recordsOf(client, golden)).filter(({ name }) => name === "logs")).toHaveLength(200);
  await using converted = await openArchive(goldenTars.converted, { tempDir });
  expect(converted.runHashes).toHaveLength(20);
  let records = 0;
  for (const hash of converted.runHashes) records += (await recordsOf(converted, hash)).length;
  expect(records).toBe(195);
  expect(await Array.fromAsync(converted.entities())).toEqual([]);
});

test("a run folder that its maker left unfinished names what it lacks", async () => {
  const copy = join(folder, "copy");
  cpSync(goldenFolders["example-archive-client"], copy, { recursive: true });
  rmSync(join(copy, "runs", golden, "traces.json"));
  rmSync(join(copy, "runs", golden, "sequences.jsonl"));
  await using archive = await openArchive(copy);
  const run = await archive.run(golden);
  expect(run.missing).toEqual(["traces.json"]);
  await expect(run.readJson("traces.json")).rejects.toMatchObject({
    code: "corrupt",
    message: expect.stringContaining("traces.json is missing"),
  });
  expect(await Array.fromAsync(run.records())).toEqual([]);
});

test("points come in batches that stay small", async () => {
  const files = loadFiles(goldenFolders["example-archive"]);
  const line = '{"ctx_id": 0, "name": "logs", "step": 1, "value": "x"}\n';
  files.set(`runs/${golden}/sequences.jsonl`, Buffer.from(line.repeat(50_000)));
  await using archive = await openArchive("-", { stdin: chunksOf(await tarGzipOfFiles(files), 999), tempDir });
  const sizes = (await Array.fromAsync((await archive.run(golden)).records())).map((batch) => batch.length);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(1000);
  expect(sizes.reduce((sum, size) => sum + size)).toBe(50_000);
});

describe("temporary files", () => {
  test("are gone when the archive is closed", async () => {
    const archive = await openArchive(goldenTars.backup, { tempDir });
    expect(readdirSync(tempDir)).toHaveLength(1);
    await archive.close();
    expect(readdirSync(tempDir)).toEqual([]);
  });

  test("are gone when the tar is damaged", async () => {
    const bytes = await tarGzipOfFiles(loadFiles(goldenFolders["example-archive"]));
    const stdin = chunksOf(bytes.subarray(0, bytes.length - 100), 64);
    await expect(openArchive("-", { stdin, tempDir })).rejects.toMatchObject({
      code: "corrupt",
      message: expect.stringContaining("damaged or cut short"),
    });
    expect(readdirSync(tempDir)).toEqual([]);
  });

  test("are gone when the work is stopped", async () => {
    const abort = new AbortController();
    const stdin = (async function* () {
      const bytes = await tarGzipOfFiles(loadFiles(goldenFolders["example-archive"]));
      yield bytes.subarray(0, 600);
      abort.abort(new Error("stopped"));
      yield bytes.subarray(600);
    })();
    await expect(openArchive("-", { stdin, tempDir, signal: abort.signal })).rejects.toThrow("stopped");
    expect(readdirSync(tempDir)).toEqual([]);
  });
});

describe("a tar with", () => {
  const top = { header: { name: "top/", type: "directory" } } as const;
  const harmful: [string, Member[]][] = [
    ["a path that climbs out", [{ header: { name: "top/../../../evil" }, content: "x" }]],
    [
      "a path that climbs out of a deep folder",
      [{ header: { name: "top/runs/a/blobs/../../../../../evil" }, content: "x" }],
    ],
    ["an absolute path", [{ header: { name: `${tmpdir()}/evil-absolute` }, content: "x" }]],
    ["a symbolic link", [{ header: { name: "top/evil", type: "symlink", linkname: "/" } }]],
    [
      "a link and a file through it",
      [
        { header: { name: "top/l", type: "symlink", linkname: ".." } },
        { header: { name: "top/l/evil" }, content: "x" },
      ],
    ],
    ["a hard link", [{ header: { name: "top/evil", type: "link", linkname: "/etc/passwd" } }]],
    ["a device", [{ header: { name: "top/evil", type: "block-device", devmajor: 8 } }]],
    ["a pipe", [{ header: { name: "top/evil", type: "fifo" } }]],
    ["a name over 255 bytes", [{ header: { name: `top/${"n".repeat(256)}` }, content: "x" }]],
    ["a NUL in a name", [{ header: { name: "top/evil", pax: { path: "top/e\0vil" } }, content: "x" }]],
    [
      "one name twice and different content",
      [
        { header: { name: "top/a" }, content: "1" },
        { header: { name: "top/a" }, content: "2" },
      ],
    ],
    [
      "a file where a folder is",
      [
        { header: { name: "top/a/b" }, content: "1" },
        { header: { name: "top/a" }, content: "2" },
      ],
    ],
    [
      "a folder where a file is",
      [
        { header: { name: "top/a" }, content: "1" },
        { header: { name: "top/a/b" }, content: "2" },
      ],
    ],
  ];
  test.each(harmful)("%s is refused, naming the member", async (_, members) => {
    const stdin = chunksOf(await tarOf([top, ...members]), 512);
    await expect(openArchive("-", { stdin, tempDir })).rejects.toMatchObject({
      code: "corrupt",
      message: expect.stringMatching(/^standard input: member "/),
    });
    expect(readdirSync(folder)).toEqual(["temp"]);
    expect(readdirSync(tempDir)).toEqual([]);
    expect(existsSync(join(tmpdir(), "evil-absolute"))).toBe(false);
  });

  test("one name twice and the same content opens", async () => {
    const files = [...loadFiles(goldenFolders["example-archive"])].map(([name, content]) => ({
      header: { name: `top/${name}` },
      content,
    }));
    await using archive = await openArchive("-", {
      stdin: chunksOf(await tarOf([top, ...files, ...files]), 512),
      tempDir,
    });
    expect(archive.runHashes).toEqual([golden]);
  });
});

describe("what is no archive", () => {
  test.each([
    ["a manifest of another version", '{"format_version": 2}', "unsupported", "format version 2"],
    ["a manifest without a version", "{}", "unsupported", "format version none"],
    ["a manifest that is not JSON", "{", "corrupt", "manifest.json:1: not JSON"],
    ["a run hash that is a path", '{"format_version": 1, "run_hashes": ["../.."]}', "corrupt", "run_hashes"],
    ["a run without a folder", '{"format_version": 1, "run_hashes": ["a"]}', "corrupt", "no folder for a"],
    ["a folder without a run", '{"format_version": 1, "run_hashes": []}', "corrupt", "does not name: b"],
  ] as const)("%s is refused", async (_, manifest, code, message) => {
    mkdirSync(join(folder, "archive/runs/b"), { recursive: true });
    if (message.startsWith("no folder")) rmSync(join(folder, "archive/runs/b"), { recursive: true });
    writeFileSync(join(folder, "archive/manifest.json"), manifest);
    await expect(openArchive(join(folder, "archive"))).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
  });

  test("a missing path, an empty folder and a folder of several archives are told apart", async () => {
    await expect(openArchive(join(folder, "none"))).rejects.toMatchObject({ code: "not_found" });
    await expect(openArchive(tempDir)).rejects.toMatchObject({ code: "not_found" });
    await expect(openArchive(join(fixtures, "example-archive"))).rejects.toMatchObject({ code: "usage" });
    await using only = await openArchive(join(fixtures, "example-archive-full"));
    expect(only.runHashes).toHaveLength(2);
  });

  test("a link among the blobs is not followed", async () => {
    const copy = join(folder, "copy");
    cpSync(goldenFolders["example-archive"], copy, { recursive: true });
    symlinkSync("/etc/hostname", join(copy, "runs", golden, "blobs/link"));
    await using archive = await openArchive(copy);
    const run = await archive.run(golden);
    await expect(Array.fromAsync(run.blobs())).rejects.toMatchObject({ code: "corrupt" });
  });

  test("a bad line is named by file and line", async () => {
    const copy = join(folder, "copy");
    cpSync(goldenFolders["example-archive"], copy, { recursive: true });
    writeFileSync(join(copy, "entities.jsonl"), '\n{"entity_type": 1}\n');
    writeFileSync(join(copy, "runs", golden, "sequences.jsonl"), '\n\n{"ctx_id": 0,');
    await using archive = await openArchive(copy);
    await expect(Array.fromAsync(archive.entities())).rejects.toThrow(/entities\.jsonl:2: entity_type/);
    await expect(recordsOf(archive, golden)).rejects.toThrow(/sequences\.jsonl:3: not JSON/);
  });
});
