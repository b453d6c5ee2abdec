// Which runs of a live server are taken, and in which order. Names are looked for here: no text of a user becomes a query.
import { MatyanError } from "../../formats/error.ts";
import { parseSince } from "../../server/archive/since.ts";
import type { ListedRun, RemoteServer } from "./backupRemoteServer.ts";

export interface RemoteFilters {
  /** Hashes or unique beginnings of them. */
  readonly runs?: readonly string[] | undefined;
  /** An experiment's exact name. */
  readonly experiment?: string | undefined;
  /** As typed; runs created then or later. */
  readonly since?: string | undefined;
}

/**
 * The runs that pass all filters, in the order of creation (then of the hash), archived ones included. Some 500 bytes of
 * memory for each.
 * @throws MatyanError `not_found` for an unknown run or experiment, `conflict` for an ambiguous beginning of a hash, `usage`
 * for a bad date.
 */
export async function remoteRuns(
  server: RemoteServer,
  { runs, experiment, since }: RemoteFilters,
): Promise<ListedRun[]> {
  const from = since === undefined ? undefined : parseSince(since);
  const named = runs === undefined ? undefined : new Map(runs.map((prefix) => [prefix, new Set<string>()]));
  const passing: ListedRun[] = [];
  await server.runs((run) => {
    const { hash, props } = run;
    let isNamed = named === undefined;
    for (const [prefix, hashes] of named ?? [])
      if (hash.startsWith(prefix)) {
        if (hashes.size < 3 || hash === prefix) hashes.add(hash);
        isNamed = true;
      }
    const isOfExperiment = experiment === undefined || props.experiment?.name === experiment;
    if (isNamed && isOfExperiment && (from === undefined || props.createdAt >= from)) passing.push(run);
  });
  const exact = new Set<string>();
  for (const [prefix, hashes] of named ?? []) exact.add(theOne(prefix, hashes));
  if (experiment !== undefined) await checkExperiment(server, experiment);
  return passing
    .filter(({ hash }) => named === undefined || exact.has(hash))
    .sort((a, b) => a.props.createdAt - b.props.createdAt || (a.hash < b.hash ? -1 : 1));
}

/** A whole hash is itself, also where it is the beginning of another. */
function theOne(prefix: string, hashes: ReadonlySet<string>): string {
  const [first, ...others] = hashes;
  if (first === undefined)
    throw new MatyanError("not_found", `no run's hash starts with '${prefix}'`, {
      hint: "List the server's runs with: matyan runs ls --url URL",
    });
  if (others.length === 0 || hashes.has(prefix)) return others.length === 0 ? first : prefix;
  throw new MatyanError("conflict", `several runs start with '${prefix}': ${[...hashes].join(", ")}`, {
    hint: "Give more of the hash.",
  });
}

async function checkExperiment(server: RemoteServer, name: string): Promise<void> {
  const experiments = await server.list("experiments");
  if (!experiments.some((experiment) => experiment.get("name") === name))
    throw new MatyanError("not_found", `there is no experiment '${name}'`, {
      hint: "Names are matched exactly.",
    });
}
