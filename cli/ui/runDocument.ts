// A run as `--json` prints it (docs/json.md).
import { paramAt } from "../../server/listing/params.ts";
import { metricsOf, type RunSummary } from "../../server/listing/summary.ts";
import { Stored } from "../json.ts";

/** One object of `runs ls --json`; `params` are the paths of columns that were asked for. */
export function runDocument(run: RunSummary, params: readonly string[] = []): object {
  return {
    ...runFields(run),
    metrics: metricsOf(run).map(({ name, context, dtype, last, lastStep }) => ({
      name,
      context,
      dtype,
      last: new Stored(last),
      last_step: lastStep,
    })),
    ...(params.length === 0
      ? {}
      : { params: new Map(params.map((path) => [path, paramAt(run.attrs ?? new Map(), path) ?? null])) }),
  };
}

/** The fields that `runs ls` and `runs show` share. Times in seconds since the epoch, null where unknown. */
export function runFields(run: RunSummary): object {
  return {
    hash: run.hash,
    name: run.name,
    description: run.description,
    experiment: run.experiment ?? null,
    tags: run.tags,
    status: run.status,
    active: run.active,
    archived: run.archived,
    created_at: run.createdAt ?? null,
    finished_at: run.finishedAt ?? null,
    duration: run.duration ?? null,
  };
}
