// `matyan query`: the runs, or metrics, for which an expression is true, here or on a server.

import { MatyanError } from "../../formats/error.ts";
import { withStore } from "../../server/listing/open.ts";
import { type NameCache, type RunSummary, readSummary } from "../../server/listing/summary.ts";
import { explain, type PreparedQuery, planQuery } from "../../server/query/index.ts";
import { accessFor, searchRuns, searchSequences } from "../../server/search/index.ts";
import type { Store } from "../../server/store/index.ts";
import { parseAddress } from "../client/address.ts";
import { type FoundPoint, foundPoints, foundSummary } from "../client/foundSummary.ts";
import { Http, ServerRefusal } from "../client/http.ts";
import { searchRuns as searchRemoteRuns, searchSequences as searchRemoteSequences } from "../client/searches.ts";
import { sampleMetrics } from "../client/sparks.ts";
import { type Context, type Define, examples, execute } from "../runtime.ts";
import { listMetrics } from "../ui/metricListing.ts";
import { counted } from "../ui/numbers.ts";
import { prepareTyped, refusedByServer } from "../ui/queryText.ts";
import { parseColumns } from "../ui/runColumns.ts";
import { defaultRows, inBlocks, listRuns, type RunSource, rowLimit, storeSource } from "../ui/runListing.ts";
import { sparkCells } from "../ui/runTable.ts";
import { parseCount } from "./options.ts";

interface Options {
  readonly metrics?: boolean;
  readonly explain?: boolean;
  readonly limit?: number;
  readonly columns?: string;
  readonly format: "table" | "csv";
  readonly url?: string;
}

const blockRuns = 500;

const notes = `
The language is that of the web UI's search field: one Python expression over \`run\`, with --metrics over \`metric\` too.
Archived runs are left out unless it mentions run.archived. Dates are in this machine's time zone.

  run.name  run.experiment  run.tags  run.hash  run.created_at  run.duration  run.active  run.archived
  run.hparams.lr  run["any key"]  run.metrics["loss"].last
  metric.name  metric.context.subset  metric.last  metric.last_step`;

export const define: Define = (command) => {
  command
    .description("List the runs for which an expression is true, the newest first.")
    .argument("<expr>", "the expression; quote it for the shell")
    .option("--metrics", "list metrics instead, for each run those for which it is true")
    .option("--explain", "say how the runs are found, without looking for them")
    .option("--limit <n>", `at most so many, 0 for all (default: ${defaultRows}; with --json or csv all)`, parseCount)
    .option("--columns <list>", "as for `matyan runs ls`")
    .addOption(command.createOption("--format <format>", "how to print").choices(["table", "csv"]).default("table"))
    .option("--url <api>", "ask the server at this address instead of opening the store")
    .addHelpText("after", notes)
    .addHelpText(
      "after",
      examples(
        "matyan query 'run.hparams.lr > 0.01 and \"best\" in run.tags'",
        "matyan query 'metric.name == \"loss\" and metric.last < 0.1' --metrics",
        "matyan query 'run.created_at > datetime(2026, 3, 1)' --url http://localhost:53800 --json",
        "matyan query 'run.experiment == \"baseline\"' --explain",
      ),
    )
    .action(execute<[string], Options>(query));
};

async function query(context: Context, options: Options, text: string): Promise<void> {
  const { config } = context;
  if (options.metrics && (options.columns !== undefined || options.format !== "table"))
    throw new MatyanError("usage", "--columns and --format are for lists of runs, not of metrics", {
      hint: "Use --json for a list of metrics that programs read.",
    });
  if (options.url !== undefined) {
    if (options.explain)
      throw new MatyanError("usage", "--explain and --url can't be used together", {
        hint: "A plan is made where the store is: run it there, with --data.",
      });
    const http = new Http(parseAddress(options.url));
    await (options.metrics ? remoteMetrics(context, options, text, http) : remoteRuns(context, options, text, http));
    return;
  }
  const prepared = prepareTyped(text, options.metrics ? "metric" : "run");
  await withStore(config, (store) => {
    if (options.explain) return explainQuery(context, options, prepared, store);
    return options.metrics
      ? localMetrics(context, options, prepared, store)
      : localRuns(context, options, prepared, store);
  });
}

async function localRuns({ out, signal }: Context, options: Options, prepared: PreparedQuery, store: Store) {
  const columns = options.columns === undefined ? undefined : parseColumns(options.columns);
  const limit = rowLimit(out, options.format, options.limit);
  const wanted = limit === undefined ? undefined : limit + 1;
  const names: NameCache = new Map();
  const attrs = columns?.some(({ kind }) => kind === "param") ?? false;
  const search = { now: Date.now() / 1_000, limit: wanted };
  const found = searchRuns(store, prepared, search, ({ run }, { tx }) =>
    readSummary(tx, store, run.hash, { attrs, names }),
  );
  async function* batches(): AsyncGenerator<RunSummary[]> {
    for await (const run of found) {
      signal.throwIfAborted();
      if (run !== undefined) yield [run];
    }
  }
  const blocks = inBlocks(batches(), Math.min(blockRuns, wanted ?? blockRuns));
  tell(
    out,
    options,
    "run",
    await listRuns(out, blocks, { format: options.format, columns, limit }, storeSource(store)),
  );
}

/** A server does not tell which beginnings of hashes are unique: they are shown whole. */
function remoteSource(http: Http, signal: AbortSignal): RunSource {
  return {
    readSparks: async ({ hash }, metrics) =>
      (await sampleMetrics(http, hash, metrics, sparkCells, signal)).map(({ values }) => values),
    shortHashes: async () => new Map(),
  };
}

async function remoteRuns({ out, signal }: Context, options: Options, text: string, http: Http): Promise<void> {
  const columns = options.columns === undefined ? undefined : parseColumns(options.columns);
  const limit = rowLimit(out, options.format, options.limit);
  const wanted = limit === undefined ? undefined : limit + 1;
  const withoutParams = !(columns?.some(({ kind }) => kind === "param") ?? false);
  const found = searchRemoteRuns(http, { query: text, limit: wanted, withoutParams, signal });
  async function* batches(): AsyncGenerator<RunSummary[]> {
    for await (const [hash, run] of found) yield [foundSummary(hash, run)];
  }
  const blocks = inBlocks(batches(), Math.min(blockRuns, wanted ?? blockRuns));
  const listed = await explained(() =>
    listRuns(out, blocks, { format: options.format, columns, limit }, remoteSource(http, signal)),
  );
  tell(out, options, "run", listed);
}

async function localMetrics({ out, signal }: Context, options: Options, prepared: PreparedQuery, store: Store) {
  const found = searchSequences(store, prepared, { now: Date.now() / 1_000 }, async ({ run, traces }) => {
    const name = run.meta.get("name");
    return traces.map((trace): FoundPoint => {
      const { context, last = null, lastStep } = trace;
      return {
        hash: run.hash,
        run: typeof name === "string" ? name : "",
        metric: trace.name,
        context,
        last,
        lastStep,
      };
    });
  });
  tell(out, options, "metric", await listMetrics(out, found, rowLimit(out, "table", options.limit), signal));
}

async function remoteMetrics({ out, signal }: Context, options: Options, text: string, http: Http): Promise<void> {
  const found = searchRemoteSequences(http, "metric", { query: text, parameters: { p: 2 }, signal });
  async function* batches(): AsyncGenerator<FoundPoint[]> {
    for await (const [hash, run] of found) yield foundPoints(hash, run);
  }
  const limit = rowLimit(out, "table", options.limit);
  tell(out, options, "metric", await explained(() => listMetrics(out, batches(), limit, signal)));
}

async function explainQuery({ out }: Context, options: Options, prepared: PreparedQuery, store: Store): Promise<void> {
  const plan = explain(planQuery(prepared));
  const limit = options.metrics ? undefined : rowLimit(out, options.format, options.limit);
  const access = await store.database.snapshot((tx) => accessFor(prepared, tx, store, limit));
  const count = Number.isFinite(access.estimate) ? access.estimate : undefined;
  out.record({
    plan: plan.split("\n"),
    access: access.kind,
    candidates: count ?? null,
    hides_archived: prepared.hidesArchived,
  });
  out.line(plan);
  const how = {
    none: "no run is looked at",
    walk: `runs are gone through by creation time${limit === undefined ? "" : ` until ${limit} are found`}`,
    candidates: `${count === undefined ? "candidates" : counted(count, "candidate")} to look at, by hash`,
  }[access.kind];
  out.line(`here: ${how}`);
}

/** A server's complaint about the query, shown in the query. */
async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ServerRefusal && error.position !== undefined)
      throw refusedByServer(error.message, error.position);
    throw error;
  }
}

function tell(
  out: Context["out"],
  options: Options,
  what: string,
  { shown, more }: { readonly shown: number; readonly more: boolean },
): void {
  if (out.quiet || out.json || options.format !== "table") return;
  if (shown === 0) out.rawError(`No ${what}s match.\n`);
  if (more) out.rawError(`${out.errorStyle.dim(`The first ${counted(shown, what)}; --limit 0 lists all.`)}\n`);
}
