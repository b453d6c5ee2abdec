// The run that somebody typed, and which ones were probably meant when there is none.
import { MatyanError } from "../../formats/error.ts";
import type { Store } from "../store/index.ts";
import { readMetaFields } from "../store/metaFields.ts";
import { listRuns, resolveHash, runsByPrefix } from "../store/runs.ts";
import { editDistance } from "./nearest.ts";

/** Runs compared with what was typed: those that share its beginning, and the newest ones by their names. */
const compared = 500;
const suggested = 3;

/**
 * As `resolveHash`, with an error that names the runs whose hashes or names come nearest.
 * @throws MatyanError `not_found`, `conflict`, `usage`
 */
export async function findRun(store: Store, typed: string): Promise<string> {
  try {
    return await resolveHash(store, typed);
  } catch (error) {
    if (!(error instanceof MatyanError) || error.code !== "not_found") throw error;
    const near = await nearestRuns(store, typed);
    if (near.length === 0) throw error;
    throw new MatyanError(error.code, error.message, { hint: `Did you mean ${near.join(" or ")}? ${error.hint}` });
  }
}

async function nearestRuns(store: Store, typed: string): Promise<string[]> {
  const newest = await newestRuns(store);
  const named = newest.filter(({ name }) => name === typed).slice(0, suggested);
  if (named.length > 0) return named.map(({ hash }) => `${hash} (its name is '${typed}')`);
  // One slip leaves a half of what was typed right.
  const half = typed.slice(0, Math.max(2, typed.length >> 1));
  const alike = half.isWellFormed() ? await runsByPrefix(store, half, compared) : [];
  const most = Math.max(1, typed.length >> 2);
  return [...new Set([...alike, ...newest.map(({ hash }) => hash)])]
    .map((hash) => ({ hash, distance: editDistance(typed, hash.slice(0, typed.length)) }))
    .filter(({ distance }) => distance <= most)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, suggested)
    .map(({ hash }) => hash);
}

async function newestRuns(store: Store): Promise<{ hash: string; name: unknown }[]> {
  const found: { hash: string; name: unknown }[] = [];
  for await (const page of listRuns(store, { order: "-created" })) {
    const names = await store.database.snapshot((tx) => readMetaFields(tx, store, page, ["name"]));
    found.push(...page.map((hash, index) => ({ hash, name: names[index]?.[0] })));
    if (found.length >= compared) break;
  }
  return found;
}
