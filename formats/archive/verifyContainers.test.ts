// Verification of what an archive comes in, a tar or a folder: what is refused, what is warned of, what is read all the same.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  chunksOf,
  codesOf,
  errorsOf,
  type Files,
  fixtures,
  goldenFolders,
  loadFiles,
  newSample,
  tarGzipOfFiles,
  tarOf,
  tarOfFiles,
} from "./testArchives.ts";
import { verifyArchive } from "./verify.ts";

let folder: string;
let ours: string;
let oursFiles: Files;

beforeAll(async () => {
  ({ folder, ours, oursFiles } = await newSample());
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = "runs/aaaa";

describe("tars", () => {
  const tar = (bytes: Uint8Array) => verifyArchive("-", { stdin: chunksOf(bytes, 1000) });

  test("cut short are a fault that names the last member", async () => {
    const bytes = await tarGzipOfFiles(oursFiles);
    const result = await tar(bytes.subarray(0, bytes.length - 40));
    expect(errorsOf(result)).toMatchObject([{ code: "damaged" }]);
    expect(result.faults[0]!.message).toContain("cut short");
  });

  test("with a wrong gzip checksum are a fault", async () => {
    const bytes = Buffer.from(await tarGzipOfFiles(oursFiles));
    bytes[bytes.length - 6]! ^= 0xff;
    expect(errorsOf(await tar(bytes))).toMatchObject([{ code: "damaged" }]);
  });

  test("that end at a member's end, without an end mark, are warned of", async () => {
    const bytes = await tarOfFiles(loadFiles(goldenFolders["example-archive"]));
    expect(codesOf(await tar(bytes.subarray(0, bytes.length - 1024)))).toContain("open-end");
  });

  test.each([
    ["empty input", Buffer.alloc(0), "is empty"],
    ["text", Buffer.from("hello ".repeat(300)), "not a tar archive"],
    ["a gzip of nothing", Buffer.from(Bun.gzipSync(new Uint8Array(0))), "is empty"],
  ])("%s is no archive", async (_, bytes, message) => {
    const result = await tar(bytes);
    expect(result.ok).toBe(false);
    expect(result.faults[0]!.message).toContain(message);
  });

  test.each([
    ["a path that climbs out", { name: "top/../../evil" }],
    ["an absolute path", { name: "/etc/evil" }],
    ["a symbolic link", { name: "top/runs/x", type: "symlink", linkname: "/etc/passwd" }],
    ["a hard link", { name: "top/runs/x", type: "link", linkname: "top/manifest.json" }],
    ["a device", { name: "top/runs/x", type: "character-device" }],
    ["a second folder", { name: "other/manifest.json" }],
  ] as const)("%s is refused", async (_, header) => {
    const result = await tar(await tarOf([{ header: { name: "top/", type: "directory" } }, { header }]));
    expect(result.faults).toContainEqual(expect.objectContaining({ code: "unsafe", file: header.name }));
  });

  test("a member that is there twice is an error when its content differs, a warning when not", async () => {
    const twice = (content: string) =>
      tarOf([
        { header: { name: "top/runs/", type: "directory" } },
        { header: { name: "top/project.json" }, content: "{}" },
        { header: { name: "top/project.json" }, content },
      ]);
    expect((await tar(await twice("[]"))).faults).toContainEqual(
      expect.objectContaining({ severity: "error", code: "duplicate", file: "project.json" }),
    );
    expect((await tar(await twice("{}"))).faults).toContainEqual(
      expect.objectContaining({ severity: "warning", code: "duplicate" }),
    );
  });

  test("runs whose files are not together are unpacked from a file, and refused from a pipe", async () => {
    const files = [...oursFiles];
    const scattered = new Map([
      ...files.filter((_, index) => index % 2 === 0),
      ...files.filter((_, index) => index % 2 === 1),
    ]);
    const bytes = await tarGzipOfFiles(scattered);
    const path = join(folder, "scattered.tar.gz");
    writeFileSync(path, bytes);
    expect(await verifyArchive(path)).toMatchObject({ ok: true, checksums: "verified", faults: [] });
    await expect(tar(bytes)).rejects.toMatchObject({ code: "unsupported" });
  });

  test("made inside of the archive's folder, or by a Mac, are read all the same", async () => {
    const inside = [...oursFiles].map(([name, content]) => ({ header: { name: `./${name}` }, content }));
    expect(await tar(await tarOf(inside))).toMatchObject({ ok: true, checksums: "verified" });
    const mac = [...oursFiles].flatMap(([name, content]) => [
      { header: { name: `./top/${name.replace(/[^/]+$/, "._$&")}` }, content: "resource fork" },
      { header: { name: `./top/${name}` }, content },
    ]);
    const own = mac.filter(({ header }) => !header.name.includes("blobs/") || !header.name.includes("/._"));
    expect(await tar(await tarOf([{ header: { name: "./._top" }, content: "x" }, ...own]))).toMatchObject({ ok: true });
  });
});

describe("folders", () => {
  test("that hold one archive stand for it; several are named", async () => {
    expect((await verifyArchive(join(fixtures, "example-archive-full"))).ok).toBe(true);
    await expect(verifyArchive(join(fixtures, "example-archive"))).rejects.toMatchObject({
      code: "usage",
      message: expect.stringContaining("matyan-backup-20261122-104931.tar.gz"),
    });
    await expect(verifyArchive(join(folder, "nowhere"))).rejects.toMatchObject({ code: "not_found" });
  });

  test("with a link in them are refused at the link", async () => {
    const copy = join(folder, "linked");
    cpSync(ours, copy, { recursive: true });
    symlinkSync("/etc/hostname", join(copy, run, "blobs/link"));
    expect((await verifyArchive(copy)).faults).toContainEqual(
      expect.objectContaining({ code: "unsafe", file: `${run}/blobs/link` }),
    );
  });

  test("of an interrupted backup say that it was interrupted", async () => {
    const copy = join(folder, "cut");
    cpSync(ours, copy, { recursive: true });
    rmSync(join(copy, "manifest.json"));
    await expect(verifyArchive(copy)).rejects.toMatchObject({
      code: "corrupt",
      message: expect.stringContaining("manifest.json"),
    });
  });
});

test("an aborted verification throws the reason", async () => {
  const abort = new AbortController();
  abort.abort(new Error("stopped"));
  await expect(verifyArchive(ours, { signal: abort.signal })).rejects.toThrow("stopped");
});
