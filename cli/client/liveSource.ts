// A server as `matyan top` sees it: ours with all figures, others with what the API of all servers gives.
import { MatyanError } from "../../formats/error.ts";
import type { RunSummary } from "../../server/listing/summary.ts";
import { figureNames, type LiveFigures } from "../../server/live/figures.ts";
import { type LiveSource, mostSequences } from "../../server/live/source.ts";
import { foundSummary } from "./foundSummary.ts";
import { Http, ServerRefusal } from "./http.ts";
import { readFigures } from "./liveFigures.ts";
import { remoteLiveRun } from "./liveRun.ts";
import { runQuery, searchRuns } from "./searches.ts";
import { sampleMetrics } from "./sparks.ts";

/** Who looks live asks again soon, and does not wait for minutes. */
const live = { attempts: 2, answerMs: 20_000, silentMs: 20_000 } as const;

/** @param address as `parseAddress` gives it; `now` in seconds since the epoch. */
export function openServerSource(address: string, now: () => number, signal: AbortSignal): LiveSource {
  const http = new Http(address, live);
  let tells = true;
  return {
    place: address,
    tellsTimes: false,
    figures: async () => {
      if (!tells) return nothing(now());
      try {
        return readFigures(await http.json({ path: "system/live", signal }), now());
      } catch (error) {
        if (!isOther(error)) throw error;
        tells = false;
        return nothing(now());
      }
    },
    activeRuns: async (limit) => {
      const runs: RunSummary[] = [];
      let sequences = 0;
      const search = { query: "run.active", limit: limit + 1, withoutParams: true, pageSize: 200, signal };
      for await (const [hash, node] of searchRuns(http, search)) {
        if (runs.length === limit || sequences >= mostSequences) return { runs, more: true };
        const run = foundSummary(hash, node);
        runs.push(run);
        sequences += run.sequences.length;
      }
      return { runs, more: false };
    },
    run: async (hash) => {
      for await (const [found, node] of searchRuns(http, { query: runQuery(hash), limit: 1, signal }))
        return foundSummary(found, node);
      return undefined;
    },
    sparks: async (hash, metrics, count) =>
      (await sampleMetrics(http, hash, metrics, count, signal)).map(({ values }) => ({ values, lastTime: undefined })),
    live: (hash) => remoteLiveRun(http, hash, signal),
    close: async () => undefined,
  };
}

/** A Matyan server that does not know the route: the Python one, or ours of an older version. */
function isOther(error: unknown): boolean {
  if (error instanceof ServerRefusal) return error.status === 404 || error.status === 405;
  return error instanceof MatyanError && error.code === "unsupported";
}

function nothing(at: number): LiveFigures {
  const reason = "this server does not tell; a `matyan serve` of this version does";
  return { at, missing: Object.fromEntries(figureNames.map((name) => [name, reason])) };
}
