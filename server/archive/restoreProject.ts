// The project's settings: `project.json`, a file of ours that the existing programs ignore.
import type { ArchiveReader } from "../../formats/archive/types.ts";
import { MatyanError } from "../../formats/error.ts";
import { isMap, type ValueMap } from "../../formats/value.ts";
import type { Store } from "../store/index.ts";
import { readProjectSettings, writeProjectSettings } from "../store/project.ts";
import type { OnConflict } from "./restoreDecide.ts";

export interface SettingOutcome {
  /** `name`, `description`, `pinned_sequences`. */
  readonly setting: string;
  /** `create`: was not set. `keep`: is set to something else, which stays. `replace`: that goes. */
  readonly action: "create" | "same" | "keep" | "replace";
}

/** Sets what is not set; what is set otherwise only gives way with `replace`. @throws MatyanError `corrupt`. */
export async function restoreProject(
  archive: ArchiveReader,
  store: Store,
  { dryRun, onConflict }: { readonly dryRun?: boolean | undefined; readonly onConflict?: OnConflict | undefined },
): Promise<SettingOutcome[]> {
  const archived = await archive.readExtra("project.json");
  if (archived === undefined) return [];
  if (!isMap(archived)) throw new MatyanError("corrupt", "project.json: not an object");
  const decide = (stored: ValueMap): SettingOutcome[] =>
    Array.from(archived, ([setting, value]) => {
      if (!stored.has(setting)) return { setting, action: "create" };
      if (Bun.deepEquals(stored.get(setting), value, true)) return { setting, action: "same" };
      return { setting, action: onConflict === "replace" ? "replace" : "keep" };
    });
  if (dryRun) return store.database.snapshot(async (tx) => decide(await readProjectSettings(tx, store)));
  return store.database.transact(async (tx) => {
    const outcomes = decide(await readProjectSettings(tx, store));
    const written = outcomes.filter(({ action }) => action === "create" || action === "replace");
    await writeProjectSettings(
      tx,
      store,
      new Map(written.map(({ setting }) => [setting, archived.get(setting) ?? null])),
    );
    return outcomes;
  });
}
