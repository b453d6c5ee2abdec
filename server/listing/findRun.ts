// The run that somebody typed, and which ones were probably meant when there is none.
import { MatyanError } from "../../formats/error.ts";
import type { Store } from "../store/index.ts";
import { readMetaFields } from "../store/metaFields.ts";
import { listRuns, resolveHash, runsByPrefix, theRunOf } from "../store/runs.ts";
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
    throw isMissing(error) ? suggesting(error, await nearestRuns(store, typed)) : error;
  }
}

/** A run that may have been meant. */
export interface NamedRun {
  readonly hash: string;
  readonly name: unknown;
}

/** The same among all runs of somewhere else, the newest first; `hint` says how they are listed. */
export function findRunAmong(typed: string, runs: readonly NamedRun[], hint: string): string {
  const startingWith = (start: string) => runs.map(({ hash }) => hash).filter((hash) => hash.startsWith(start));
  try {
    return theRunOf(typed, startingWith(typed).sort(), hint);
  } catch (error) {
    if (!isMissing(error)) throw error;
    const alike = startingWith(halfOf(typed)).slice(0, compared);
    throw suggesting(error, runsNear(typed, runs.slice(0, compared), alike));
  }
}

function isMissing(error: unknown): error is MatyanError {
  return error instanceof MatyanError && error.code === "not_found";
}

function suggesting(error: MatyanError, near: readonly string[]): MatyanError {
  if (near.length === 0) return error;
  return new MatyanError(error.code, error.message, { hint: `Did you mean ${near.join(" or ")}? ${error.hint}` });
}

async function nearestRuns(store: Store, typed: string): Promise<string[]> {
  const newest = await newestRuns(store);
  const half = halfOf(typed);
  return runsNear(typed, newest, half.isWellFormed() ? await runsByPrefix(store, half, compared) : []);
}

/** One slip leaves a half of what was typed right. */
function halfOf(typed: string): string {
  return typed.slice(0, Math.max(2, typed.length >> 1));
}

function runsNear(typed: string, newest: readonly NamedRun[], alike: readonly string[]): string[] {
  const named = newest.filter(({ name }) => name === typed).slice(0, suggested);
  if (named.length > 0) return named.map(({ hash }) => `${hash} (its name is '${typed}')`);
  const most = Math.max(1, typed.length >> 2);
  return [...new Set([...alike, ...newest.map(({ hash }) => hash)])]
    .map((hash) => ({ hash, distance: editDistance(typed, hash.slice(0, typed.length)) }))
    .filter(({ distance }) => distance <= most)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, suggested)
    .map(({ hash }) => hash);
}

async function newestRuns(store: Store): Promise<NamedRun[]> {
  const found: NamedRun[] = [];
  for await (const page of listRuns(store, { order: "-created" })) {
    const names = await store.database.snapshot((tx) => readMetaFields(tx, store, page, ["name"]));
    found.push(...page.map((hash, index) => ({ hash, name: names[index]?.[0] })));
    if (found.length >= compared) break;
  }
  return found;
}
