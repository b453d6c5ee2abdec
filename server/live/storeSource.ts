// A store that this process opened, as `matyan top` sees it.

import { toNumber } from "../../formats/value.ts";
import type { Config } from "../config.ts";
import { liveRun } from "../listing/liveRun.ts";
import { readSummary } from "../listing/summary.ts";
import { openBlobs, openStoreOnly } from "../stack.ts";
import { sampleSequence } from "../store/sampling.ts";
import { activeRuns } from "./activeRuns.ts";
import { enginesOf, reasonFor } from "./enginesOf.ts";
import { measure } from "./measure.ts";
import type { LiveSource } from "./source.ts";

/** `now`: seconds since the epoch. @throws MatyanError `not_found` when there is no store; what engines throw */
export async function openStoreSource(config: Config, now: () => number): Promise<LiveSource> {
  await using undo = new AsyncDisposableStack();
  const { store } = undo.use(await openStoreOnly(config, { missing: "fail", access: "read" }));
  const blobs = config.blobs.engine === "folder" ? await openBlobs(config) : undefined;
  if (blobs !== undefined) undo.defer(() => blobs.close());
  const engines = enginesOf(config, { store, blobs }, now);
  undo.defer(() => engines.close());
  const { parts } = engines;
  const reasons = {
    ...parts.reasons,
    ...reasonFor(["received", "applied", "queue", "connections", "memory", "slow", "errors"], unserved(config)),
  };
  const resources = undo.move();
  return {
    place: config.store.engine === "foundationdb" ? config.store.clusterFile : config.dataDir,
    tellsTimes: true,
    figures: () => measure({ ...parts, reasons }, now()),
    activeRuns: (limit) => activeRuns(store, limit),
    run: (hash) => store.database.snapshot((tx) => readSummary(tx, store, hash, { attrs: true })),
    sparks: (hash, metrics, count) =>
      store.database.snapshot((tx) =>
        Promise.all(
          metrics.map(async ({ contextId, name }) => {
            const ref = { hash, contextId, name };
            const points = await sampleSequence(tx, store, ref, count, { columns: ["time"] });
            return { values: points.map(({ value }) => toNumber(value) ?? Number.NaN), lastTime: points.at(-1)?.time };
          }),
        ),
      ),
    live: (hash) => liveRun(store, hash),
    close: () => resources.disposeAsync(),
  };
}

function unserved({ kafka }: Config): string {
  return kafka === undefined ? "no server has this folder" : "only a server knows: --url asks one";
}
