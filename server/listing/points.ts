// The points of runs' metrics as rows, for exports: page by page, so that a slow reader holds no snapshot.
import { toNumber, type Value } from "../../formats/value.ts";
import type { Store } from "../store/index.ts";
import { type Point, readSequence, type SequenceRef } from "../store/sequences.ts";
import { contextText } from "./contextText.ts";
import { type MetricRef, metricMatches } from "./metricName.ts";
import { metricsOf, type RunSummary } from "./summary.ts";

export interface PointRow {
  readonly run: string;
  readonly metric: string;
  /** `subset=val`; empty for none. */
  readonly context: string;
  readonly step: bigint;
  readonly epoch: bigint | undefined;
  /** Seconds since the epoch. */
  readonly time: number | undefined;
  /** Undefined for a value that is no number. */
  readonly value: number | bigint | undefined;
}

const pageSize = 5_000;

/** All points of the metrics of a run, or of those that are asked for, in pages: metric by metric, by step. */
export async function* pointRows(
  store: Store,
  run: RunSummary,
  wanted: readonly MetricRef[],
  signal?: AbortSignal,
): AsyncGenerator<readonly PointRow[], void> {
  for (const metric of metricsOf(run)) {
    if (wanted.length > 0 && !wanted.some((ref) => metricMatches(ref, metric))) continue;
    const ref = { hash: run.hash, contextId: metric.contextId, name: metric.name };
    const context = contextText(metric.context);
    for await (const points of pages(store, ref)) {
      signal?.throwIfAborted();
      yield points.map(({ step, epoch, time, value }) => ({
        ...{ run: run.hash, metric: metric.name, context, step, epoch, time },
        value: numberOf(value),
      }));
    }
  }
}

async function* pages(store: Store, ref: SequenceRef): AsyncGenerator<readonly Point[], void> {
  for (let from: bigint | undefined; ; ) {
    const range = from === undefined ? {} : { from };
    const page = await store.database.snapshot(async (tx) => {
      const points: Point[] = [];
      for await (const batch of readSequence(tx, store, ref, { ...range, limit: pageSize })) points.push(...batch);
      return points;
    });
    if (page.length > 0) yield page;
    if (page.length < pageSize) return;
    from = page[page.length - 1]!.step + 1n;
  }
}

function numberOf(value: Value): number | bigint | undefined {
  return typeof value === "bigint" || typeof value === "number" ? value : toNumber(value);
}
