// What the folder engine does on the disk, beyond the contract.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openFolderBlobs } from "./folder.ts";
import { decodeName, encodeKey } from "./folderNames.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "matyan-folder-"));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

const bytes = Buffer.from("x");

test("usual keys are readable paths", () => {
  expect(encodeKey("0123abcd/seq/img/0.png").join("/")).toBe("0123abcd/seq/img/0.png");
  expect(encodeKey("0123abcd/model").join("/")).toBe("0123abcd/model%");
  expect(encodeKey("0123abcd/v1.5/model.bin").join("/")).toBe("0123abcd/v1.5%/model.bin");
  expect(encodeKey("../etc/passwd.d").join("/")).toBe("%2E%2E/etc/passwd.d");
});

test("a name is at most 255 bytes and no part of a path leads out", () => {
  for (const key of ["é".repeat(512), "🚀".repeat(256), "%".repeat(1024), "../".repeat(300), "\u0000".repeat(1024)]) {
    for (const name of encodeKey(key)) {
      expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255);
      expect([".", "..", ""]).not.toContain(name);
    }
  }
});

test("names that no key leads to are nobody's", () => {
  for (const name of ["%tmp", "a%zz", "a%2f", "a%41", "model", "a%FF.bin", "x.bin%"])
    expect(decodeName(name, false)).toBeUndefined();
  expect(decodeName("x%", false)).toEqual({ text: "x", kind: "file" });
});

test("deleting the last blob takes the empty folders along, up to the root", async () => {
  const blobs = await openFolderBlobs(join(dir, "blobs"));
  await blobs.put("r/a/b/c.bin", bytes);
  await blobs.put("r/a/d.bin", bytes);
  await blobs.delete("r/a/b/c.bin");
  expect(await readdir(join(dir, "blobs/r/a"))).toEqual(["d.bin"]);
  await blobs.delete("r/a/d.bin");
  expect(await readdir(join(dir, "blobs"))).toEqual(["%tmp"]);
});

test("opening creates nothing", async () => {
  const blobs = await openFolderBlobs(join(dir, "blobs"));
  expect(await Array.fromAsync(blobs.list(""))).toEqual([]);
  expect(await readdir(dir)).toEqual([]);
});

test("what a killed writer left is removed a day later, not while it may still be written", async () => {
  await mkdir(join(dir, "%tmp"));
  await writeFile(join(dir, "%tmp/old"), "x");
  await writeFile(join(dir, "%tmp/new"), "x");
  const twoDaysAgo = Date.now() / 1000 - 2 * 86_400;
  await utimes(join(dir, "%tmp/old"), twoDaysAgo, twoDaysAgo);
  await openFolderBlobs(dir);
  expect(await readdir(join(dir, "%tmp"))).toEqual(["new"]);
});

test("a symbolic link in the folder is not listed", async () => {
  const blobs = await openFolderBlobs(join(dir, "blobs"));
  await blobs.put("r/a.bin", bytes);
  await symlink("/etc", join(dir, "blobs/r/etc"));
  expect(await Array.fromAsync(blobs.list(""))).toEqual([{ key: "r/a.bin", size: 1, modified: expect.any(Number) }]);
});

test("a folder that refuses is an error that names the blob", async () => {
  await writeFile(join(dir, "blobs"), "a file in the folder's place");
  const blobs = await openFolderBlobs(join(dir, "blobs"));
  await expect(blobs.put("r/a.bin", bytes)).rejects.toThrow("can't write the blob 'r/a.bin'");
});

test("what stands in the folder's place is not taken for an empty one: a file, or a link to a disk that is away", async () => {
  const blobs = await openFolderBlobs(join(dir, "blobs"));
  const list = () => Array.fromAsync(blobs.list("r/"));
  expect(await list()).toEqual([]);
  await symlink(join(dir, "away"), join(dir, "blobs"));
  await expect(list()).rejects.toThrow("is a link to nothing");
  await expect(blobs.check()).rejects.toThrow("is a link to nothing");
  await mkdir(join(dir, "away"));
  expect(await list()).toEqual([]);
  await rm(join(dir, "blobs"));
  await writeFile(join(dir, "blobs"), "");
  await expect(list()).rejects.toThrow("is no folder");
});
