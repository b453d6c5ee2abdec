// GET /runs/active: the runs that are under way, for the dashboard (rest-api.md 2.8).
import { StreamEncoder } from "../../formats/stream.ts";
import type { ReadTransaction } from "../kv/index.ts";
import { isNumeric, type Run, RunCount, RunReader, rest, type Step } from "../search/index.ts";
import { pageOfTerm } from "../store/indexPages.ts";
import type { ApiContext, Route } from "./route.ts";
import { answerFrames } from "./streams/answer.ts";
import { queryParameters } from "./streams/parameters.ts";
import { Progress } from "./streams/progress.ts";
import { lastOf, lastStepOf, propsOf, treeOf } from "./streams/runParts.ts";

const groupSize = 16;
const activeTerm = ["active", true] as const;

export function activeRoutes(context: ApiContext): readonly Route[] {
  return [
    {
      method: "GET",
      path: "/runs/active",
      summary: "Runs that are under way",
      query: { report_progress: queryParameters.report_progress },
      answer: { description: "A tree stream of runs by hash.", type: "application/octet-stream" },
      handle: (request) => {
        const progress = new Progress(request.query.bool("report_progress", true));
        return answerFrames(request, context.store, (tx) => frames(tx, context, progress), progress);
      },
    },
  ];
}

/** As in run search: archived runs are not shown, and metrics are numbers only (W14). By hash. */
async function* frames(
  tx: ReadTransaction,
  { store }: ApiContext,
  progress: Progress,
): AsyncGenerator<Step<Uint8Array>, void> {
  const reader = new RunReader(tx, store);
  const encoder = new StreamEncoder();
  const count = await RunCount.ofTerm(reader, activeTerm);
  let checked = 0;
  let begin: Uint8Array | undefined;
  do {
    const page = await pageOfTerm(tx, store, activeTerm, begin, groupSize);
    const runs = await Promise.all(page.hashes.map((hash) => reader.open(hash)));
    for (const run of runs) {
      checked++;
      if (run === undefined || run.meta.get("active") !== true || run.meta.get("is_archived") === true) continue;
      yield encoder.tree(new Map([[run.hash, await runTree(run)]])).finish();
      yield progress.frame(checked, count.atLeast(checked));
    }
    await count.more();
    progress.note(checked, count.atLeast(checked));
    yield rest;
    begin = page.next;
  } while (begin !== undefined);
}

async function runTree(run: Run) {
  const metric = (await run.traces()).filter(isNumeric).map((trace) =>
    treeOf({
      name: trace.name,
      context: trace.context,
      values: treeOf({ last: lastOf(trace), last_step: lastStepOf(trace) }),
    }),
  );
  return treeOf({ traces: treeOf({ metric }), props: await propsOf(run) });
}
