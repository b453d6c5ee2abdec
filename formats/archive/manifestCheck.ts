// Compares what manifest.json says with what is there (backup-convert.md 1.5, 1.14).
import { isMap, type Value, type ValueMap } from "../value.ts";
import type { FaultList } from "./faults.ts";
import { manifestName, segmentFault } from "./layout.ts";
import type { RunDocument } from "./types.ts";

export interface SeenArchive {
  /** Run folders, and the required files that each lacks. */
  readonly runs: ReadonlyMap<string, readonly RunDocument[]>;
  readonly entities: ReadonlyMap<string, number>;
  readonly blobs: number;
  readonly blobBytes: number;
  /** The archive has checksums.json: it is one of ours, and has to be exact. */
  readonly checksummed: boolean;
}

/** The manifest's fields, or undefined when it is of no use. */
export function readManifest(value: Value, faults: FaultList): ValueMap | undefined {
  if (!isMap(value)) {
    faults.error(manifestName, "shape", "not a JSON object");
    return undefined;
  }
  const version = value.get("format_version");
  if (version !== 1n) {
    const shown =
      typeof version === "bigint" ? `is ${version}` : version === undefined ? "is missing" : "is not an integer";
    faults.error(manifestName, "version", `format_version ${shown}; this program knows version 1`);
  }
  return value;
}

export function checkManifest(manifest: ValueMap, archive: SeenArchive, faults: FaultList): void {
  const hashes = readHashes(manifest, faults);
  if (hashes !== undefined) checkRuns(manifest, hashes, archive, faults);
  checkEntities(manifest, archive, faults);
  checkBlobs(manifest, archive, faults);
}

function readHashes(manifest: ValueMap, faults: FaultList): Set<string> | undefined {
  const list = manifest.get("run_hashes") ?? [];
  if (!Array.isArray(list)) {
    faults.error(manifestName, "shape", "run_hashes is not a list");
    return undefined;
  }
  const hashes = new Set<string>();
  for (const hash of list) {
    const fault = typeof hash === "string" ? segmentFault(hash) : "is not a string";
    if (fault !== undefined || typeof hash !== "string")
      faults.error(manifestName, "run-hash", `an entry of run_hashes ${fault}`);
    else if (hashes.has(hash)) faults.warning(manifestName, "run-hash", `run ${hash} is listed twice`);
    else hashes.add(hash);
  }
  return hashes;
}

function checkRuns(manifest: ValueMap, hashes: ReadonlySet<string>, archive: SeenArchive, faults: FaultList): void {
  for (const hash of hashes) {
    if (!archive.runs.has(hash))
      faults.error(`runs/${hash}`, "run-missing", "the manifest names this run, but it has no folder");
  }
  const failed: string[] = [];
  for (const [hash, missing] of archive.runs) {
    if (!hashes.has(hash)) faults.error(`runs/${hash}`, "run-unexpected", "the manifest does not name this run");
    if (missing.length > 0) failed.push(hash);
  }
  // The existing client lists runs that it failed to export, without counting them (1.5): all such folders lack files.
  const count = manifest.get("run_count");
  const explained = !archive.checksummed && failed.length > 0 && count === BigInt(hashes.size - failed.length);
  for (const hash of failed) {
    const files = archive.runs.get(hash)!.join(", ");
    if (explained) faults.warning(`runs/${hash}`, "run-failed", `not exported whole, as its maker knew: no ${files}`);
    else
      for (const file of archive.runs.get(hash)!)
        faults.error(`runs/${hash}/${file}`, "file-missing", "required, but missing");
  }
  // A run that was asked for twice is listed, and counted, twice.
  const named = manifest.get("run_hashes");
  const listed = Array.isArray(named) ? named.length : 0;
  if (count !== undefined && count !== BigInt(hashes.size) && count !== BigInt(listed) && !explained) {
    faults.error(manifestName, "count", `run_count is ${show(count)}, but run_hashes names ${hashes.size}`);
  }
}

function checkEntities(manifest: ValueMap, archive: SeenArchive, faults: FaultList): void {
  const said = manifest.get("entity_counts") ?? new Map();
  if (!isMap(said)) {
    faults.error(manifestName, "shape", "entity_counts is not an object");
    return;
  }
  for (const kind of new Set([...said.keys(), ...archive.entities.keys()])) {
    const real = archive.entities.get(kind) ?? 0;
    const count = said.get(kind) ?? 0n;
    if (count !== BigInt(real)) {
      faults.error(manifestName, "count", `entity_counts.${kind} is ${show(count)}, but entities.jsonl holds ${real}`);
    }
  }
}

function checkBlobs(manifest: ValueMap, archive: SeenArchive, faults: FaultList): void {
  const filters = manifest.get("filters");
  const converted = isMap(filters) && filters.get("source") === "tensorboard";
  for (const [field, real] of [
    ["blob_count", archive.blobs],
    ["blob_bytes", archive.blobBytes],
  ] as const) {
    const said = manifest.get(field) ?? 0n;
    if (said === BigInt(real)) continue;
    const message = `${field} is ${show(said)}, but there are ${real}`;
    // The existing converter counts a file again when a later image replaces it (1.5).
    const recounted = converted && !archive.checksummed && typeof said === "bigint" && said > BigInt(real);
    if (recounted) faults.warning(manifestName, "count", `${message}: images of colliding names replaced each other`);
    else faults.error(manifestName, "count", message);
  }
}

function show(value: Value): string {
  return typeof value === "bigint" ? String(value) : "not an integer";
}
