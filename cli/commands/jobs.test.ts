import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeValue } from "../../formats/msgpack.ts";
import { readConfig } from "../../server/config.ts";
import { openEmbeddedDatabase } from "../../server/embedded.ts";
import { openStore, type Store } from "../../server/store/index.ts";
import { indexRange, systemKey } from "../../server/store/keys.ts";
import { runMatyan } from "../testing.ts";

const hash = "0123456789abcdef0123456789abcdef";
let cwd: string;

beforeEach(async () => {
  cwd = mkdtempSync(join(tmpdir(), "matyan-jobs-"));
  const message = { type: "create_run", run_id: hash, timestamp: "2026-01-01T00:00:00Z", payload: {} };
  const stdin = new TextEncoder().encode(`${JSON.stringify(message)}\n`);
  expect((await runMatyan(["ingest"], { cwd, stdin })).code).toBe(0);
});
afterEach(() => rmSync(cwd, { recursive: true }));

async function change(body: (store: Store) => Promise<void>): Promise<void> {
  const config = readConfig({ environment: {}, options: { MATYAN_DATA: join(cwd, ".matyan") } });
  const database = await openEmbeddedDatabase(config, { missing: "fail" });
  await body(await openStore(database));
  await database.close();
}

function lastLine(out: string): unknown {
  return JSON.parse(out.trimEnd().split("\n").at(-1)!);
}

test("drift is exit code 1 of --check, is repaired, and is gone then", async () => {
  await change((store) => store.database.transact(async (tx) => tx.clearRange(indexRange(store, "active"))));
  const found = await runMatyan(["reindex", "--check", "--json"], { cwd });
  expect(found.code).toBe(1);
  expect(lastLine(found.out)).toMatchObject({ type: "summary", drifted: 1, changes: 0 });
  expect((await runMatyan(["reindex"], { cwd })).out).toBe("Indexed 1 run: 1 entry put right.\n");
  expect((await runMatyan(["reindex", "--check"], { cwd })).code).toBe(0);
  const named = await runMatyan(["reindex", "--check", "--runs", "0123,01", "012", "--json"], { cwd });
  expect(lastLine(named.out)).toMatchObject({ type: "summary", runs: 1 });
});

test("a job whose lock is held does nothing and says how to go on; a released lock lets it", async () => {
  const held = encodeValue(Date.now() / 1_000 + 3_600);
  await change((store) =>
    store.database.transact(async (tx) => tx.set(systemKey(store, "job_lock", "finish_stale"), held)),
  );
  const refused = await runMatyan(["finish-stale"], { cwd });
  expect([refused.code, refused.out]).toEqual([1, ""]);
  expect(refused.err).toContain("matyan locks release finish_stale");
  expect((await runMatyan(["locks", "ls"], { cwd })).out).toContain(
    "finish_stale: held by a process that did not say who",
  );
  expect((await runMatyan(["locks", "release", "finish_stale"], { cwd })).code).toBe(0);
  const done = await runMatyan(["finish-stale", "--json"], { cwd });
  expect(lastLine(done.out)).toEqual({ type: "summary", active: 1, stale: 1, finished: 1, dry_run: false });
  expect((await runMatyan(["locks", "ls"], { cwd })).out).not.toContain("held");
});

test("the cleanups of a store without anything to clean say so", async () => {
  expect((await runMatyan(["cleanup-orphan-blobs"], { cwd })).out).toBe("Done. Deleted 0 blobs (0 B) across 0 runs.\n");
  expect((await runMatyan(["cleanup-tombstones", "--dry-run"], { cwd })).out).toBe(
    "Found 0 tombstones, 0 older than 168h.\n",
  );
  expect((await runMatyan(["finish-stale", "--older-than", "soon"], { cwd })).code).toBe(2);
});
