// Counting of blobs bit by bit, on a listing that the test feeds and on a real folder.
import { expect, test } from "bun:test";
import { openFolderBlobs } from "../blobs/folder.ts";
import { testFolder } from "../testing/served.ts";
import { BlobTally } from "./blobTally.ts";

test("a folder is counted as it is, and anew only after five minutes", async () => {
  await using folder = await testFolder();
  const blobs = await openFolderBlobs(folder.path, { durability: "normal" });
  await blobs.put("run/a", new Uint8Array(1_000));
  await blobs.put("run/deep/b", new Uint8Array(23));
  let now = 1_000;
  const tally = new BlobTally(blobs, () => now);
  expect(await tally.look(60_000)).toEqual({ files: 2, bytes: 1_023, whole: true, at: 1_000 });
  await blobs.put("run/c", new Uint8Array(7));
  now += 200;
  expect(await tally.look(60_000)).toEqual({ files: 2, bytes: 1_023, whole: true, at: 1_000 });
  now += 200;
  expect(await tally.look(60_000)).toEqual({ files: 3, bytes: 1_030, whole: true, at: 1_400 });
  await blobs.close();
});

test("a look takes a part of a large listing and says so, the next one goes on", async () => {
  let listings = 0;
  const blobs = {
    async *list() {
      listings++;
      for (let i = 0; i < 5; i++) yield { key: `${i}`, size: 10, modified: 0 };
    },
  };
  const tally = new BlobTally(blobs, () => 50);
  // No time at all is one entry.
  for (let files = 1; files <= 5; files++)
    expect(await tally.look(0)).toEqual({ files, bytes: files * 10, whole: false, at: 50 });
  expect(await tally.look(0)).toEqual({ files: 5, bytes: 50, whole: true, at: 50 });
  expect(listings).toBe(1);
});

test("looks at the same time share the work", async () => {
  let listed = 0;
  const blobs = {
    async *list() {
      for (let i = 0; i < 3; i++) {
        listed++;
        yield { key: `${i}`, size: 1, modified: 0 };
      }
    },
  };
  const tally = new BlobTally(blobs, () => 0);
  const looks = await Promise.all([tally.look(1_000), tally.look(1_000), tally.look(1_000)]);
  expect(looks.every(({ files, whole }) => whole && files === 3)).toBe(true);
  expect(listed).toBe(3);
});

test("a listing that fails is begun anew by the next look", async () => {
  let fails = true;
  const blobs = {
    async *list() {
      yield { key: "a", size: 1, modified: 0 };
      if (fails) throw new Error("the disk is gone");
    },
  };
  const tally = new BlobTally(blobs, () => 0);
  await expect(tally.look(1_000)).rejects.toThrow("the disk is gone");
  fails = false;
  expect(await tally.look(1_000)).toMatchObject({ files: 1, bytes: 1, whole: true });
});
