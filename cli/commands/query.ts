// `matyan query`: the runs, or metrics, for which an expression is true, here or on a server.

import { MatyanError } from "../../formats/error.ts";
import { type Config, processEnvironment, readHistoryFile } from "../../server/config.ts";
import { withStore } from "../../server/listing/open.ts";
import { parseAddress } from "../client/address.ts";
import { Http } from "../client/http.ts";
import { type Context, type Define, examples, execute } from "../runtime.ts";
import { inFormat } from "../ui/csvOutput.ts";
import { metricFields } from "../ui/metricListing.ts";
import { counted } from "../ui/numbers.ts";
import { paged } from "../ui/pager.ts";
import { prepareTyped } from "../ui/queryText.ts";
import { parseColumns } from "../ui/runColumns.ts";
import { defaultRows, type Listed, type ListingFormat, rowLimit } from "../ui/runListing.ts";
import { explainPlan } from "../ui/search/explainPlan.ts";
import { listFoundMetrics, listFoundRuns } from "../ui/search/localSearch.ts";
import { type Mode, type PromptActions, promptForQueries } from "../ui/search/prompt.ts";
import { listRemoteMetrics, listRemoteRuns } from "../ui/search/remoteSearch.ts";
import { parseCount } from "./options.ts";

interface Options {
  readonly metrics?: boolean;
  readonly explain?: boolean;
  readonly limit?: number;
  readonly columns?: string;
  readonly format: "table" | "csv";
  readonly url?: string;
  readonly pager: boolean;
}

const notes = `
The language is that of the web UI's search field: one Python expression over \`run\`, with --metrics over \`metric\` too.
Archived runs are left out unless it mentions run.archived. Dates are in this machine's time zone. What is typed at the prompt is
kept in $XDG_STATE_HOME/matyan/history (~/.local/state/matyan/history).

  run.name  run.experiment  run.tags  run.hash  run.created_at  run.duration  run.active  run.archived
  run.hparams.lr  run["any key"]  run.metrics["loss"].last
  metric.name  metric.context.subset  metric.last  metric.last_step`;

export const define: Define = (command) => {
  command
    .description("List the runs for which an expression is true, the newest first.")
    .argument("[expr]", "the expression, quoted for the shell; without one it is asked for, again and again")
    .option("--metrics", "list metrics instead, for each run those for which it is true")
    .option("--explain", "say how the runs are found, without looking for them")
    .option("--limit <n>", `at most so many, 0 for all (default: ${defaultRows}; with --json or csv all)`, parseCount)
    .option("--columns <list>", "as for `matyan runs ls`")
    .addOption(command.createOption("--format <format>", "how to print").choices(["table", "csv"]).default("table"))
    .option("--url <api>", "ask the server at this address instead of opening the store")
    .option("--no-pager", "print a list that is longer than the screen as it is, not through $PAGER or less")
    .addHelpText("after", notes)
    .addHelpText(
      "after",
      examples(
        "matyan query 'run.hparams.lr > 0.01 and \"best\" in run.tags'",
        "matyan query 'metric.name == \"loss\" and metric.last < 0.1' --metrics",
        "matyan query 'run.created_at > datetime(2026, 3, 1)' --url http://localhost:53800 --json",
        "matyan query --metrics",
        "matyan query 'run.experiment == \"baseline\"' --explain",
      ),
    )
    .action(execute<[string | undefined], Options>(query));
};

async function query(context: Context, options: Options, text: string | undefined): Promise<void> {
  const { out, config } = context;
  if (options.metrics && options.columns !== undefined)
    throw new MatyanError("usage", "--columns is for lists of runs, not of metrics", { hint: "Leave it out." });
  const format = {
    format: options.format,
    columns: options.columns === undefined ? undefined : parseColumns(options.columns),
    limit: rowLimit(out, options.format, options.limit),
  };
  const actions =
    options.url === undefined
      ? local(config, options, format)
      : remote(new Http(parseAddress(options.url)), options, format);
  const mode = options.metrics ? "metric" : "run";
  if (text !== undefined) return (options.explain ? actions.explain : actions.find)(context, text, mode);
  if (!process.stdin.isTTY || !out.terminal.stdout || out.json || options.explain)
    throw new MatyanError("usage", "the query is missing", {
      hint: "Give an expression; on a terminal, and without --json and --explain, it is asked for.",
    });
  const historyFile = readHistoryFile(processEnvironment());
  await promptForQueries(context, { historyFile, mode }, actions);
}

function local(config: Config, options: Options, format: ListingFormat): PromptActions {
  return {
    find: async (context, text, mode) => {
      const prepared = prepareTyped(text, mode);
      const listed = await paged(context, options.pager, (own) =>
        withStore(config, (store) =>
          mode === "metric"
            ? listFoundMetrics(inRows(own, format), store, prepared, format.limit)
            : listFoundRuns(own, store, prepared, format),
        ),
      );
      tell(context.out, mode, options, listed);
    },
    explain: async ({ out }, text, mode) => {
      const prepared = prepareTyped(text, mode);
      await withStore(config, (store) =>
        explainPlan(out, store, prepared, mode === "metric" ? undefined : format.limit),
      );
    },
  };
}

function remote(http: Http, options: Options, format: ListingFormat): PromptActions {
  return {
    find: async (context, text, mode) => {
      const listed = await paged(context, options.pager, (own) =>
        mode === "metric"
          ? listRemoteMetrics(inRows(own, format), http, text, format.limit)
          : listRemoteRuns(own, http, { query: text }, format),
      );
      tell(context.out, mode, options, listed);
    },
    explain: async () => {
      throw new MatyanError("usage", "--explain and --url can't be used together", {
        hint: "A plan is made where the store is: run it there, with --data.",
      });
    },
  };
}

/** Metrics as CSV are the records of `--json`. */
function inRows(context: Context, { format }: ListingFormat): Context {
  return { ...context, out: inFormat(context.out, format, metricFields) };
}

function tell(out: Context["out"], what: Mode, { format }: Options, listed: Listed | undefined): void {
  if (listed === undefined || out.quiet || out.json || format !== "table") return;
  const { shown, more } = listed;
  if (shown === 0) out.rawError(`No ${what}s match.\n`);
  if (more) out.rawError(`${out.errorStyle.dim(`The first ${counted(shown, what)}; --limit 0 lists all.`)}\n`);
}
