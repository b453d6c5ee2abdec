// Messages about the run itself: creation, resuming, finish, properties, tags (pipeline.md 2.6; our rules: docs/ingestion.md).
import type { IngestMessage } from "../../formats/messages/index.ts";
import { uuidOf } from "../../formats/uuid.ts";
import type { ValueMap } from "../../formats/value.ts";
import { firstStart, rememberSession } from "../store/applied.ts";
import { addRunTag, removeRunTag, setRunExperiment } from "../store/associations.ts";
import {
  createExperiment,
  createTag,
  findExperimentByName,
  findTagByName,
  type NamedKind,
  noteNaming,
} from "../store/entities.ts";
import { createRun, finishRun, missingRun, readMeta, resumeRun, updateMeta } from "../store/runs.ts";
import { clientTime, readBoolean, readFloat, readText, refuse, requireText } from "./payload.ts";
import type { RunWriter } from "./runWriter.ts";

/**
 * Creates the run, or begins a session of one that exists: it is active again, and keeps all that it has. A session is
 * known by its client's time, so that one that comes again, maybe after the run was finished, does nothing.
 */
export async function createRunOf(run: RunWriter, message: IngestMessage): Promise<void> {
  const { tx, store, hash } = run;
  const now = message.timestamp;
  const resumes = readBoolean(message, "force_resume") ?? false;
  const start = clientTime(message);
  const before = await firstStart(tx, store, hash);
  // A run that moves here from another server keeps its age.
  const age = readFloat(message, "created_at");
  const createdAt = age !== undefined && Number.isFinite(age) ? age : now;
  if (await createRun(tx, store, hash, { createdAt, clientStart: start ?? null })) {
    await rememberSession(tx, store, hash, "start", start ?? now);
    return;
  }
  // Without a time of its own, a creation that comes again cannot be told from another one: it is taken for a replay.
  if (start === undefined && !resumes) return;
  if (!(await rememberSession(tx, store, hash, "start", start ?? now))) return;
  if (resumes || before !== undefined) {
    await resumeRun(tx, store, hash, { now, ...(start === undefined ? {} : { clientStart: start }) });
    return;
  }
  // A property or a tag came first and made the run.
  const meta = await readMeta(tx, store, hash);
  if (start !== undefined && typeof meta?.get("client_start_ts") !== "number")
    await updateMeta(tx, store, hash, new Map([["client_start_ts", start]]), now);
}

/** Ends the session. A finish that comes again does nothing, also when the run was resumed since. */
export async function finishRunOf(run: RunWriter, message: IngestMessage): Promise<void> {
  const { tx, store, hash } = run;
  const now = message.timestamp;
  const end = clientTime(message);
  if ((await readMeta(tx, store, hash)) === undefined) throw missingRun(hash);
  if (!(await rememberSession(tx, store, hash, "finish", end ?? now))) return;
  const clientStart = await firstStart(tx, store, hash);
  await finishRun(tx, store, hash, { now, clientStart, ...(end === undefined ? {} : { clientFinish: end }) });
}

export async function setProperties(run: RunWriter, message: IngestMessage): Promise<void> {
  const { tx, store, hash } = run;
  const now = message.timestamp;
  const wanted: ValueMap = new Map();
  for (const field of ["name", "description"]) {
    const text = readText(message, field);
    if (text !== undefined) wanted.set(field, text);
  }
  const archived = readBoolean(message, "archived");
  if (archived !== undefined) wanted.set("is_archived", archived);
  const experiment = readText(message, "experiment");
  await createRun(tx, store, hash, { createdAt: now });
  const meta = (await readMeta(tx, store, hash)) ?? new Map();
  const changed: ValueMap = new Map([...wanted].filter(([field, value]) => meta.get(field) !== value));
  if (changed.size > 0) await updateMeta(tx, store, hash, changed, now);
  if (experiment === undefined) return;
  // Nothing could show or choose an experiment or a tag without a name (rest-api.md W18).
  if (experiment === "") return setRunExperiment(tx, store, hash, null, now);
  const id = await named(run, message, "experiment", experiment);
  await setRunExperiment(tx, store, hash, id, now);
}

export async function addTag(run: RunWriter, message: IngestMessage): Promise<void> {
  const { tx, store, hash } = run;
  const name = requireText(message, "tag_name");
  if (name === "") throw refuse(message, "tag_name", "String should have at least 1 character");
  await createRun(tx, store, hash, { createdAt: message.timestamp });
  const id = await named(run, message, "tag", name);
  await addRunTag(tx, store, hash, id);
}

/** A tag that does not exist, or that the run does not have, is no error: it is as wanted. */
export async function removeTag(run: RunWriter, message: IngestMessage): Promise<void> {
  const id = await findTagByName(run.tx, run.store, requireText(message, "tag_name"));
  if (id !== undefined) await removeRunTag(run.tx, run.store, run.hash, id);
}

/** The experiment or tag that a message names, made if need be. */
async function named(
  { tx, store, hash }: RunWriter,
  message: IngestMessage,
  kind: NamedKind,
  name: string,
): Promise<string> {
  const now = message.timestamp;
  const isTag = kind === "tag";
  const known = await (isTag ? findTagByName : findExperimentByName)(tx, store, name);
  if (known === undefined)
    return (isTag ? createTag : createExperiment)(tx, store, { name }, { now, id: entityId(kind, name, hash, now) });
  await noteNaming(tx, store, kind, known, now);
  return known;
}

/** Made of the message that brings it into being, so that applying the same messages to another store gives the same id. */
function entityId(kind: NamedKind, name: string, hash: string, timestamp: number): string {
  // Readers check that it is one of version 4.
  return uuidOf(JSON.stringify([kind, name, hash, timestamp]), 4);
}
