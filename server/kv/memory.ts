// A store that lives as long as its process: the embedded engine on a private file that is never synced, and removed at the end.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, systemClock } from "./clock.ts";
import type { Database } from "./index.ts";
import { SqliteDatabase, type SqliteOptions } from "./sqlite/database.ts";
import { ensureStoreFile } from "./sqlite/file.ts";

/** Folders of stores that are still open when the process ends. */
const folders = new Set<string>();

function removeFolders(): void {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  folders.clear();
}

/**
 * SQLite's own in-memory databases have no write-ahead log, so a reader would block the writer there: the
 * file gives the same snapshots as on disk. Small stores stay in the page cache.
 */
export async function openMemory(options: { readonly clock?: Clock } = {}): Promise<Database> {
  const folder = mkdtempSync(join(tmpdir(), "matyan-memory-"));
  if (folders.size === 0) process.once("exit", removeFolders);
  folders.add(folder);
  const path = join(folder, "store.db");
  ensureStoreFile(path, true);
  return new MemoryDatabase(
    { engine: "memory", path, synchronous: "OFF", clock: options.clock ?? systemClock },
    folder,
  );
}

class MemoryDatabase extends SqliteDatabase {
  readonly #folder: string;

  constructor(options: SqliteOptions, folder: string) {
    super(options);
    this.#folder = folder;
  }

  override async close(): Promise<void> {
    await super.close();
    folders.delete(this.#folder);
    rmSync(this.#folder, { recursive: true, force: true });
    if (folders.size === 0) process.off("exit", removeFolders);
  }
}
