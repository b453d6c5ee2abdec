// `matyan runs diff`: two runs side by side, by default only where they differ.
import { MatyanError } from "../../formats/error.ts";
import { formatJson } from "../../formats/json.ts";
import type { Value } from "../../formats/value.ts";
import { type DiffLine, diffRuns } from "../../server/listing/diff.ts";
import { findRun } from "../../server/listing/findRun.ts";
import { withStore } from "../../server/listing/open.ts";
import { shortHashes } from "../../server/listing/shortHash.ts";
import { type RunSummary, readSummary } from "../../server/listing/summary.ts";
import type { Store } from "../../server/store/index.ts";
import { parseAddress } from "../client/address.ts";
import { Http } from "../client/http.ts";
import { readRemoteRun } from "../client/remoteRun.ts";
import { Stored } from "../json.ts";
import type { Output } from "../output.ts";
import { type Context, type Define, examples, execute } from "../runtime.ts";
import { addFormatOption, inFormat, type TableFormat } from "../ui/csvOutput.ts";
import { counted } from "../ui/numbers.ts";
import { type Column, type Row, tableLines } from "../ui/table.ts";
import { safeText } from "../ui/text.ts";

interface Options {
  readonly all?: boolean;
  readonly system?: boolean;
  readonly url?: string;
  readonly format: TableFormat;
}

export const define: Define = (command) => {
  addFormatOption(command)
    .description("Compare two runs: their parameters and the last values of their metrics, where these differ.")
    .argument("<a>", "a run's hash, or a beginning of it that no other run shares")
    .argument("<b>", "another run")
    .option("--all", "also what is the same")
    .option("--system", "also what the client noted of the machine")
    .option("--url <api>", "ask the server at this address instead of opening the store")
    .addHelpText(
      "after",
      examples("matyan runs diff 3f9c1a20 8b21cc07", "matyan runs diff 3f9c 8b21 --all --json | jq .metrics"),
    )
    .action(
      execute<[string, string], Options>(async (context, options, a, b) =>
        printDiff(context, options, await (options.url === undefined ? local : remote)(context, options, [a, b])),
      ),
    );
};

/** A run, and the beginning of its hash that is shown. */
interface Compared {
  readonly run: RunSummary;
  readonly short: string;
}

async function local({ config }: Context, _options: Options, prefixes: readonly string[]): Promise<Compared[]> {
  return withStore(config, async (store) => {
    const runs: RunSummary[] = [];
    for (const prefix of prefixes) runs.push(await readRun(store, prefix));
    const short = await shortHashes(
      store,
      runs.map(({ hash }) => hash),
    );
    return runs.map((run) => ({ run, short: short.get(run.hash) ?? run.hash }));
  });
}

async function remote({ signal }: Context, { url }: Options, hashes: readonly string[]): Promise<Compared[]> {
  const http = new Http(parseAddress(url!));
  const runs: RunSummary[] = [];
  for (const hash of hashes) runs.push(await readRemoteRun(http, hash, signal));
  return runs.map((run) => ({ run, short: run.hash }));
}

function printDiff(context: Context, options: Options, [first, second]: readonly Compared[]): void {
  const [left, right] = [first!.run, second!.run];
  const { params, metrics } = diffRuns(left, right, options.system ?? false);
  const shown = (lines: readonly DiffLine[]) => lines.filter(({ isSame }) => options.all || !isSame);
  const { out } = context;
  const document = (lines: readonly DiffLine[]) =>
    shown(lines).map(({ name, a, b, isSame }) => ({ name, a: stored(a), b: stored(b), same: isSame }));
  if (options.format === "csv" && !out.json) {
    const rows = inFormat(out, options.format, ["kind", "name", "a", "b", "same"]);
    for (const line of document(params)) rows.record({ kind: "param", ...line });
    for (const line of document(metrics)) rows.record({ kind: "metric", ...line });
    return;
  }
  if (out.json) {
    out.record({ a: left.hash, b: right.hash, params: document(params), metrics: document(metrics) });
    return;
  }
  const titles = [first!, second!].map(({ run, short }) => safeText(`${short} ${run.name}`.trim()));
  printLines(out, "parameter", titles, shown(params));
  printLines(out, "metric", titles, shown(metrics));
  const same = [...params, ...metrics].filter(({ isSame }) => isSame).length;
  if (!options.all && same > 0) out.info(out.style.dim(`${counted(same, "value")} the same; --all shows them.`));
  if (params.length + metrics.length === 0) out.info("Neither run has parameters or metrics.");
}

async function readRun(store: Store, prefix: string): Promise<RunSummary> {
  const hash = await findRun(store, prefix);
  const run = await store.database.snapshot((tx) => readSummary(tx, store, hash, { attrs: true }));
  if (run === undefined) throw new MatyanError("not_found", `run '${hash}' has been deleted meanwhile`);
  return run;
}

function printLines(out: Output, title: string, titles: readonly string[], lines: readonly DiffLine[]): void {
  if (lines.length === 0) return;
  const columns: Column[] = [
    { title, importance: 3, min: 12 },
    ...titles.map((text): Column => ({ title: text, importance: 2, min: 10 })),
  ];
  const rows: Row[] = lines.map(({ name, a, b, isSame }) => {
    const paint = isSame ? out.style.dim : undefined;
    return [safeText(name), { text: textOf(a), paint }, { text: textOf(b), paint }];
  });
  for (const line of tableLines(columns, rows, out.width, out.style)) out.line(line);
}

/** Exact, so that what differs looks different. */
function textOf(value: Value | undefined): string {
  if (value === undefined) return "-";
  if (value === null) return "none";
  return safeText(typeof value === "string" ? value : formatJson(value));
}

function stored(value: Value | undefined): Stored | null {
  return value === undefined ? null : new Stored(value);
}
