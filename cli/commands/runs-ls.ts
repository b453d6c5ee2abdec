// `matyan runs ls`: a table, CSV or JSON lines of runs.
import { withStore } from "../../server/listing/open.ts";
import { parseSortKey, type RunSelection, selectRuns } from "../../server/listing/select.ts";
import { type NameCache, type RunSummary, readSummary } from "../../server/listing/summary.ts";
import type { Store } from "../../server/store/index.ts";
import { type Context, type Define, examples, execute } from "../runtime.ts";
import { counted } from "../ui/numbers.ts";
import { prepareTyped } from "../ui/queryText.ts";
import { fieldNames, parseColumns } from "../ui/runColumns.ts";
import { defaultRows, inBlocks, listRuns, rowLimit, storeSource } from "../ui/runListing.ts";
import { collect, parseCount } from "./options.ts";

interface Options {
  readonly experiment?: string;
  readonly tag?: string;
  readonly active?: boolean;
  readonly archived?: boolean;
  readonly query?: string;
  readonly sort?: string[];
  readonly limit?: number;
  readonly columns?: string;
  readonly format: "table" | "csv";
}

/** Runs read, laid out and printed at a time. */
const blockRuns = 500;

export const define: Define = (command) => {
  command
    .description("List runs, the newest first. Archived runs are left out; --archived lists them alone.")
    .option("--experiment <name>", "only runs of this experiment")
    .option("--tag <name>", "only runs with this tag")
    .option("--active", "only runs that have not been finished")
    .option("--archived", "only archived runs")
    .option("--query <expr>", "only runs for which this is true (see `matyan query`)")
    .option(
      "--sort <key>",
      "created, name, duration, experiment or metric:NAME; -KEY reverses; repeat for ties (default: -created)",
      collect,
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
      `\nMetrics show their last value and how they came there. Runs without a value to sort by come last.`,
    )
    .addHelpText(
      "after",
      examples(
        "matyan runs ls",
        "matyan runs ls --experiment baseline --sort metric:loss --limit 10",
        "matyan runs ls --columns hash,name,metric:loss{subset=val},param:hparams.lr",
        "matyan runs ls --query 'run.hparams.lr > 0.01' --sort metric:loss",
        "matyan runs ls --format csv > runs.csv",
      ),
    )
    .action(
      execute<[], Options>((context, options) =>
        withStore(context.config, (store) => printRuns(context, options, store)),
      ),
    );
};

async function printRuns({ out, signal }: Context, options: Options, store: Store): Promise<void> {
  const columns = options.columns === undefined ? undefined : parseColumns(options.columns);
  const limit = rowLimit(out, options.format, options.limit);
  // One more than is shown tells whether there are more.
  const wanted = limit === undefined ? undefined : limit + 1;
  const selection: RunSelection = {
    ...options,
    query: options.query === undefined ? undefined : prepareTyped(options.query, "run"),
    sort: (options.sort ?? []).map(parseSortKey),
    limit: wanted,
  };
  const names: NameCache = new Map();
  const attrs = columns?.some(({ kind }) => kind === "param") ?? false;
  async function* summaries(): AsyncGenerator<RunSummary[]> {
    const size = Math.min(blockRuns, wanted ?? blockRuns);
    for await (const hashes of inBlocks(selectRuns(store, selection, signal), size)) {
      signal.throwIfAborted();
      const read = await store.database.snapshot((tx) =>
        Promise.all(hashes.map((hash) => readSummary(tx, store, hash, { attrs, names }))),
      );
      yield read.filter((run) => run !== undefined).filter(({ status }) => status !== "deleting");
    }
  }
  const { format } = options;
  const { shown, more } = await listRuns(out, summaries(), { format, columns, limit }, storeSource(store));
  if (out.quiet || out.json || format !== "table") return;
  if (shown === 0)
    out.rawError(
      `No runs match.${options.archived || options.query ? "" : " Archived runs are listed by --archived."}\n`,
    );
  if (more) out.rawError(`${out.errorStyle.dim(`The first ${counted(shown, "run")}; --limit 0 lists all.`)}\n`);
}
