// A server as `matyan top` sees it: ours with all figures, others with what the API of all servers gives.
import { MatyanError } from "../../formats/error.ts";
import type { RunSummary } from "../../server/listing/summary.ts";
import { figureNames, type LiveFigures } from "../../server/live/figures.ts";
import type { LiveSource } from "../../server/live/source.ts";
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
  const find = async (search: Parameters<typeof searchRuns>[1]): Promise<RunSummary[]> => {
    const runs: RunSummary[] = [];
    for await (const [hash, node] of searchRuns(http, { ...search, signal })) runs.push(foundSummary(hash, node));
    return runs;
  };
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
      const found = await find({ query: "run.active", limit: limit + 1, withoutParams: true, pageSize: 200 });
      return { runs: found.slice(0, limit), more: found.length > limit };
    },
    run: async (hash) => (await find({ query: runQuery(hash), limit: 1 }))[0],
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
