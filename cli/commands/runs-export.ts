// `matyan runs export`: metrics or parameters of runs as CSV, JSON lines or Parquet, for pandas, DuckDB and spreadsheets.
import { isMap, type Value } from "../../formats/value.ts";
import { type MetricRef, metricMatches, metricTitle, parseMetric } from "../../server/listing/metricName.ts";
import { withStore } from "../../server/listing/open.ts";
import { type PointRow, pointRows } from "../../server/listing/points.ts";
import { unknownMetric } from "../../server/listing/ranking.ts";
import { selectRuns } from "../../server/listing/select.ts";
import { metricsOf, type NameCache, type RunSummary, readSummary } from "../../server/listing/summary.ts";
import { artifactsName } from "../../server/store/artifactEntries.ts";
import type { Store } from "../../server/store/index.ts";
import { parseAddress } from "../client/address.ts";
import { foundSummary } from "../client/foundSummary.ts";
import { Http } from "../client/http.ts";
import { remotePointRows } from "../client/remotePoints.ts";
import { filterText, searchRuns } from "../client/searches.ts";
import { type Context, type Define, examples, execute } from "../runtime.ts";
import {
  type ExportColumn,
  type ExportFormat,
  type ExportRow,
  exportFormats,
  openRowWriter,
} from "../ui/exportWriter.ts";
import { counted } from "../ui/numbers.ts";
import { prepareTyped } from "../ui/queryText.ts";
import { collect } from "./options.ts";

interface Options {
  readonly format: ExportFormat;
  readonly output?: string;
  readonly params?: boolean;
  readonly metric?: string[];
  readonly query?: string;
  readonly experiment?: string;
  readonly tag?: string;
  readonly url?: string;
}

/** Names of metrics kept for the error that says which there are. */
const mostKnown = 1_000;

const metricColumns: readonly ExportColumn[] = [
  { name: "run", type: "text" },
  { name: "name", type: "text" },
  { name: "experiment", type: "text" },
  { name: "metric", type: "text" },
  { name: "context", type: "text" },
  { name: "step", type: "integer" },
  { name: "epoch", type: "integer" },
  { name: "time", type: "float" },
  { name: "value", type: "float" },
];

const paramColumns: readonly ExportColumn[] = [
  { name: "run", type: "text" },
  { name: "name", type: "text" },
  { name: "experiment", type: "text" },
  { name: "param", type: "text" },
  { name: "value", type: "text" },
];

export const define: Define = (command) => {
  command
    .description("Write the points of runs' metrics, one row each, or their parameters, as a table.")
    .addOption(
      command
        .createOption("--format <format>", "how to write")
        .choices([...exportFormats])
        .default("csv"),
    )
    .option("-o, --output <file>", "where to; standard output unless given")
    .option("--params", "parameters instead of metrics: a row for each, by its dotted path")
    .option("--metric <name>", "only this metric, NAME or NAME{k=v}; may be repeated", collect)
    .option("--query <expr>", "only runs for which this is true (see `matyan query`)")
    .option("--experiment <name>", "only runs of this experiment")
    .option("--tag <name>", "only runs with this tag")
    .option("--url <api>", "ask the server at this address instead of opening the store")
    .addHelpText(
      "after",
      examples(
        "matyan runs export --metric loss > loss.csv",
        "matyan runs export --format parquet -o metrics.parquet --query 'run.hparams.lr > 0.01'",
        "matyan runs export --params --format jsonl | jq -r .param",
      ),
    )
    .addHelpText(
      "after",
      "\nTimes are seconds since 1970, contexts `k=v` texts. An output file appears when it is whole. The existing services tell no epochs and times, and servers whole numbers among parameters from 2^31 on as floats.",
    )
    .action(
      execute<[], Options>((context, options) =>
        options.url === undefined
          ? withStore(context.config, (store) => exportRuns(context, options, storeSource(context, options, store)))
          : exportRuns(context, options, serverSource(context, options, new Http(parseAddress(options.url)))),
      ),
    );
};

interface ExportSource {
  /** With attributes when parameters are exported. */
  runs(): AsyncGenerator<RunSummary, void>;
  points(run: RunSummary): AsyncGenerator<readonly PointRow[], void>;
}

function storeSource({ signal }: Context, options: Options, store: Store): ExportSource {
  const { query, experiment, tag, params = false } = options;
  const prepared = query === undefined ? undefined : prepareTyped(query, "run");
  const names: NameCache = new Map();
  return {
    runs: async function* () {
      for await (const hashes of selectRuns(store, { query: prepared, experiment, tag, sort: [] }, signal))
        for (const hash of hashes) {
          const run = await store.database.snapshot((tx) => readSummary(tx, store, hash, { attrs: params, names }));
          if (run !== undefined && run.status !== "deleting") yield run;
        }
    },
    points: (run) => pointRows(store, run, metricsIn(options), signal),
  };
}

function serverSource({ signal }: Context, options: Options, http: Http): ExportSource {
  const { query, experiment, tag, params = false } = options;
  const search = {
    query: filterText({ query, experiment, tag }),
    ...{ withoutParams: !params, withoutMetrics: params, withSystem: params, signal },
  };
  return {
    runs: async function* () {
      for await (const [hash, node] of searchRuns(http, search)) yield foundSummary(hash, node);
    },
    points: (run) => remotePointRows(http, run, metricsIn(options), signal),
  };
}

function metricsIn({ metric = [] }: Options): MetricRef[] {
  return metric.map(parseMetric);
}

async function exportRuns({ out, signal, progress }: Context, options: Options, source: ExportSource): Promise<void> {
  const { params = false } = options;
  const writer = await openRowWriter(out, options.format, params ? paramColumns : metricColumns, options.output);
  const unseen = new Map((params ? [] : (options.metric ?? [])).map((typed) => [typed, parseMetric(typed)]));
  const known = new Set<string>();
  let runs = 0;
  let rows = 0;
  progress.stage("runs");
  try {
    for await (const run of source.runs()) {
      signal.throwIfAborted();
      const head = [run.hash, run.name, run.experiment ?? null] as const;
      if (params) rows += await write(paramRows(run, head));
      else
        for await (const page of source.points(run))
          rows += await write(
            page.map((point) => [
              ...head,
              point.metric,
              point.context,
              point.step,
              point.epoch,
              point.time,
              point.value,
            ]),
          );
      for (const metric of unseen.size === 0 ? [] : metricsOf(run)) {
        for (const [typed, ref] of unseen) if (metricMatches(ref, metric)) unseen.delete(typed);
        if (known.size < mostKnown) known.add(metricTitle(metric));
      }
      runs++;
      progress.advance(1);
    }
    for (const typed of runs === 0 ? [] : unseen.keys()) throw unknownMetric(typed, known);
    await writer.finish();
  } catch (error) {
    writer.abort();
    throw error;
  }
  if (runs === 0 && !out.quiet && !out.json) out.rawError("No runs match.\n");
  if (options.output !== undefined) {
    out.record({ file: options.output, format: options.format, runs, rows });
    out.info(`${counted(rows, "row")} of ${counted(runs, "run")} in ${options.output}`);
  }

  async function write(some: readonly ExportRow[]): Promise<number> {
    await writer.write(some);
    return some.length;
  }
}

function paramRows(run: RunSummary, head: readonly Value[]): ExportRow[] {
  const rows: ExportRow[] = [];
  const walk = (value: Value, path: string) => {
    if (isMap(value) && value.size > 0) for (const [name, child] of value) walk(child, `${path}.${name}`);
    else rows.push([...head, path, value]);
  };
  for (const [name, child] of run.attrs ?? new Map<string, Value>()) if (name !== artifactsName) walk(child, name);
  return rows;
}
