// What a restore does with a run, given what the store has of it.
import type { ValueMap } from "../../formats/value.ts";
import type { ReadTransaction } from "../kv/index.ts";
import { readAttrs } from "../store/attrs.ts";
import { readContexts } from "../store/contexts.ts";
import type { Store } from "../store/index.ts";
import { type RestoreJournal, readRestoreJournal } from "../store/restoreJournal.ts";
import { hasData, readMeta, readTombstone } from "../store/runs.ts";
import { readTraces } from "../store/traces.ts";
import type { RunDocuments } from "./archivedRun.ts";

export type OnConflict = "skip" | "replace" | "fail";

/**
 * `create`: the store has no such run. `continue`: an interrupted restore of this archive goes on. `replace`: the run that
 * is there goes. `same`: the run is there with the same fields, attributes, contexts and sequences (their points are
 * not compared). `keep`: the run is there, different, and stays. `nothing`: the run did not exist when it was backed up.
 * `fail`: the run's part of the archive can't be used.
 */
export type RunAction = "create" | "continue" | "replace" | "same" | "keep" | "nothing" | "fail";

export interface StoredRun {
  readonly meta: ValueMap | undefined;
  readonly journal: RestoreJournal | undefined;
  readonly tombstone: number | undefined;
  /** Data without metadata: points of a run whose creation is still on its way. */
  readonly hasLooseData: boolean;
}

export async function readStoredRun(tx: ReadTransaction, store: Store, hash: string): Promise<StoredRun> {
  const meta = await readMeta(tx, store, hash);
  const journal = await readRestoreJournal(tx, store, hash);
  const tombstone = await readTombstone(tx, store, hash);
  return { meta, journal, tombstone, hasLooseData: meta === undefined && (await hasData(tx, store, hash)) };
}

/** Whether a run of that hash stands against its restore. What is left of one that a restore was replacing does not. */
export function isInTheWay({ meta, journal }: StoredRun, archive: string): boolean {
  if (meta === undefined || journal?.archive === archive) return false;
  return journal === undefined || meta.get("pending_deletion") !== true;
}

/** How the restore of a run that may be written begins. */
export function firstJournal(stored: StoredRun, archive: string, owner: string): RestoreJournal {
  const { meta, journal, tombstone, hasLooseData } = stored;
  if (journal?.archive === archive) return { ...journal, owner };
  const remains = meta !== undefined || tombstone !== undefined || journal !== undefined;
  const phase = remains ? "clearing" : "blobs";
  return { archive, owner, phase, lines: 0, merged: hasLooseData && !remains };
}

/** Whether the store's run has the archive's fields, attributes, contexts and sequences. */
export async function isSameRun(
  tx: ReadTransaction,
  store: Store,
  hash: string,
  stored: ValueMap,
  documents: RunDocuments,
  experimentId: string | null,
): Promise<boolean> {
  const meta = new Map(documents.meta).set("experiment_id", experimentId);
  for (const field of documents.assumed) if (field !== "experiment_id") meta.delete(field);
  if (!contains(stored, meta)) return false;
  const attrs = (await readAttrs(tx, store, hash)) ?? new Map();
  if (!Bun.deepEquals(attrs, documents.attrs, true)) return false;
  const contexts = await readContexts(tx, store, hash);
  for (const [id, context] of documents.contexts) if (!Bun.deepEquals(contexts.get(id), context, true)) return false;
  const traces = new Map(
    (await readTraces(tx, store, hash)).map((trace) => [`${trace.contextId} ${trace.name}`, trace]),
  );
  return documents.traces.every(({ contextId, name, dtype, last, lastStep }) => {
    const trace = traces.get(`${contextId} ${name}`);
    if (trace?.dtype !== dtype) return false;
    return (
      (last === undefined || Bun.deepEquals(trace.last, last, true)) &&
      (lastStep === undefined || trace.lastStep === lastStep)
    );
  });
}

function contains(stored: ValueMap, fields: ValueMap): boolean {
  for (const [field, value] of fields) if (!Bun.deepEquals(stored.get(field), value, true)) return false;
  return true;
}
