// Short hashes: unique in the store, for lists of any length.
import { expect, test } from "bun:test";
import { createRun, resolveHash } from "../store/runs.ts";
import { memoryStore } from "../store/testing.ts";
import { shortHashes } from "./shortHash.ts";

test("a thousand runs get beginnings that each mean only them, no longer than needed", async () => {
  const store = await memoryStore();
  const hashes = Array.from({ length: 1000 }, (_, index) => `${String(index >> 1).padStart(8, "0")}${index % 2}tail`);
  const all = [...hashes, "exact"];
  for (let at = 0; at < all.length; at += 100)
    await store.database.transact(async (tx) => {
      for (const hash of all.slice(at, at + 100)) await createRun(tx, store, hash, { createdAt: 1 });
    });
  const short = await shortHashes(store, all);
  expect(short.get("exact")).toBe("exact");
  // Two runs share their first eight characters; the next step is ten.
  expect(short.get(hashes[7]!)).toBe("000000031t");
  for (const hash of hashes.slice(0, 20)) expect(await resolveHash(store, short.get(hash)!)).toBe(hash);
  expect(new Set(short.values()).size).toBe(1001);
  await store.database.close();
});
