// `matyan runs ls`: a table, CSV or JSON lines of runs.
import { parseSince } from "../../server/archive/since.ts";
import { withStore } from "../../server/listing/open.ts";
import { parseSortKey, queryAndArchived, type RunSelection, selectRuns } from "../../server/listing/select.ts";
import { type NameCache, type RunSummary, readSummary } from "../../server/listing/summary.ts";
import type { Store } from "../../server/store/index.ts";
import { parseAddress } from "../client/address.ts";
import { Http } from "../client/http.ts";
import { filterText } from "../client/searches.ts";
import { type Context, type Define, examples, execute } from "../runtime.ts";
import { counted } from "../ui/numbers.ts";
import { paged } from "../ui/pager.ts";
import { prepareTyped } from "../ui/queryText.ts";
import { fieldNames, parseColumns } from "../ui/runColumns.ts";
import {
  defaultRows,
  inBlocks,
  type Listed,
  type ListingFormat,
  listRuns,
  rowLimit,
  storeSource,
} from "../ui/runListing.ts";
import { checkRemoteNames, listRemoteRuns, type RemoteQuery } from "../ui/search/remoteSearch.ts";
import { parseMoment, sinceHelp } from "./moment.ts";
import { collect, parseCount } from "./options.ts";

interface Options {
  readonly experiment?: string;
  readonly tag?: string;
  readonly active?: boolean;
  readonly archived?: boolean;
  readonly since?: string;
  readonly query?: string;
  readonly sort?: string[];
  readonly limit?: number;
  readonly columns?: string;
  readonly format: "table" | "csv";
  readonly url?: string;
  readonly pager: boolean;
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
    .option("--since <date>", sinceHelp, parseMoment)
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
    .option("--url <api>", "ask the server at this address instead of opening the store")
    .option("--no-pager", "print a list that is longer than the screen as it is, not through $PAGER or less")
    .addHelpText(
      "after",
      `\nMetrics show their last value and how they came there. Runs without a value to sort by come last. Of a server all runs are read to
sort them, unless it is by created or name.`,
    )
    .addHelpText(
      "after",
      examples(
        "matyan runs ls",
        "matyan runs ls --experiment baseline --sort metric:loss --limit 10",
        "matyan runs ls --columns hash,name,metric:loss{subset=val},param:hparams.lr",
        "matyan runs ls --query 'run.hparams.lr > 0.01' --sort metric:loss",
        "matyan runs ls --since yesterday --format csv > runs.csv",
      ),
    )
    .action(
      execute<[], Options>(async (context, options) => {
        const { out, config } = context;
        const format: ListingFormat = {
          format: options.format,
          columns: options.columns === undefined ? undefined : parseColumns(options.columns),
          limit: rowLimit(out, options.format, options.limit),
        };
        const listed = await paged(context, options.pager, (context) =>
          options.url === undefined
            ? withStore(config, (store) => printRuns(context, options, store, format))
            : listServerRuns(context, options, new Http(parseAddress(options.url)), format),
        );
        tell(out, options, listed);
      }),
    );
};

async function printRuns(
  { out, signal }: Context,
  options: Options,
  store: Store,
  format: ListingFormat,
): Promise<Listed> {
  const { columns, limit } = format;
  // One more than is shown tells whether there are more.
  const wanted = limit === undefined ? undefined : limit + 1;
  const selection: RunSelection = {
    ...options,
    since: options.since === undefined ? undefined : parseSince(options.since),
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
  return listRuns(out, summaries(), format, storeSource(store));
}

async function listServerRuns(context: Context, options: Options, http: Http, format: ListingFormat): Promise<Listed> {
  const listed = await listRemoteRuns(context, http, remoteQuery(options), format);
  if (listed.shown === 0) await checkRemoteNames(http, options, context.signal);
  return listed;
}

function tell(out: Context["out"], { format, archived, query }: Options, listed: Listed | undefined): void {
  if (listed === undefined || out.quiet || out.json || format !== "table") return;
  const { shown, more } = listed;
  const hint = archived || query ? "" : " Archived runs are listed by --archived.";
  if (shown === 0) out.rawError(`No runs match.${hint}\n`);
  if (more) out.rawError(`${out.errorStyle.dim(`The first ${counted(shown, "run")}; --limit 0 lists all.`)}\n`);
}

/** What the options select, in the words of the API. @throws MatyanError `usage` */
function remoteQuery({ query, experiment, tag, active, archived, since, sort = [] }: Options): RemoteQuery {
  if (query !== undefined && archived) throw queryAndArchived();
  const terms = [
    filterText({ query, experiment, tag }),
    ...(active ? ["run.active == True"] : []),
    ...(archived ? ["run.archived == True"] : []),
    ...(since === undefined ? [] : [`run.creation_time >= ${parseSince(since)}`]),
  ];
  return { query: terms.filter((term) => term !== "").join(" and "), sort: sort.map(parseSortKey) };
}
