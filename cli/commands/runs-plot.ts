// `matyan runs plot`: a metric of one or more runs as a line chart in the terminal, or its points as JSON lines.
import { MatyanError } from "../../formats/error.ts";
import { contextText, parseContextTerm } from "../../server/listing/contextText.ts";
import { findRun } from "../../server/listing/findRun.ts";
import { withStore } from "../../server/listing/open.ts";
import { readSeries, type Series, type SeriesRequest, type XAxis } from "../../server/listing/series.ts";
import { shortHashes } from "../../server/listing/shortHash.ts";
import { parseAddress } from "../client/address.ts";
import { findRemoteRuns } from "../client/findRemoteRun.ts";
import { Http } from "../client/http.ts";
import { readRemoteSeries } from "../client/remoteSeries.ts";
import { type Context, type Define, examples, execute } from "../runtime.ts";
import { drawChart, smallestChart } from "../ui/chart.ts";
import { shortNumber } from "../ui/numbers.ts";
import { safeText } from "../ui/text.ts";
import { collect, countBetween } from "./options.ts";

interface Options {
  readonly metric: string;
  readonly context?: string[];
  readonly x: XAxis;
  readonly yLog?: boolean;
  readonly width?: number;
  readonly height?: number;
  readonly samples: number;
  readonly url?: string;
}

/** Enough for several points per dot column of a wide terminal: lows and highs between the columns are seen too. */
const defaultSamples = 2000;

export const define: Define = (command) => {
  command
    .description("Draw a metric of one or more runs, one line for each run and context.")
    .argument("<hash...>", "hashes of runs, or beginnings of them that no other run shares")
    .requiredOption("--metric <name>", "the metric to draw")
    .option("--context <name=value>", "only contexts with this value; repeatable", collect)
    .addOption(
      command.createOption("--x <axis>", "what runs to the right").choices(["step", "epoch", "time"]).default("step"),
    )
    .option("--y-log", "logarithmic y axis; values that are not positive are left out")
    .option(
      "--width <columns>",
      "width of the whole chart (default: the terminal's)",
      countBetween(smallestChart.width, 1000),
    )
    .option(
      "--height <lines>",
      "lines of the drawing (default: to fit the terminal)",
      countBetween(smallestChart.height, 500),
    )
    .option("--samples <n>", "points read per line at most", countBetween(2, 1_000_000), defaultSamples)
    .option("--url <api>", "ask the server at this address instead of opening the store")
    .addHelpText(
      "after",
      `\nA longer sequence is sampled evenly over its steps: a spike between two samples is not seen; raise --samples.`,
    )
    .addHelpText(
      "after",
      examples(
        "matyan runs plot 3f9c1a20 --metric loss",
        "matyan runs plot 3f9c1a20 b81e --metric loss --context subset=val --x time",
        "matyan runs plot 3f9c1a20 --metric loss --json > loss.jsonl",
      ),
    )
    .action(
      execute<[string[]], Options>(async (context, options, typed) => {
        const request = { ...options, context: (options.context ?? []).map(parseContextTerm) };
        const drawn = await (options.url === undefined
          ? local(context, request, typed)
          : remote(context, request, new Http(parseAddress(options.url)), typed));
        plot(context, options, drawn);
      }),
    );
};

interface Drawn {
  readonly series: readonly Series[];
  /** Runs that have none. */
  readonly without: readonly string[];
  /** The beginnings of hashes that are shown; a hash that is not there is shown whole. */
  readonly short: ReadonlyMap<string, string>;
}

type Request = Omit<SeriesRequest, "hashes">;

async function local({ config, signal }: Context, request: Request, prefixes: readonly string[]): Promise<Drawn> {
  return withStore(config, async (store) => {
    const hashes = new Set<string>();
    for (const prefix of prefixes) hashes.add(await findRun(store, prefix));
    const read = await readSeries(store, { ...request, hashes: [...hashes] }, signal);
    return { ...read, short: await shortHashes(store, [...hashes]) };
  });
}

async function remote({ signal }: Context, request: Request, http: Http, typed: readonly string[]): Promise<Drawn> {
  const hashes = await findRemoteRuns(http, typed, signal);
  const read = await readRemoteSeries(http, { ...request, hashes: [...new Set(hashes)] }, signal);
  return { ...read, short: new Map() };
}

function plot({ out }: Context, options: Options, { series, without, short }: Drawn): void {
  for (const hash of without)
    out.warn(`run ${safeText(short.get(hash) ?? hash)} has nothing to draw for '${safeText(options.metric)}'`);
  if (out.json) {
    for (const one of series) out.record(document(one, options.x));
    return;
  }
  const lines = drawChart(
    series.map((one) => ({ legend: legend(one, short), xs: one.xs, ys: one.ys })),
    {
      title: safeText(options.metric),
      xTitle: options.x === "time" ? "time since the first point" : options.x,
      x: options.x === "time" ? "seconds" : "number",
      yLog: options.yLog ?? false,
      width: options.width ?? Math.min(out.columns, 200),
      // Title, axis, labels and prompt take six lines, the legend one for each series.
      height: options.height ?? Math.max(8, Math.min(30, out.rows - 6 - series.length)),
      style: out.style,
    },
  );
  if (lines === undefined)
    throw new MatyanError(
      "not_found",
      `'${options.metric}' has no ${options.yLog ? "positive" : "finite"} values to draw`,
      {
        hint: options.yLog ? "Draw it without --y-log." : "'--json' prints the values as they are.",
      },
    );
  for (const line of lines) out.line(line);
}

function legend({ run, context, ys, lastStep }: Series, short: ReadonlyMap<string, string>): string[] {
  const gaps = ys.filter((y) => !Number.isFinite(y)).length;
  return [
    safeText(short.get(run.hash) ?? run.hash),
    safeText(run.name),
    safeText(contextText(context)),
    `last ${shortNumber(ys.at(-1)!)}${lastStep === undefined ? "" : ` at step ${lastStep}`}`,
    gaps === 0 ? "" : `${gaps} not finite`,
  ];
}

function document({ run, metric, context, xs, ys }: Series, x: XAxis): object {
  return { hash: run.hash, name: run.name, metric, context, x_axis: x, x: xs, y: ys };
}
