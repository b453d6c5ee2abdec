// `matyan runs plot`: a metric of one or more runs as a line chart in the terminal, or its points as JSON lines.
import { MatyanError } from "../../formats/error.ts";
import { contextText, parseContextTerm } from "../../server/listing/contextText.ts";
import { findRun } from "../../server/listing/findRun.ts";
import { withStore } from "../../server/listing/open.ts";
import { readSeries, type Series, type XAxis } from "../../server/listing/series.ts";
import { shortHashes } from "../../server/listing/shortHash.ts";
import type { Store } from "../../server/store/index.ts";
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
}

/** Enough for several points per dot column of a wide terminal: lows and highs between the columns are seen too. */
const defaultSamples = 2000;

export const define: Define = (command) => {
  command
    .description("Draw a metric of one or more runs, one line for each run and context.")
    .argument("<hash...>", "hashes of runs, or beginnings of them")
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
      execute<[string[]], Options>((context, options, prefixes) =>
        withStore(context.config, (store) => plot(context, options, store, prefixes)),
      ),
    );
};

async function plot({ out, signal }: Context, options: Options, store: Store, prefixes: string[]): Promise<void> {
  const hashes = new Set<string>();
  const terms = (options.context ?? []).map(parseContextTerm);
  for (const prefix of prefixes) hashes.add(await findRun(store, prefix));
  const request = {
    hashes: [...hashes],
    metric: options.metric,
    context: terms,
    x: options.x,
    samples: options.samples,
  };
  const { series, without } = await readSeries(store, request, signal);
  const short = await shortHashes(store, [...hashes]);
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
