// `matyan top`: what goes on at this moment, in a store or on a server.
import { setTimeout as sleep } from "node:timers/promises";
import { InvalidArgumentError } from "commander";
import { MatyanError } from "../../formats/error.ts";
import { type Context, type Define, examples, execute } from "../runtime.ts";
import { type SortName, sortNames } from "../ui/top/order.ts";
import type { Sampler } from "../ui/top/sampler.ts";
import type { Sample } from "../ui/top/track.ts";
import { countBetween } from "./options.ts";

interface Options {
  readonly url?: string;
  readonly once?: boolean;
  readonly interval?: number;
  readonly count?: number;
  readonly sort: SortName;
  readonly reverse?: boolean;
  readonly filter?: string;
  readonly limit?: number;
}

/** Seconds between two looks, and between the two that one answer needs for its rates. */
const usualInterval = 2;
const rateSeconds = 1;
/** Runs that are looked at: on a screen that one can scroll, and in one answer. */
const screenRuns = 200;
const answerRuns = 20;
const mostRuns = 2_000;

const notes = `
Active runs with sparklines of their newest metrics; points per second that came and are stored, what waits in the queue and on
Kafka, dead letters, sizes, slowest queries and errors of the last minutes. What nobody can tell is shown as –, with a line why.

Without --url it looks into the store that the settings name, and asks the server that has the folder, if one runs. Keys: arrows
and enter open a run, esc goes back, s sorts, r reverses, / filters, p pauses, ? explains, q quits.

Without a terminal, or with --once, it prints one look and ends; with --json one object, or with --interval one on each line.`;

export const define: Define = (command) => {
  command
    .description("Show live what goes on: active runs, rates, queues, sizes, slow queries and errors.")
    .option("--url <api>", "look at the server at this address")
    .option("--once", "print one look and end")
    .option("--interval <seconds>", `between two looks (default: ${usualInterval})`, parseInterval)
    .option("--count <n>", "end after so many looks", countBetween(1, 1_000_000_000))
    .addOption(
      command
        .createOption("--sort <key>", "order of the runs")
        .choices([...sortNames])
        .default("created"),
    )
    .option("--reverse", "the other way round")
    .option("--filter <text>", "only runs whose name, experiment, tag or hash has this text")
    .option(
      "--limit <n>",
      `look at so many runs, the newest (default: ${screenRuns}; printed: ${answerRuns})`,
      countBetween(1, mostRuns),
    )
    .addHelpText("after", notes)
    .addHelpText(
      "after",
      examples(
        "matyan top",
        "matyan top --url http://localhost:53800 --sort heard",
        "matyan top --once --filter baseline",
        "matyan top --json | jq .rates.applied.points",
        "matyan top --json --interval 10 --count 6 > top.jsonl",
      ),
    )
    .action(execute<[], Options>(top));
};

function parseInterval(text: string): number {
  const seconds = Number(text);
  if (!(seconds >= 0.1 && seconds <= 86_400))
    throw new InvalidArgumentError("It must be between 0.1 and 86400 seconds.");
  return seconds;
}

async function top(context: Context, options: Options): Promise<void> {
  const { out, config, signal } = context;
  const [{ openSource }, { Sampler }] = await Promise.all([
    import("../ui/top/openSource.ts"),
    import("../ui/top/sampler.ts"),
  ]);
  const quit = new AbortController();
  const source = await openSource(config, options.url, now, AbortSignal.any([signal, quit.signal]));
  try {
    const hasTerminal = out.terminal.stdout && process.stdin.isTTY === true && out.settings.cursor && !out.settings.ci;
    const isLive = hasTerminal && !out.json && !options.once;
    const sampler = new Sampler(source, options.limit ?? (isLive ? screenRuns : answerRuns));
    const first = await sampler.look();
    const { place } = source;
    if (!isLive) return await print(context, options, sampler, first, place);
    const { watch } = await import("../ui/top/watch.ts");
    const { interval = usualInterval, count } = options;
    await watch(sampler, first, {
      ...{ place, listing: listingOf(options), interval, count, style: out.style, now, signal },
      onQuit: () => quit.abort(new MatyanError("interrupted", "stopped")),
    });
    signal.throwIfAborted();
  } finally {
    await source.close();
  }
}

function now(): number {
  return Date.now() / 1_000;
}

function listingOf({ sort, reverse = false, filter = "" }: Options) {
  return { sort, reversed: reverse, filter };
}

/** One look, or one for each interval, as lines or JSON. */
async function print(
  { out, signal }: Context,
  options: Options,
  sampler: Sampler,
  first: Sample,
  place: string,
): Promise<void> {
  const [{ reduce, startState, listed }, { snapshotLines, snapshotDocument, documentSparks }, { sparksShown }] =
    await Promise.all([import("../ui/top/state.ts"), import("../ui/top/snapshot.ts"), import("../ui/top/runTable.ts")]);
  const { interval } = options;
  const count = options.once ? 1 : (options.count ?? (interval === undefined ? 1 : Number.POSITIVE_INFINITY));
  let state = reduce(startState(listingOf(options)), { kind: "looked", sample: first });
  const { columns: width, style } = out;
  for (let looks = 0; looks < count; looks++) {
    // Rates are between two looks; where nothing is counted there is nothing to wait for.
    const isCounted = first.figures.received !== undefined || first.figures.applied !== undefined;
    if (looks > 0 || isCounted) {
      const seconds = interval ?? (looks === 0 ? rateSeconds : usualInterval);
      await sleep(seconds * 1_000, undefined, { signal });
      state = reduce(state, { kind: "looked", sample: await sampler.look() });
    }
    const wanted = out.json ? documentSparks : sparksShown(width);
    state = reduce(state, { kind: "sparks", sparks: await sampler.sparks(listed(state), state.tracks, wanted) });
    if (looks > 0) out.line("");
    out.record(snapshotDocument(state, place));
    for (const line of snapshotLines(state, { width, style, place, now: now() })) out.line(line);
  }
}
