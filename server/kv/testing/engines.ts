// The engines that this machine can run, for the suites that every engine must pass.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "../clock.ts";
import { openEmbedded } from "../embedded.ts";
import type { Database, EngineName } from "../index.ts";
import { openMemory } from "../memory.ts";
import { missingFoundationDb, newDatabase } from "./foundationdb.ts";

export interface OpenEngine {
  readonly database: Database;
  /** By how much keys must stay below `limits.keyBytes`: what lies before them where tests share a store. */
  readonly prefixBytes: number;
  /** Closes the database and removes what it left. */
  dispose(): Promise<void>;
}

export interface Engine {
  readonly name: EngineName;
  /** An empty database. */
  open(options?: { readonly clock?: Clock }): Promise<OpenEngine>;
}

const foundationdb: Engine = {
  name: "foundationdb",
  async open(options) {
    const space = await newDatabase(options);
    return { ...space, dispose: () => space.database.close() };
  },
};

export const engines: readonly Engine[] = [
  {
    name: "memory",
    async open(options) {
      const database = await openMemory(options);
      return { database, prefixBytes: 0, dispose: () => database.close() };
    },
  },
  {
    name: "embedded",
    async open(options) {
      const folder = newFolder();
      const database = await openEmbedded({ path: join(folder, "store.db"), durability: "full", ...options });
      return {
        database,
        prefixBytes: 0,
        async dispose() {
          await database.close();
          rmSync(folder, { recursive: true });
        },
      };
    },
  },
  ...(missingFoundationDb === undefined ? [foundationdb] : []),
];

/** Engines that this machine cannot run, and why. */
export const missingEngines: readonly { readonly name: EngineName; readonly reason: string }[] =
  missingFoundationDb === undefined ? [] : [{ name: "foundationdb", reason: missingFoundationDb }];

export function newFolder(): string {
  return mkdtempSync(join(tmpdir(), "matyan-kv-"));
}
