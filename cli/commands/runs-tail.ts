// `matyan runs tail`: the last lines and metrics of a run, then those that come, until it ends.
import { MatyanError, messageOf } from "../../formats/error.ts";
import { findRun } from "../../server/listing/findRun.ts";
import { type News, RunFollower } from "../../server/listing/followRun.ts";
import { type LiveRun, type LiveSequence, liveRun } from "../../server/listing/liveRun.ts";
import { metricMatches, parseMetric } from "../../server/listing/metricName.ts";
import { withStore } from "../../server/listing/open.ts";
import { pause } from "../../server/pause.ts";
import { parseAddress } from "../client/address.ts";
import { type Backoff, pauseMs } from "../client/backoff.ts";
import { findRemoteRun } from "../client/findRemoteRun.ts";
import { Http } from "../client/http.ts";
import { remoteLiveRun } from "../client/liveRun.ts";
import { type Context, type Define, examples, execute, exitCodes } from "../runtime.ts";
import { TailPrinter } from "../ui/tailPrinter.ts";
import { collect, countBetween } from "./options.ts";

interface Options {
  readonly lines: number;
  readonly logs?: boolean;
  readonly metrics?: boolean;
  readonly metric?: string[];
  readonly system?: boolean;
  readonly follow: boolean;
  readonly url?: string;
}

/** How often is looked: a store of this machine costs some reads, a server several requests. */
const lookMs = { store: 400, server: 1_000 } as const;
/** A look that takes long (a run of thousands of metrics, a server far away) is followed by so many times its time of rest. */
const restFactor = 4;
const backoff: Backoff = { firstMs: 500, longestMs: 5_000 };
/** What a server that stands still may take to answer. */
const answerMs = 30_000;

const notes = `
Lines are those of the run's terminal (a progress bar in its last state; a line that was shown without its end comes again
with it), records those of its log, with time (UTC) and
level. Metrics come on a line for each step and context. Ends with the run. A server that goes away is waited for: nothing is
left out and nothing comes twice.`;

export const define: Define = (command) => {
  command
    .description("Print the last log lines and metrics of a run, then those that come, until it is finished.")
    .argument("<hash>", "the run's hash, or a beginning of it that no other run shares")
    .option("-n, --lines <n>", "begin with so many lines, records and steps", countBetween(0, 100_000), 10)
    .option("--logs", "only lines and records")
    .option("--metrics", "only metrics")
    .option("--metric <name>", "only this metric, NAME or NAME{k=v}; repeatable", collect)
    .option("--system", "also what the client measured of the machine")
    .option("--no-follow", "end after what is there")
    .option("--url <api>", "ask the server at this address instead of opening the store")
    .addHelpText("after", notes)
    .addHelpText(
      "after",
      examples(
        "matyan runs tail 3f9c1a20",
        "matyan runs tail 3f9c1a20 --metric loss -n 100 --no-follow",
        'matyan runs tail "$RUN" --logs --url http://localhost:53800',
        "matyan runs tail 3f9c1a20 --metrics --json | jq -c 'select(.type == \"metric\") | [.step, .value]'",
      ),
    )
    .action(execute<[string], Options>(tail));
};

async function tail(context: Context, options: Options, run: string): Promise<number> {
  const { config, signal } = context;
  if (options.url === undefined)
    return withStore(config, async (store) =>
      follow(context, options, liveRun(store, await findRun(store, run)), lookMs.store),
    );
  const http = new Http(parseAddress(options.url), { attempts: 1, answerMs });
  return follow(context, options, remoteLiveRun(http, await findRemoteRun(http, run, signal), signal), lookMs.server);
}

async function follow(context: Context, options: Options, run: LiveRun, everyMs: number): Promise<number> {
  const { out, progress, signal } = context;
  const follower = new RunFollower(run, chooser(options));
  const printer = new TailPrinter(out);
  const look = (isFirst: boolean) => lookAt(context, options, run, () => follower.next(options.lines), isFirst);
  try {
    let news = await look(true);
    if (news === undefined) return exitCodes.interrupted;
    const wasActive = news.isActive;
    printer.print(news.sequences, !options.follow || !wasActive, options.lines);
    let lookTook = 0;
    while (options.follow && (news.isActive || news.hasMore)) {
      if (!news.hasMore) await pause(Math.max(everyMs, restFactor * lookTook), signal);
      const begun = performance.now();
      news = await look(false);
      lookTook = performance.now() - begun;
      if (news === undefined) return exitCodes.interrupted;
      printer.print(news.sequences, !news.isActive && !news.hasMore);
    }
    out.record({ type: "end", hash: run.hash, active: news.isActive });
    // The clients' own names only repeat the hash.
    const name = news.name === "" || news.name.includes(run.hash) ? "" : ` (${news.name})`;
    if (options.follow && !out.json) progress.note(`run ${run.hash}${name} ${wasActive ? "is" : "was"} finished`);
    return exitCodes.done;
  } finally {
    printer.end();
  }
}

/**
 * What is new; undefined when we were stopped meanwhile. A server that was there once is waited for.
 * @throws MatyanError `not_found` when there is no such run (any more)
 */
async function lookAt(
  { progress, signal }: Context,
  { url }: Options,
  run: LiveRun,
  next: () => Promise<News | undefined>,
  isFirst: boolean,
): Promise<News | undefined> {
  for (let failures = 0; !signal.aborted; ) {
    try {
      const news = await next();
      if (failures > 0) progress.note(`${url} answers again`);
      if (news !== undefined) return news;
    } catch (error) {
      if (signal.aborted) break;
      const mayPass = url !== undefined && !isFirst && error instanceof MatyanError && error.code === "io";
      if (!mayPass) throw error;
      if (failures++ === 0) progress.note(`${messageOf(error)}; trying again`);
      await pause(pauseMs(backoff, failures, Math.random), signal);
      continue;
    }
    throw new MatyanError("not_found", `there is no run '${run.hash}'${url === undefined ? "" : ` at ${url}`}`, {
      hint: "It has been deleted.",
    });
  }
  return undefined;
}

/** Which sequences are wanted. */
function chooser({ logs, metrics, metric, system }: Options): (sequence: LiveSequence) => boolean {
  const named = (metric ?? []).map(parseMetric);
  const withLogs = logs === true || (metrics !== true && named.length === 0);
  const withMetrics = metrics === true || named.length > 0 || logs !== true;
  return (sequence) => {
    if (sequence.kind !== "metric") return withLogs;
    if (!withMetrics) return false;
    if (named.length > 0) return named.some((ref) => metricMatches(ref, sequence));
    return system === true || !sequence.name.startsWith("__");
  };
}
