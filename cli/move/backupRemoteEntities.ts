// Experiments, tags, dashboards, reports, notes and settings from a live server, as archives hold them (backup-convert.md 1.6).
import type { ArchiveWriter } from "../../formats/archive/types.ts";
import { MatyanError } from "../../formats/error.ts";
import { isMap, type Value, type ValueMap } from "../../formats/value.ts";
import { ServerRefusal } from "../client/http.ts";
import type { RemoteServer } from "./backupRemoteServer.ts";

interface Listing {
  readonly kind: string;
  readonly path: string;
  /** Fields, by the names that the API has for them. Those that it makes up of others are left out. */
  readonly fields: Readonly<Record<string, string>>;
}

const common = { id: "id", name: "name", description: "description" } as const;
const times = { created_at: "created_at", updated_at: "updated_at" } as const;
const counted = { run_count: "run_count", archived: "is_archived" } as const;

const experiments: Listing = {
  kind: "experiment",
  path: "experiments",
  fields: { ...common, ...counted, creation_time: "created_at" },
};
const others: readonly Listing[] = [
  { kind: "tag", path: "tags", fields: { ...common, ...counted, color: "color" } },
  { kind: "dashboard", path: "dashboards", fields: { ...common, ...times, app_id: "app_id" } },
  { kind: "dashboard_app", path: "apps", fields: { id: "id", type: "type", state: "state", ...times } },
  { kind: "report", path: "reports", fields: { ...common, code: "code", ...times } },
];

/** Fields of notes that are times; servers may tell them as dates. */
const noteTimes = new Set(["created_at", "updated_at"]);

/** Is told of lists that the server fails at: the existing one does where an id is damaged (W6). */
export type Warn = (message: string) => void;

/** All of the whole project but notes, and its settings. @returns the ids of the experiments */
export async function writeEntities(server: RemoteServer, archive: ArchiveWriter, warn: Warn): Promise<string[]> {
  const ids = await writeExperiments(server, archive, warn);
  for (const listing of others) await writeListed(server, archive, listing, warn);
  const settings = await settingsOf(server);
  if (settings.size > 0) await archive.extra("project.json", settings);
  return ids;
}

/** @returns their ids */
export function writeExperiments(server: RemoteServer, archive: ArchiveWriter, warn: Warn): Promise<string[]> {
  return writeListed(server, archive, experiments, warn);
}

async function writeListed(
  server: RemoteServer,
  archive: ArchiveWriter,
  { kind, path, fields }: Listing,
  warn: Warn,
): Promise<string[]> {
  const ids: string[] = [];
  for (const entity of await listed(server, path, warn)) {
    const data: ValueMap = new Map();
    for (const [name, value] of entity) {
      const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
      if (field !== undefined && value !== null) data.set(field, value);
    }
    // Only those are listed.
    if (kind === "dashboard") data.set("is_archived", false);
    const id = data.get("id");
    if (typeof id === "string") ids.push(id);
    await archive.entity(kind, data);
  }
  return ids;
}

/** The notes of these experiments and runs. */
export async function writeNotes(
  server: RemoteServer,
  archive: ArchiveWriter,
  owners: { readonly experiments: readonly string[]; readonly runs: readonly string[] },
  warn: Warn,
): Promise<void> {
  const paths = [
    ...owners.experiments.map((id) => ({ path: `experiments/${encodeURIComponent(id)}`, field: "experiment_id", id })),
    ...owners.runs.map((id) => ({ path: `runs/${encodeURIComponent(id)}`, field: "run_hash", id })),
  ];
  for (const { path, field, id } of paths)
    for (const note of await listed(server, `${path}/note`, warn))
      await archive.entity("note", noteOf(note, field, id));
}

async function listed(server: RemoteServer, path: string, warn: Warn): Promise<ValueMap[]> {
  try {
    return await server.list(path);
  } catch (error) {
    if (!(error instanceof ServerRefusal)) throw error;
    // An experiment that was deleted meanwhile has no notes any more.
    if (error.status !== 404) warn(`the server does not list its ${path}: ${error.message}`);
    return [];
  }
}

function noteOf(note: ValueMap, field: string, owner: string): ValueMap {
  const data: ValueMap = new Map();
  for (const [name, value] of note) {
    const date = noteTimes.has(name) && typeof value === "string" ? Date.parse(value) / 1_000 : Number.NaN;
    if (value !== null) data.set(name, Number.isNaN(date) ? value : date);
  }
  return data.set(field, owner);
}

/** Without those that say what servers say when nothing is set. */
async function settingsOf(server: RemoteServer): Promise<ValueMap> {
  const settings: ValueMap = new Map();
  const project = await server.get("projects");
  const pinned = await server.get("projects/pinned-sequences");
  if (!isMap(project) || !isMap(pinned))
    throw new MatyanError("corrupt", `${server.http.address} does not say what its project is called`);
  const put = (name: string, value: Value | undefined, unset: Value) => {
    if (value !== undefined && value !== null && value !== unset) settings.set(name, value);
  };
  put("name", project.get("name"), "My project");
  put("description", project.get("description"), "");
  const sequences = pinned.get("sequences");
  if (Array.isArray(sequences) && sequences.length > 0) settings.set("pinned_sequences", sequences);
  return settings;
}
