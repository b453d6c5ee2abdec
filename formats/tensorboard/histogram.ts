// Histograms as distributions: counts of buckets and all their edges.
import type { HistogramMessage } from "./messages.ts";

export interface Distribution {
  readonly counts: readonly number[];
  /** One more than counts; none when there are none. */
  readonly edges: readonly number[];
}

/**
 * `HistogramProto`: `limits` are right edges. As in TensorBoard (data_compat.py) the data's own minimum and maximum
 * stand for the outermost edges, which writers set to +-1.8e308; all buckets are kept, empty ones too.
 */
export function distributionOfHistogram(histogram: HistogramMessage): Distribution {
  const limits = histogram.limits ?? [];
  const counts = histogram.counts ?? [];
  const size = Math.min(limits.length, counts.length);
  if (size === 0) return { counts: [], edges: [] };
  const { min = 0, max = 0 } = histogram;
  const right = limits.slice(0, size);
  const known = min <= max && Number.isFinite(min) && Number.isFinite(max) && (histogram.num ?? 0) > 0;
  const edges = known
    ? [min, ...right.map((limit, index) => (index === size - 1 ? max : Math.min(Math.max(limit, min), max)))]
    : [right[0]!, ...right];
  return { counts: counts.slice(0, size), edges };
}

/** TensorFlow 2's tensor of rows (left edge, right edge, count), flattened. */
export function distributionOfRows(rows: readonly number[]): Distribution {
  const counts: number[] = [];
  const edges: number[] = [];
  for (let at = 0; at + 3 <= rows.length; at += 3) {
    edges.push(rows[at]!);
    counts.push(rows[at + 2]!);
  }
  if (counts.length > 0) edges.push(rows[rows.length - 2]!);
  return { counts, edges };
}
