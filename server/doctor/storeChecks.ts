// What doctor looks at in the store: whether it opens, its indexes, deletions that wait, and locks of jobs.
import { MatyanError } from "../../formats/error.ts";
import type { Config } from "../config.ts";
import { isGone, listLocks, ownerText } from "../jobs/jobLock.ts";
import { type OpenStore, openStoreOnly } from "../stack.ts";
import { scanRunHashes } from "../store/listing.ts";
import { listOutbox } from "../store/outbox.ts";
import { indexDrift } from "../store/reindex.ts";
import { type Check, type Finding, ok, skipped, warning } from "./checks.ts";

/** Runs whose index entries are compared with their data. */
const sampledRuns = 25;
/** Entries counted before it is only said that there are more. */
const countedEntries = 1_000;
/** Seconds after which a deletion that waits is not just under way. */
const staleSeconds = 3_600;

/** `open` gives the store once for all checks; `now` is seconds since the epoch. */
export function storeChecks(open: () => Promise<OpenStore>, now: number): Check[] {
  const onStore = (look: (opened: OpenStore) => Promise<Finding[]>) => async () => {
    let opened: OpenStore;
    try {
      opened = await open();
    } catch {
      // The check "store" tells the reason.
      return [skipped("the store does not open")];
    }
    return look(opened);
  };
  return [
    {
      name: "store",
      run: async () => {
        try {
          const { store } = await open();
          await store.database.snapshot((tx) => tx.get(store.dirs.system));
          return [ok("opens, with its three directories")];
        } catch (error) {
          if (!(error instanceof MatyanError) || error.code !== "not_found") throw error;
          return [warning(error.message, error.hint)];
        }
      },
    },
    { name: "indexes", run: onStore(indexes) },
    { name: "deletions", run: onStore((opened) => deletions(opened, now)) },
    { name: "job locks", run: onStore((opened) => jobLocks(opened, now)) },
  ];
}

/** Opens for reading: nothing is made, and no writer is waited for. */
export function openToLook(config: Config): Promise<OpenStore> {
  return openStoreOnly(config, { missing: "fail", access: "read" });
}

async function indexes({ store }: OpenStore): Promise<Finding[]> {
  let looked = 0;
  const drifted: string[] = [];
  sample: for await (const hashes of scanRunHashes(store))
    for (const hash of hashes) {
      if (looked++ === sampledRuns) break sample;
      const { missing, stale } = await store.database.snapshot((tx) => indexDrift(tx, store, hash));
      if (missing.length + stale.length > 0) drifted.push(hash);
    }
  const count = Math.min(looked, sampledRuns);
  if (drifted.length === 0) return [ok(count === 0 ? "no runs yet" : `right for the first ${count} runs`)];
  return [
    warning(
      `${drifted.length} of the first ${count} runs have wrong index entries, as ${drifted[0]}`,
      "Runs that were written to in this moment may be among them. `matyan reindex --check` compares all, `matyan reindex` repairs.",
    ),
  ];
}

async function deletions({ store }: OpenStore, now: number): Promise<Finding[]> {
  let waiting = 0;
  let oldest = now;
  for (const kind of ["delete_run", "run_deleted"] as const)
    for await (const { since } of listOutbox(store, kind)) {
      waiting++;
      oldest = Math.min(oldest, since);
      if (waiting >= countedEntries) break;
    }
  if (waiting === 0) return [ok("none waits")];
  const many = waiting >= countedEntries ? `${countedEntries} or more` : String(waiting);
  const hours = (now - oldest) / 3_600;
  if (now - oldest < staleSeconds) return [ok(`${many} under way`)];
  return [
    warning(
      `${many} wait, the oldest for ${hours.toFixed(1)} h`,
      "`matyan serve`, or in a cluster the workers, complete them: see that they run.",
    ),
  ];
}

async function jobLocks({ store }: OpenStore, now: number): Promise<Finding[]> {
  const held = (await listLocks(store, now)).filter(({ isHeld }) => isHeld);
  if (held.length === 0) return [ok("none held")];
  return held.map(({ name, owner }) => {
    const said = `${name} is held by ${owner === undefined ? "a process that did not say who" : ownerText(owner)}`;
    if (owner === undefined || !isGone(owner)) return ok(said);
    return warning(`${said}, which is not there any more`, `To run that job now: matyan locks release ${name}`);
  });
}
