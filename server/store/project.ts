// What the project itself is called, and its pinned sequences (storage.md 4.4).
import { unpack } from "../../formats/tuple.ts";
import type { ValueMap } from "../../formats/value.ts";
import type { ReadTransaction, Transaction } from "../kv/index.ts";
import { checkKey, leaf, type StoreKeys, systemKey, systemRange } from "./keys.ts";
import { loadStored, openValues } from "./largeValues.ts";

/** What readers take for settings that are not stored. */
const projectDefaults = { name: "My project", description: "" } as const;

const pinned = "pinned_sequences";

/** The stored settings by name (`name`, `description`, ...) and `pinned_sequences`, without defaults. */
export async function readProjectSettings(tx: ReadTransaction, store: StoreKeys): Promise<ValueMap> {
  const owner = { dir: store.dirs.system };
  const settings: ValueMap = new Map();
  const offset = systemKey(store, "project").length;
  for await (const batch of tx.range(systemRange(store, "project")))
    for (const [key, bytes] of batch) {
      const [setting, kind, ...rest] = unpack(key, offset);
      if (typeof setting === "string" && kind === leaf && rest.length === 0)
        settings.set(setting, await loadStored(tx, owner, key, bytes));
    }
  const key = systemKey(store, pinned, leaf);
  const bytes = await tx.get(key);
  if (bytes !== undefined) settings.set(pinned, await loadStored(tx, owner, key, bytes));
  return settings;
}

/** What the project is called, with defaults: the cheap part of the settings, since every page of the UI asks for it. */
export async function readProjectName(
  tx: ReadTransaction,
  store: StoreKeys,
): Promise<{ readonly name: string; readonly description: string }> {
  const owner = { dir: store.dirs.system };
  const keys = ["name", "description"].map((setting) => systemKey(store, "project", setting, leaf));
  const stored = await tx.getMany(keys);
  const text = async (i: number, fallback: string) => {
    const bytes = stored[i];
    const value = bytes === undefined ? undefined : await loadStored(tx, owner, keys[i]!, bytes);
    return typeof value === "string" ? value : fallback;
  };
  const { name, description } = projectDefaults;
  return { name: await text(0, name), description: await text(1, description) };
}

/** Writes the given settings; others stay. `pinned_sequences` is a list of `{name, context}` maps and is replaced whole. */
export async function writeProjectSettings(tx: Transaction, store: StoreKeys, settings: ValueMap): Promise<void> {
  const values = await openValues(tx, { dir: store.dirs.system });
  for (const [setting, value] of settings) {
    const what = () => `the project setting '${setting}'`;
    const key = setting === pinned ? systemKey(store, pinned, leaf) : systemKey(store, "project", setting, leaf);
    await values.put(checkKey(key, what), value, what);
  }
}
