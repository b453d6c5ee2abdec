// Runs as a table, CSV or JSON lines, block by block, wherever they come from: a list, a query, another machine.
import { MatyanError } from "../../formats/error.ts";
import { commonMetrics, findMetric, metricTitle } from "../../server/listing/metricName.ts";
import { byNearness } from "../../server/listing/nearest.ts";
import { paramAt, paramPaths } from "../../server/listing/params.ts";
import { unknownMetric } from "../../server/listing/ranking.ts";
import { readSpark } from "../../server/listing/series.ts";
import { shortHashes } from "../../server/listing/shortHash.ts";
import { metricsOf, type RunSummary } from "../../server/listing/summary.ts";
import type { Store } from "../../server/store/index.ts";
import type { Output } from "../output.ts";
import { printCsv } from "./csvOutput.ts";
import { columnTitle, csvField, type RunColumn } from "./runColumns.ts";
import { runDocument } from "./runDocument.ts";
import { type ReadSparks, RunTable, sparkCells } from "./runTable.ts";

export interface ListingFormat {
  readonly format: "table" | "csv";
  /** Columns that the user named. */
  readonly columns: readonly RunColumn[] | undefined;
  /** Runs shown at most; undefined for all. */
  readonly limit: number | undefined;
}

/** What a list needs beside the runs. */
export interface RunSource {
  readonly readSparks: ReadSparks;
  /** For each hash the beginning of it that is shown; whole hashes where it can't be told. */
  shortHashes(hashes: readonly string[]): Promise<ReadonlyMap<string, string>>;
}

/** Rows of a table unless told otherwise: CSV and JSON are for programs, which want all. */
export const defaultRows = 50;
const defaultMetrics = 4;

/** The limit of a list: `--limit` where given (0 for all), else a page of a table. */
export function rowLimit(out: Output, format: "table" | "csv", asked: number | undefined): number | undefined {
  if (asked === 0) return undefined;
  return asked ?? (format === "table" && !out.json ? defaultRows : undefined);
}

/** The store of this machine as a source. */
export function storeSource(store: Store): RunSource {
  return {
    readSparks: ({ hash }, metrics) =>
      store.database.snapshot(async (tx) => {
        const sparks: number[][] = [];
        for (const { contextId, name } of metrics)
          sparks.push(await readSpark(tx, store, { hash, contextId, name }, sparkCells));
        return sparks;
      }),
    shortHashes: (hashes) => shortHashes(store, hashes),
  };
}

export interface Listed {
  readonly shown: number;
  /** Whether there are more than the limit let through. */
  readonly more: boolean;
}

/**
 * Prints the runs as they come, up to the limit. Blocks should be of some hundred runs: each is laid out at once, the first
 * decides on the columns. @throws MatyanError `not_found` for a column that none of the first runs has.
 */
export async function listRuns(
  out: Output,
  blocks: AsyncIterable<readonly RunSummary[]>,
  { format, columns, limit }: ListingFormat,
  source: RunSource,
): Promise<Listed> {
  let print: ((runs: readonly RunSummary[]) => Promise<void>) | undefined;
  let shown = 0;
  let more = false;
  for await (const found of blocks) {
    const runs = found.slice(0, limit === undefined ? found.length : limit - shown);
    more = runs.length < found.length;
    if (runs.length === 0 && more) break;
    if (runs.length === 0) continue;
    if (print === undefined) checkColumns(columns ?? [], runs);
    print ??= printer(out, format, columns, source, runs);
    await print(runs);
    await out.drain?.();
    shown += runs.length;
    if (more) break;
  }
  // Whoever reads CSV wants its columns also where there are no rows.
  if (print === undefined && format === "csv") printer(out, format, columns, source, []);
  return { shown, more };
}

function printer(
  out: Output,
  format: "table" | "csv",
  asked: readonly RunColumn[] | undefined,
  source: RunSource,
  first: readonly RunSummary[],
): (runs: readonly RunSummary[]) => Promise<void> {
  if (out.json) {
    const params = (asked ?? []).flatMap((column) => (column.kind === "param" ? [column.path] : []));
    return async (runs) => {
      for (const run of runs) out.record(runDocument(run, params));
    };
  }
  const columns = asked ?? defaultColumns(first);
  if (format === "csv") {
    printCsv(out, columns.map(columnTitle));
    return async (runs) => {
      for (const run of runs)
        printCsv(
          out,
          columns.map((column) => csvField(run, column)),
        );
    };
  }
  const table = new RunTable({
    columns,
    asked: asked !== undefined,
    width: out.width,
    style: out.style,
    readSparks: source.readSparks,
  });
  return async (runs) => {
    const short = await source.shortHashes(runs.map(({ hash }) => hash));
    const now = out.terminal.stdout ? Date.now() / 1000 : undefined;
    for (const line of await table.block(runs, { style: out.style, now, shortHashes: short })) out.line(line);
  };
}

function defaultColumns(runs: readonly RunSummary[]): RunColumn[] {
  const fields = ["hash", "name", "experiment", "tags", "status", "created", "duration"] as const;
  return [
    ...fields.map((field) => ({ kind: "field", field }) as const),
    ...commonMetrics(runs, defaultMetrics).map((metric) => {
      const { name, contextId } = metric;
      return { kind: "metric", metric: { name, context: [], contextId }, title: metricTitle(metric) } as const;
    }),
  ];
}

/** A metric or parameter that none of the first runs has is a slip of the pen, not an empty column. */
function checkColumns(columns: readonly RunColumn[], runs: readonly RunSummary[]): void {
  for (const column of columns) {
    if (column.kind === "metric" && runs.every((run) => findMetric(run, column.metric) === undefined))
      throw unknownMetric(column.title, new Set(runs.flatMap((run) => metricsOf(run).map(metricTitle))));
    if (column.kind === "param" && runs.every((run) => paramAt(run.attrs ?? new Map(), column.path) === undefined)) {
      const paths = byNearness(column.path, new Set(runs.flatMap((run) => paramPaths(run.attrs ?? new Map(), 200))));
      throw new MatyanError("not_found", `none of these runs has a parameter '${column.path}'`, {
        hint: paths.length === 0 ? "They have no parameters at all." : `There are: ${paths.slice(0, 10).join(", ")}.`,
      });
    }
  }
}

/** Gathers small batches into blocks. */
export async function* inBlocks<T>(batches: AsyncIterable<readonly T[]>, size: number): AsyncGenerator<T[]> {
  let block: T[] = [];
  for await (const batch of batches)
    for (const item of batch) {
      block.push(item);
      if (block.length < size) continue;
      yield block;
      block = [];
    }
  if (block.length > 0) yield block;
}
