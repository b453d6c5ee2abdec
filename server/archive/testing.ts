// Test support: a store with blobs, archives read whole, and archives made for a test.
import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createArchive, openArchive, type RunWriter } from "../../formats/archive/index.ts";
import { parseJson } from "../../formats/json.ts";
import { mapOf, type Value, type ValueMap } from "../../formats/value.ts";
import { openFolderBlobs } from "../blobs/folder.ts";
import type { BlobStore } from "../blobs/index.ts";
import type { Database } from "../kv/index.ts";
import type { Store } from "../store/index.ts";
import { memoryStore } from "../store/testing.ts";
import { type BackupOptions, type BackupReport, backup } from "./backup.ts";
import { type RestoreOptions, type RestoreReport, restore } from "./restore.ts";

export const fixtures = join(import.meta.dir, "../../fixtures/archives");
/** The clock of all tests, seconds since the epoch. */
export const testNow = 1_800_000_000;

const folders: string[] = [];

export async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "matyan-archive-test-"));
  folders.push(folder);
  return folder;
}

/** For `afterAll`. */
export async function removeFolders(): Promise<void> {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
}

export interface Stack {
  readonly store: Store;
  readonly blobs: BlobStore;
}

export async function newStack(wrap?: (database: Database) => Database): Promise<Stack> {
  const blobs = await openFolderBlobs(join(await newFolder(), "blobs"), { durability: "normal" });
  return { store: await memoryStore(wrap), blobs };
}

export async function restoreInto(
  stack: Stack,
  path: string,
  options: Partial<RestoreOptions> = {},
): Promise<RestoreReport> {
  await using archive = await openArchive(path);
  return await restore({ archive, ...stack, now: testNow, ...options });
}

/** Backs up into a new folder. */
export async function backupOf(
  stack: Stack,
  options: Partial<BackupOptions> = {},
): Promise<BackupReport & { path: string }> {
  const report = await backup({
    ...stack,
    out: await newFolder(),
    durable: false,
    now: () => new Date(testNow * 1000),
    ...options,
  });
  if (report.path === null) throw new Error("nothing was backed up");
  return { ...report, path: report.path };
}

export interface ArchivedRunContents {
  readonly meta: ValueMap;
  readonly attrs: Value;
  readonly contexts: Value;
  /** By `<context> <name>`. */
  readonly traces: ReadonlyMap<string, ValueMap>;
  /** By `<context> <name> <step>`, the last of equal ones. */
  readonly records: ReadonlyMap<string, ValueMap>;
  readonly tags: Value | undefined;
  /** By path, in hex. */
  readonly blobs: ReadonlyMap<string, string>;
}

export interface ArchiveContents {
  /** By `<kind> <id>`. */
  readonly entities: ReadonlyMap<string, ValueMap>;
  readonly runs: ReadonlyMap<string, ArchivedRunContents>;
  readonly project: Value | undefined;
}

/** All of an archive, read with the JSON parser alone: no part of what is tested but the finding of its folder. */
export async function readWhole(path: string): Promise<ArchiveContents> {
  await using archive = await openArchive(path);
  const entities = new Map<string, ValueMap>();
  for (const line of await linesOf(join(archive.folder, "entities.jsonl"))) {
    const data = line.get("data") as ValueMap;
    entities.set(`${line.get("entity_type")} ${data.get("id")}`, data);
  }
  const runs = new Map<string, ArchivedRunContents>();
  for (const hash of archive.runHashes) {
    const folder = join(archive.folder, "runs", hash);
    const json = async (file: string) => parseJson(await readFile(join(folder, file), "utf8"));
    const traces = (await json("traces.json")) as ValueMap[];
    const records = await linesOf(join(folder, "sequences.jsonl"));
    runs.set(hash, {
      meta: (await json("run.json")) as ValueMap,
      attrs: await json("attrs.json"),
      contexts: await json("contexts.json"),
      traces: new Map(traces.map((trace) => [`${trace.get("context_id")} ${trace.get("name")}`, trace])),
      records: new Map(records.map((each) => [`${each.get("ctx_id")} ${each.get("name")} ${each.get("step")}`, each])),
      tags: await archive.run(hash).then((run) => run.readExtra("tags.json")),
      blobs: await filesIn(join(folder, "blobs")),
    });
  }
  return { entities, runs, project: await archive.readExtra("project.json") };
}

async function linesOf(path: string): Promise<ValueMap[]> {
  const text = await readFile(path, "utf8").catch(() => "");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => parseJson(line) as ValueMap);
}

/** Every file below a folder: path to bytes in hex. */
export async function filesIn(folder: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(path.slice(folder.length + 1), (await readFile(path)).toString("hex"));
  }
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
}

export interface MadeRun {
  readonly hash: string;
  readonly points?: number;
  readonly meta?: Record<string, Value>;
  readonly write?: (run: RunWriter) => Promise<void>;
}

/** A run of float points in two sequences, with times and epochs, written by our writer. */
export async function makeArchive(
  runs: readonly MadeRun[],
  entities: readonly [string, ValueMap][] = [],
): Promise<string> {
  await using archive = await createArchive({ out: await newFolder(), kind: "backup", durable: false });
  for (const { hash, points = 10, meta = {}, write } of runs) {
    const run = await archive.run(hash);
    const created = 1_700_000_000.25;
    await run.json(
      "run.json",
      mapOf({ name: `name of ${hash}`, description: "", created_at: created, updated_at: created, ...meta }),
    );
    await run.json("contexts.json", new Map([["0", new Map()]]));
    const names = ["loss", "acc"];
    const traces = names.map((name) =>
      mapOf({ name, context_id: 0n, dtype: "float", last: (points - 1) / 3, last_step: BigInt(points - 1) }),
    );
    await run.json("traces.json", traces);
    const sink = run.records();
    for (let step = 0; step < points; step++)
      for (const name of names)
        sink.write({
          contextId: 0,
          name,
          step: BigInt(step),
          value: step / 3,
          epoch: BigInt(step >> 3),
          time: created + step,
        });
    await write?.(run);
    await run.close();
  }
  for (const [kind, data] of entities) await archive.entity(kind, data);
  return (await archive.finish()).path;
}

/** A copy of an archive's folder that a test may damage. */
export async function copyOf(path: string): Promise<string> {
  const copy = join(await newFolder(), "copy");
  await cp(path, copy, { recursive: true });
  return copy;
}
