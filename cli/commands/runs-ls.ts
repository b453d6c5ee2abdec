// `matyan runs ls`: a table, CSV or JSON lines of runs.
import { MatyanError } from "../../formats/error.ts";
import { commonMetrics, findMetric, metricTitle } from "../../server/listing/metricName.ts";
import { byNearness } from "../../server/listing/nearest.ts";
import { withStore } from "../../server/listing/open.ts";
import { paramAt, paramPaths } from "../../server/listing/params.ts";
import { parseSortKey, type RunSelection, selectRuns, unknownMetric } from "../../server/listing/select.ts";
import { readSpark } from "../../server/listing/series.ts";
import { shortHashes } from "../../server/listing/shortHash.ts";
import { metricsOf, type NameCache, type RunSummary, readSummary } from "../../server/listing/summary.ts";
import type { Store } from "../../server/store/index.ts";
import { type Context, type Define, examples, execute } from "../runtime.ts";
import { csvRecord } from "../ui/csv.ts";
import { columnTitle, csvField, fieldNames, parseColumns, type RunColumn } from "../ui/runColumns.ts";
import { runDocument } from "../ui/runDocument.ts";
import { RunTable, sparkCells } from "../ui/runTable.ts";
import { collect, parseCount } from "./options.ts";

interface Options {
  readonly experiment?: string;
  readonly tag?: string;
  readonly active?: boolean;
  readonly archived?: boolean;
  readonly sort: string[];
  readonly limit?: number;
  readonly columns?: string;
  readonly format: "table" | "csv";
}

/** Rows of a table unless told otherwise: CSV and JSON are for programs, which want all. */
const defaultRows = 50;
/** Runs read, laid out and printed at a time. */
const blockRuns = 500;
const defaultMetrics = 4;

export const define: Define = (command) => {
  command
    .description("List runs, the newest first. Archived runs are left out; --archived lists them alone.")
    .option("--experiment <name>", "only runs of this experiment")
    .option("--tag <name>", "only runs with this tag")
    .option("--active", "only runs that have not been finished")
    .option("--archived", "only archived runs")
    .option(
      "--sort <key>",
      "created, name, duration, experiment or metric:NAME; -KEY reverses; repeat for ties (default: -created)",
      collect,
      [],
    )
    .option(
      "--limit <n>",
      `at most so many runs, 0 for all (default: ${defaultRows}; with --json or csv all)`,
      parseCount,
    )
    .option("--columns <list>", `of ${fieldNames.join(", ")}, metric:NAME, metric:NAME{k=v}, param:PATH`)
    .addOption(command.createOption("--format <format>", "how to print").choices(["table", "csv"]).default("table"))
    .addHelpText(
      "after",
      `\nMetrics show their last value and how they came there. Runs without a value to sort by come last.${examples(
        "matyan runs ls",
        "matyan runs ls --experiment baseline --sort metric:loss --limit 10",
        "matyan runs ls --columns hash,name,metric:loss{subset=val},param:hparams.lr",
        "matyan runs ls --format csv > runs.csv",
      )}`,
    )
    .action(
      execute<[], Options>((context, options) =>
        withStore(context.config, (store) => listRuns(context, options, store)),
      ),
    );
};

async function listRuns(context: Context, options: Options, store: Store): Promise<void> {
  const { out, signal } = context;
  const asked = options.columns === undefined ? undefined : parseColumns(options.columns);
  const table = options.format === "table" && !out.json;
  const limit = options.limit === 0 ? undefined : (options.limit ?? (table ? defaultRows : undefined));
  // One more than is shown tells whether there are more.
  const wanted = limit === undefined ? undefined : limit + 1;
  const selection: RunSelection = { ...options, sort: options.sort.map(parseSortKey), limit: wanted };
  const names: NameCache = new Map();
  const needsAttrs = asked?.some(({ kind }) => kind === "param") ?? false;
  let print: ((runs: RunSummary[]) => Promise<void>) | undefined;
  let shown = 0;
  let more = false;
  for await (const hashes of inBlocks(selectRuns(store, selection, signal), Math.min(blockRuns, wanted ?? blockRuns))) {
    signal.throwIfAborted();
    const read = await store.database.snapshot((tx) =>
      Promise.all(hashes.map((hash) => readSummary(tx, store, hash, { attrs: needsAttrs, names }))),
    );
    const found = read.filter((run) => run !== undefined).filter(({ status }) => status !== "deleting");
    const runs = found.slice(0, limit === undefined ? found.length : limit - shown);
    more = runs.length < found.length;
    if (runs.length === 0 && more) break;
    if (runs.length === 0) continue;
    if (print === undefined) checkColumns(asked ?? [], runs);
    print ??= printer(context, options, store, asked, runs);
    await print(runs);
    shown += runs.length;
    if (more) break;
  }
  if (out.quiet || !table) return;
  if (shown === 0)
    out.rawError(`No runs match.${options.archived ? "" : " Archived runs are listed by --archived."}\n`);
  if (more) out.rawError(`${out.errorStyle.dim(`The first ${shown} runs; --limit 0 lists all.`)}\n`);
}

/** Gathers the batches of an index into blocks: many small ones are laid out and read together. */
async function* inBlocks(batches: AsyncIterable<string[]>, size: number): AsyncGenerator<string[]> {
  let block: string[] = [];
  for await (const batch of batches)
    for (const hash of batch) {
      block.push(hash);
      if (block.length < size) continue;
      yield block;
      block = [];
    }
  if (block.length > 0) yield block;
}

function printer(
  { out }: Context,
  { format }: Options,
  store: Store,
  asked: readonly RunColumn[] | undefined,
  first: readonly RunSummary[],
): (runs: RunSummary[]) => Promise<void> {
  if (out.json) {
    const params = (asked ?? []).flatMap((column) => (column.kind === "param" ? [column.path] : []));
    return async (runs) => {
      for (const run of runs) out.record(runDocument(run, params));
    };
  }
  const columns = asked ?? defaultColumns(first);
  if (format === "csv") {
    out.raw(csvRecord(columns.map(columnTitle)));
    return async (runs) => {
      for (const run of runs) out.raw(csvRecord(columns.map((column) => csvField(run, column))));
    };
  }
  const table = new RunTable({
    columns,
    asked: asked !== undefined,
    width: out.width,
    style: out.style,
    readSpark: (run, { contextId, name }) =>
      store.database.snapshot((tx) => readSpark(tx, store, { hash: run.hash, contextId, name }, sparkCells)),
  });
  return async (runs) => {
    const short = await shortHashes(
      store,
      runs.map(({ hash }) => hash),
    );
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
