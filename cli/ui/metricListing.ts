// Metrics that a search found, as a table or JSON lines.
import { contextText } from "../../server/listing/contextText.ts";
import type { FoundPoint } from "../client/foundSummary.ts";
import { Stored } from "../json.ts";
import type { Output } from "../output.ts";
import { shortValue } from "./numbers.ts";
import { inBlocks, type Listed } from "./runListing.ts";
import { type Column, type Layout, layOut, tableLine, titleLine } from "./table.ts";
import { safeText } from "./text.ts";

const columns: readonly Column[] = [
  { title: "hash", importance: 100 },
  { title: "run", importance: 60, min: 12, cut: "middle" },
  { title: "metric", importance: 90, min: 8 },
  { title: "context", importance: 80, min: 8 },
  { title: "last", importance: 70, align: "right" },
  { title: "step", importance: 50, align: "right" },
];
/** Of a record, in the order of the table. */
export const metricFields = ["hash", "run", "metric", "context", "last", "last_step"];

const blockRows = 500;

/** Prints them as they come, up to `limit`; the first block decides on the layout. */
export async function listMetrics(
  out: Output,
  found: AsyncIterable<readonly FoundPoint[]>,
  limit: number | undefined,
  signal: AbortSignal,
): Promise<Listed> {
  let layout: Layout | undefined;
  let shown = 0;
  let more = false;
  const cut = Number.isFinite(out.width);
  for await (const points of inBlocks(found, Math.min(blockRows, limit === undefined ? blockRows : limit + 1))) {
    signal.throwIfAborted();
    const wanted = points.slice(0, limit === undefined ? points.length : limit - shown);
    more = wanted.length < points.length;
    shown += wanted.length;
    if (out.json) {
      for (const { hash, run, metric, context, last, lastStep } of wanted)
        out.record({ hash, run, metric, context, last: new Stored(last), last_step: lastStep ?? null });
    } else if (wanted.length > 0) {
      const rows = wanted.map((point) => cells(point, out));
      if (layout === undefined) {
        layout = layOut(columns, rows, out.width);
        out.line(titleLine(columns, layout, out.style, cut));
      }
      for (const row of rows) out.line(tableLine(columns, layout, row, cut));
    }
    await out.drain?.();
    if (more) break;
  }
  return { shown, more };
}

function cells({ hash, run, metric, context, last, lastStep }: FoundPoint, { style }: Output) {
  return [
    { text: safeText(hash), paint: style.yellow },
    safeText(run),
    safeText(metric),
    safeText(contextText(context)),
    shortValue(last),
    lastStep === undefined ? "" : String(lastStep),
  ];
}
