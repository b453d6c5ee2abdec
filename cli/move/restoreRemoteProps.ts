// Compares a run's properties and artifacts on a server with the archive's.
import { isMap, toNumber, type ValueMap } from "../../formats/value.ts";
import type { RunDocuments } from "../../server/archive/archivedRun.ts";
import { artifactsName } from "../../server/store/artifactEntries.ts";
import type { StoredBlobs, StoredFile } from "./restoreRemoteBlobs.ts";
import { runPath, type Target, textOf } from "./restoreRemoteTarget.ts";

export interface WantedProps {
  readonly name: string;
  readonly description: string;
  readonly archived: boolean;
  readonly active: boolean;
  /** Undefined for none. */
  readonly experiment: string | undefined;
  readonly tags: readonly string[];
}

/** @returns the differences, for a person */
export function compareProps(wanted: WantedProps, info: ValueMap): string[] {
  const props = info.get("props");
  if (!isMap(props)) return ["the server tells no properties of the run"];
  const problems: string[] = [];
  const compare = (what: string, found: unknown, expected: unknown) => {
    if (found !== expected) problems.push(`${what} is ${JSON.stringify(found)}, not ${JSON.stringify(expected)}`);
  };
  compare("its name", textOf(props, "name"), wanted.name);
  compare("its description", textOf(props, "description"), wanted.description);
  compare("'archived'", props.get("archived") === true, wanted.archived);
  compare("'active'", props.get("active") === true, wanted.active);
  const experiment = props.get("experiment");
  compare("its experiment", textOf(isMap(experiment) ? experiment : undefined, "name"), wanted.experiment ?? "");
  const tags = props.get("tags");
  const names = new Set(Array.isArray(tags) ? tags.map((tag) => (isMap(tag) ? textOf(tag, "name") : "")) : []);
  const missing = wanted.tags.filter((tag) => !names.has(tag));
  if (missing.length > 0) problems.push(`it lacks the tags ${missing.map((tag) => `'${tag}'`).join(", ")}`);
  return problems;
}

/**
 * Whether artifacts are listed, and stored whole: by a size that the server tells, by a checksum that the object store
 * told, else by reading them back. @returns the differences, for a person
 */
export async function compareArtifacts(
  target: Target,
  hash: string,
  documents: RunDocuments,
  { files }: StoredBlobs,
  info: ValueMap,
  lose: (what: string) => void,
): Promise<string[]> {
  const found = foundArtifacts(info);
  const problems = missingArtifacts(documents, info).map((path) => `the artifact '${path}' is missing`);
  for (const file of files) {
    target.signal?.throwIfAborted();
    const size = found.get(file.path)?.get("size");
    const told = toNumber(size);
    if (told !== undefined && told !== file.size)
      problems.push(`the artifact '${file.path}' has ${told} bytes, not ${file.size}`);
    else if (size === null) problems.push(`the artifact '${file.path}' is not in the object store`);
    else if (!file.isChecked) {
      const isWhole = found.has(file.path) ? await isReadBack(target, hash, file) : undefined;
      if (isWhole === false) problems.push(`the artifact '${file.path}' reads back with other bytes`);
      // The API gives no file by its path that is no artifact, or belongs to a sequence.
      if (isWhole === undefined)
        lose("not compared: files of which neither the object store nor the API tells the content");
    }
  }
  return problems;
}

/** Paths of artifacts that the API should list and does not. */
export function missingArtifacts(documents: RunDocuments, info: ValueMap): string[] {
  const found = foundArtifacts(info);
  return Array.from(archivedArtifacts(documents), ([path, entry]) => ({ path, entry }))
    .filter(({ path, entry }) => isMap(entry) && !path.startsWith("seq/") && !found.has(path))
    .map(({ path }) => path);
}

function archivedArtifacts({ attrs }: RunDocuments): ValueMap {
  const artifacts = attrs.get(artifactsName);
  return isMap(artifacts) ? artifacts : new Map();
}

function foundArtifacts(info: ValueMap): Map<string, ValueMap> {
  const found = new Map<string, ValueMap>();
  const list = info.get("artifacts");
  for (const artifact of Array.isArray(list) ? list : [])
    if (isMap(artifact)) found.set(textOf(artifact, "path"), artifact);
  return found;
}

async function isReadBack({ api, signal }: Target, hash: string, { path, source }: StoredFile): Promise<boolean> {
  const digest = async (pieces: AsyncIterable<Uint8Array>) => {
    const hasher = new Bun.CryptoHasher("sha256");
    for await (const piece of pieces) hasher.update(piece);
    return hasher.digest("hex");
  };
  const there = await digest(api.bytes({ path: runPath(hash, "artifacts/download"), query: { path }, signal }));
  return there === (await digest(Bun.file(source).stream()));
}
