// `matyan query`: the runs, or metrics, for which an expression is true, here or on a server.

import { MatyanError } from "../../formats/error.ts";
import { withStore } from "../../server/listing/open.ts";
import { parseAddress } from "../client/address.ts";
import { Http } from "../client/http.ts";
import { type Context, type Define, examples, execute } from "../runtime.ts";
import { counted } from "../ui/numbers.ts";
import { paged } from "../ui/pager.ts";
import { prepareTyped } from "../ui/queryText.ts";
import { parseColumns } from "../ui/runColumns.ts";
import { defaultRows, type Listed, rowLimit } from "../ui/runListing.ts";
import { explainPlan } from "../ui/search/explainPlan.ts";
import { listFoundMetrics, listFoundRuns } from "../ui/search/localSearch.ts";
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
    .option("--no-pager", "print a list that is longer than the screen as it is, not through $PAGER or less")
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
  const { out, config } = context;
  if (options.metrics && (options.columns !== undefined || options.format !== "table"))
    throw new MatyanError("usage", "--columns and --format are for lists of runs, not of metrics", {
      hint: "Use --json for a list of metrics that programs read.",
    });
  if (options.explain && options.url !== undefined)
    throw new MatyanError("usage", "--explain and --url can't be used together", {
      hint: "A plan is made where the store is: run it there, with --data.",
    });
  const columns = options.columns === undefined ? undefined : parseColumns(options.columns);
  const limit = rowLimit(out, options.format, options.limit);
  const format = { format: options.format, columns, limit };
  if (options.url !== undefined) {
    const http = new Http(parseAddress(options.url));
    const listed = await paged(context, options.pager, (context) =>
      options.metrics
        ? listRemoteMetrics(context, http, text, limit)
        : listRemoteRuns(context, http, { query: text }, format),
    );
    return tell(out, options, listed);
  }
  const prepared = prepareTyped(text, options.metrics ? "metric" : "run");
  await withStore(config, async (store) => {
    if (options.explain) return explainPlan(out, store, prepared, options.metrics ? undefined : limit);
    const listed = await paged(context, options.pager, (context) =>
      options.metrics
        ? listFoundMetrics(context, store, prepared, limit)
        : listFoundRuns(context, store, prepared, format),
    );
    tell(out, options, listed);
  });
}

function tell(out: Context["out"], { metrics, format }: Options, listed: Listed | undefined): void {
  if (listed === undefined || out.quiet || out.json || format !== "table") return;
  const { shown, more } = listed;
  const what = metrics ? "metric" : "run";
  if (shown === 0) out.rawError(`No ${what}s match.\n`);
  if (more) out.rawError(`${out.errorStyle.dim(`The first ${counted(shown, what)}; --limit 0 lists all.`)}\n`);
}
