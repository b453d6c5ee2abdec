// Test support: a store in memory, its whole contents as text, and recorded key dumps as contents.
import { gunzipSync } from "bun";
import { parseJson } from "../../formats/json.ts";
import { isMap, type Value } from "../../formats/value.ts";
import type { Database } from "../kv/index.ts";
import { prefixRange } from "../kv/index.ts";
import { openMemory } from "../kv/memory.ts";
import { newSpace } from "../kv/testing/foundationdb.ts";
import { openStore, type Store } from "./index.ts";

export const directoryNames = ["runs", "indexes", "system"] as const;

/** Stores that tests left open: closed before the next are made, so that property tests hold a few and not hundreds. */
const open: Database[] = [];
const mostOpen = 20;

/** Which engine the suites of the store and of what stands on it run on: memory, unless this names FoundationDB. */
const onFoundationDb = process.env["MATYAN_TEST_ENGINE"] === "foundationdb";

/**
 * A new empty store in memory (or on FoundationDB, see above); over `wrap(database)` when given. It is closed when `mostOpen`
 * younger ones were made.
 */
export async function memoryStore(wrap: (database: Database) => Database = (database) => database): Promise<Store> {
  const store = await openStore(onFoundationDb ? await newSpace() : await openMemory());
  open.push(store.database);
  if (open.length > mostOpen) await open.shift()!.close();
  return { ...store, database: wrap(store.database) };
}

/** Every pair of the three directories: `dir khex` to vhex, in key order. */
export async function contentsOf(store: Store): Promise<Map<string, string>> {
  const contents = new Map<string, string>();
  await store.database.snapshot(async (tx) => {
    for (const dir of directoryNames)
      for await (const batch of tx.range(prefixRange(store.dirs[dir])))
        for (const [key, value] of batch)
          contents.set(`${dir} ${key.subarray(store.dirs[dir].length).toHex()}`, value.toHex());
  });
  return contents;
}

export interface DumpEntry {
  readonly dir: (typeof directoryNames)[number];
  readonly key: Value[];
  readonly khex: string;
  readonly vhex: string;
  readonly value: Value;
}

/** The entries of a dump by the existing backend (fixtures/store/dump.jsonl.gz); those of the directory layer left out. */
export async function readDump(path: string): Promise<DumpEntry[]> {
  const text = new TextDecoder().decode(gunzipSync(await Bun.file(path).bytes()));
  return text
    .trimEnd()
    .split("\n")
    .flatMap((line): DumpEntry[] => {
      const entry = parseJson(line);
      if (!isMap(entry)) throw new Error("a line of the dump is no object");
      const [dir, key, khex, vhex] = ["dir", "key", "khex", "vhex"].map((field) => entry.get(field));
      const name = directoryNames.find((known) => known === dir);
      if (name === undefined || !Array.isArray(key) || typeof khex !== "string" || typeof vhex !== "string") return [];
      return [{ dir: name, key, khex, vhex, value: entry.get("value") ?? null }];
    });
}

export async function loadDump(store: Store, entries: readonly DumpEntry[]): Promise<void> {
  for (let at = 0; at < entries.length; at += 2_000)
    await store.database.transact(async (tx) => {
      for (const { dir, khex, vhex } of entries.slice(at, at + 2_000))
        tx.set(Buffer.concat([store.dirs[dir], Buffer.from(khex, "hex")]), new Uint8Array(Buffer.from(vhex, "hex")));
    });
}

export async function collect<T>(batches: AsyncIterable<readonly T[]>): Promise<T[]> {
  const all: T[] = [];
  for await (const batch of batches) all.push(...batch);
  return all;
}

/** What a rejected promise was rejected with. */
export async function failureOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    return error;
  }
  throw new Error("it did not fail");
}
