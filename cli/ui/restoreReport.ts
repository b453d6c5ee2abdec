// What `matyan restore` says of runs, entities and the whole: for people, and as the objects of `--json`.
import type { RestoreReport, RunOutcome } from "../../server/archive/restore.ts";
import type { RunAction } from "../../server/archive/restoreDecide.ts";
import type { EntityOutcome } from "../../server/archive/restoreEntities.ts";
import { counted, shortBytes } from "./numbers.ts";

function runWords(dryRun: boolean): Record<RunAction, string> {
  return {
    create: dryRun ? "would be restored" : "restored",
    continue: dryRun ? "would be completed" : "completed",
    replace: dryRun ? "would be replaced" : "replaced",
    same: "unchanged",
    keep: "skipped",
    nothing: "skipped",
    fail: dryRun ? "would fail" : "failed",
  };
}

export function entityWords(dryRun: boolean): Record<EntityOutcome["action"], string> {
  return {
    create: dryRun ? "would be created" : "created",
    same: "unchanged",
    keep: "differs in the store, where it stays as it is",
    replace: dryRun ? "would be replaced" : "replaced",
    map: "is in the store under another id",
  };
}

export function describeRun(
  { hash, name, action, points, blobs, blobBytes, reason }: RunOutcome,
  dryRun: boolean,
): string {
  const content = `${counted(points, "point")}${blobs > 0 ? `, ${counted(blobs, "blob")} (${shortBytes(blobBytes)})` : ""}`;
  const detail = reason ?? (action === "same" ? "" : content);
  return `run ${hash}${name === "" ? "" : ` '${name}'`}: ${runWords(dryRun)[action]}${detail === "" ? "" : `: ${detail}`}`;
}

export function describeEntity({ kind, name, archivedId, id, action }: EntityOutcome, dryRun: boolean): string {
  const title = `${kind.replace("_", " ")} ${name === "" ? archivedId : `'${name}'`}`;
  return `${title}: ${entityWords(dryRun)[action]}${id === archivedId ? "" : ` (${archivedId} -> ${id})`}`;
}

export function summarize({ dryRun, runs, points, blobs, blobBytes, failures }: RestoreReport): string {
  const words = runWords(dryRun);
  const actions = Object.entries(runs) as [RunAction, number][];
  const counts = new Map<string, number>();
  for (const [action, count] of actions)
    if (count > 0) counts.set(words[action], (counts.get(words[action]) ?? 0) + count);
  const parts = Array.from(counts, ([word, count]) => `${counted(count, "run")} ${word}`);
  const failed = failures.length > 0 ? ` Failed: ${failures.map(({ hash }) => hash).join(", ")}.` : "";
  const nothing = dryRun ? " Nothing was written." : "";
  return `${parts.join(", ") || "No runs"}; ${counted(points, "point")}, ${counted(blobs, "blob")} (${shortBytes(blobBytes)}).${failed}${nothing}`;
}

/** The `--json` lines; shapes in docs/json.md. */
export function entityToJson({ kind, name, archivedId, id, action }: EntityOutcome): object {
  return { type: "entity", kind, name, archived_id: archivedId, id, action };
}

export function runToJson({ hash, name, action, points, blobs, blobBytes, reason, notes }: RunOutcome): object {
  return { type: "run", hash, name, action, points, blobs, blob_bytes: blobBytes, reason: reason ?? null, notes };
}

export function reportToJson({ dryRun, runs, entities, points, blobs, blobBytes, failures }: RestoreReport): object {
  return { type: "summary", dry_run: dryRun, runs, entities, points, blobs, blob_bytes: blobBytes, failures };
}
