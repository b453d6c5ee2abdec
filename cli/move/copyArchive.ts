// Some runs of an archive, as an archive: what a copy's filters leave of it.
import type { ArchiveReader } from "../../formats/archive/types.ts";
import { MatyanError } from "../../formats/error.ts";
import { toNumber } from "../../formats/value.ts";
import { readArchivedMeta } from "../../server/archive/restoreMeta.ts";
import { parseSince } from "../../server/archive/since.ts";
import type { RemoteFilters } from "./backupRemoteSelect.ts";

/** @throws MatyanError `not_found` or `conflict` as a backup's filters do, `corrupt` for a run that can't be judged. */
export async function someRunsOf(archive: ArchiveReader, filters: RemoteFilters): Promise<ArchiveReader> {
  const { runs, experiment, since } = filters;
  let hashes = archive.runHashes;
  if (runs !== undefined) {
    const named = new Set(runs.map((prefix) => resolve(hashes, prefix)));
    hashes = hashes.filter((hash) => named.has(hash));
  }
  if (experiment !== undefined || since !== undefined) {
    const ids = experiment === undefined ? undefined : await experimentIds(archive, experiment);
    const from = since === undefined ? undefined : parseSince(since);
    const passing: string[] = [];
    for (const hash of hashes) {
      const document = await (await archive.run(hash)).readJson("run.json");
      const { meta, experimentName } = readArchivedMeta(hash, document, 0);
      const id = meta.get("experiment_id");
      const isOf = ids === undefined || experimentName === experiment || (typeof id === "string" && ids.has(id));
      if (isOf && (from === undefined || (toNumber(meta.get("created_at")) ?? 0) >= from)) passing.push(hash);
    }
    hashes = passing;
  }
  return {
    folder: archive.folder,
    manifest: archive.manifest,
    runHashes: hashes,
    entities: () => archive.entities(),
    readExtra: (name) => archive.readExtra(name),
    run: (hash) => archive.run(hash),
    close: () => archive.close(),
    [Symbol.asyncDispose]: () => archive.close(),
  };
}

function resolve(hashes: readonly string[], prefix: string): string {
  const found = hashes.filter((hash) => hash.startsWith(prefix));
  const [first, second] = found;
  if (first === undefined) throw new MatyanError("not_found", `no run's hash in the archive starts with '${prefix}'`);
  if (second === undefined || found.includes(prefix)) return second === undefined ? first : prefix;
  throw new MatyanError(
    "conflict",
    `several runs of the archive start with '${prefix}': ${found.slice(0, 3).join(", ")}`,
    {
      hint: "Give more of the hash.",
    },
  );
}

async function experimentIds(archive: ArchiveReader, name: string): Promise<Set<string>> {
  const ids = new Set<string>();
  for await (const { kind, data } of archive.entities()) {
    const id = data.get("id");
    if (kind === "experiment" && data.get("name") === name && typeof id === "string") ids.add(id);
  }
  if (ids.size === 0) throw new MatyanError("not_found", `there is no experiment '${name}' in the archive`);
  return ids;
}
