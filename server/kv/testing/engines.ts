// The engines that this machine can run, for the suites that every engine must pass.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "../clock.ts";
import { openEmbedded } from "../embedded.ts";
import type { Database, EngineName } from "../index.ts";
import { openMemory } from "../memory.ts";

export interface OpenEngine {
  readonly database: Database;
  /** Closes the database and removes what it left. */
  dispose(): Promise<void>;
}

export interface Engine {
  readonly name: EngineName;
  /** An empty database. */
  open(options?: { readonly clock?: Clock }): Promise<OpenEngine>;
}

export const engines: readonly Engine[] = [
  {
    name: "memory",
    async open(options) {
      const database = await openMemory(options);
      return { database, dispose: () => database.close() };
    },
  },
  {
    name: "embedded",
    async open(options) {
      const folder = newFolder();
      const database = await openEmbedded({ path: join(folder, "store.db"), durability: "full", ...options });
      return {
        database,
        async dispose() {
          await database.close();
          rmSync(folder, { recursive: true });
        },
      };
    },
  },
];

console.log(
  process.env["FDB_CLUSTER_FILE"]
    ? "key-value contract: foundationdb is left out, this version has no engine for it"
    : "key-value contract: foundationdb is left out, FDB_CLUSTER_FILE is not set",
);

export function newFolder(): string {
  return mkdtempSync(join(tmpdir(), "matyan-kv-"));
}
