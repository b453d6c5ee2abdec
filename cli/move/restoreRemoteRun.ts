// Restores one run of an archive into a live server: messages, files, a look at what arrived, and at last its name.
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { MatyanError } from "../../formats/error.ts";
import { isMap, toNumber, type Value, type ValueMap } from "../../formats/value.ts";
import type { ArchivedRun, RunDocuments } from "../../server/archive/archivedRun.ts";
import { traceKey } from "../../server/archive/restoreValues.ts";
import { artifactsName } from "../../server/store/artifactEntries.ts";
import { Messages } from "../client/messages.ts";
import { sendBlobs } from "./restoreRemoteBlobs.ts";
import { PointMessages } from "./restoreRemoteMessages.ts";
import { type Rehearsal, sendPoints } from "./restoreRemotePoints.ts";
import { compareArtifacts, compareProps, type WantedProps } from "./restoreRemoteProps.ts";
import { type Patience, RunSocket, untilNamed } from "./restoreRemoteSocket.ts";
import { readRun, runPath, send, type Target } from "./restoreRemoteTarget.ts";
import { compareInfo, comparePoints, countRecords, isShown } from "./restoreRemoteVerify.ts";

export interface RunTask {
  readonly target: Target;
  readonly run: ArchivedRun;
  readonly documents: RunDocuments;
  /** Names of the experiment and the tags that the run gets. */
  readonly experiment: string | undefined;
  readonly tags: readonly string[];
  readonly rehearsal: Rehearsal;
  /** Whether the server has a part of it already, of a restore that did not end. */
  readonly isContinued: boolean;
  /** Where the archive's blobs lie; undefined: without them. */
  readonly blobFolder: string | undefined;
  readonly patience: Patience;
  readonly advance: (bytes: number) => void;
  readonly onTrouble: (text: string) => void;
  /** Told when all is sent, and the server is asked what it has. */
  readonly onCompare: () => void;
}

export interface RestoredRun {
  readonly points: number;
  readonly lostObjects: number;
  readonly blobs: number;
  readonly blobBytes: number;
  /** What no message carried, and how often. */
  readonly losses: ReadonlyMap<string, number>;
  /** Where the server's run is not the archive's; it stays marked as unfinished then. */
  readonly problems: readonly string[];
}

const markPattern = /^being restored by matyan \([0-9a-f]{8}\): /;

/** The name that a run has while it is not whole: people see it, and a restore that was interrupted is known by it. */
function markedName(name: string): string {
  return `being restored by matyan (${randomBytes(4).toString("hex")}): ${name}`;
}

export function isMarked(name: string): boolean {
  return markPattern.test(name);
}

/**
 * Sends the run. All messages may be sent again, so that a restore which was interrupted begins anew and ends the same.
 * @throws MatyanError `io` when the server goes away, NotApplied when it takes messages and shows nothing of them
 */
export async function restoreRemoteRun(task: RunTask): Promise<RestoredRun> {
  const { target, run, documents, patience } = task;
  const { hash } = run;
  const plain = new Messages(hash);
  const messages = new PointMessages(hash, documents, target.keepsTimes);
  const losses = new Map<string, number>();
  const lose = (what: string) => void losses.set(what, (losses.get(what) ?? 0) + 1);
  // Without it messages of a run that had been deleted are dropped. It answers the same for all others.
  const path = runPath(hash, "clear-tombstone");
  if (!task.isContinued) await send(target, { method: "POST", path, isRepeatable: true });
  await using socket = new RunSocket(target, hash, patience, task.onTrouble);
  const { createdAt, start, end, name, description } = timesAndTexts(documents.meta);
  void socket.send(messages.createRun(start, createdAt));
  // A server that drops the run's messages shows so before much is sent; what an earlier restore sent is applied then.
  await barrier(task, socket, plain, name);
  let sent: Promise<void> = Promise.resolve();
  for (const item of messages.params(withoutArtifacts(documents.attrs))) sent = socket.send(item);
  await socket.settle(sent);
  const stored = await sendBlobs(task, plain, socket, lose);
  const points = await sendPoints({
    ...{ run, documents, messages, socket, lose, unordered: task.rehearsal.unordered, keepsSteps: target.keepsTimes },
    knownRecords: task.isContinued && !target.keepsTimes ? await countRecords(target, hash) : 0,
  });
  for (const { contextId, name } of documents.traces)
    if (!task.rehearsal.filled.has(traceKey(contextId, name))) lose("not sent: sequences without points");

  for (const sequence of points.sequences)
    if (!isShown(sequence)) lose("not compared: points of sequences that the API shows only a part of");
  task.onCompare();
  const info = await barrier(task, socket, plain, name);
  const problems = compareInfo(documents, points.sequences, info);
  problems.push(...(await comparePoints(target, hash, documents, points.sequences)));
  problems.push(...(await compareArtifacts(target, hash, documents, stored, info, lose)));
  const refused = socket.refusals;
  if (refused !== undefined) problems.unshift(refused);
  if (problems.length === 0) {
    const wanted: WantedProps = {
      ...{ name, description, archived: documents.meta.get("is_archived") === true },
      ...{ active: documents.meta.get("active") === true, experiment: task.experiment, tags: task.tags },
    };
    const known = tagsIn(info);
    void socket.send(plain.properties({ description, archived: wanted.archived, experiment: task.experiment }));
    for (const tag of task.tags) if (!known.has(tag)) void socket.send(plain.tag("add_tag", tag));
    if (!wanted.active) void socket.send(messages.finishRun(end));
    void socket.send(plain.properties({ name }));
    await socket.flush();
    const finished = await untilNamed(target, hash, name, patience.applyMs);
    problems.push(...compareProps(wanted, finished));
    if (problems.length > 0) await barrier(task, socket, plain, name);
    else if (target.keepsTimes) compareTimes(finished, createdAt, end - start, wanted.active, lose);
  }
  const { points: count, lostObjects } = points;
  return { points: count, lostObjects, blobs: stored.files.length, blobBytes: stored.bytes, losses, problems };
}

/** Marks the run as unfinished. All that was sent before is applied when this returns: what the API says of the run then. */
async function barrier(task: RunTask, socket: RunSocket, plain: Messages, name: string): Promise<ValueMap> {
  const mark = markedName(name);
  void socket.send(plain.properties({ name: mark }));
  await socket.flush();
  return untilNamed(task.target, task.run.hash, mark, task.patience.applyMs);
}

function withoutArtifacts(attrs: ValueMap): ValueMap {
  return new Map([...attrs].filter(([key]) => key !== artifactsName));
}

interface TimesAndTexts {
  readonly name: string;
  readonly description: string;
  readonly createdAt: number;
  /** By the client's clock, which begins with the run's creation where the archive does not know it. */
  readonly start: number;
  readonly end: number;
}

function timesAndTexts(meta: ValueMap): TimesAndTexts {
  const time = (field: string) => toNumber(meta.get(field));
  const createdAt = time("created_at") ?? 0;
  const start = time("client_start_ts") ?? createdAt;
  // As the API tells a run's end: by its duration where that is known.
  const lasted = time("duration") ?? (time("finalized_at") ?? time("updated_at") ?? createdAt) - createdAt;
  const text = (value: Value | undefined) => (typeof value === "string" ? value : "");
  return {
    ...{ name: text(meta.get("name")), description: text(meta.get("description")) },
    ...{ createdAt, start, end: start + Math.max(0, lasted) },
  };
}

function tagsIn(info: ValueMap): ReadonlySet<string> {
  const props = info.get("props");
  const tags = isMap(props) ? props.get("tags") : undefined;
  const names = Array.isArray(tags) ? tags.map((tag) => (isMap(tag) ? tag.get("name") : undefined)) : [];
  return new Set(names.filter((name) => typeof name === "string"));
}

/** A server of ours keeps a run's age, unless the run was there before. */
function compareTimes(
  info: ValueMap,
  createdAt: number,
  lasted: number,
  active: boolean,
  lose: (what: string) => void,
): void {
  const props = info.get("props");
  if (!isMap(props)) return;
  // Messages hold times to the microsecond, so two of them may be off by one.
  const differs = (found: Value | undefined, wanted: number) => Math.abs((toNumber(found) ?? 0) - wanted) > 3e-6;
  if (differs(props.get("creation_time"), createdAt)) lose("its creation time is another one on the server");
  else if (!active && differs(props.get("end_time"), createdAt + lasted)) lose("its end is another one on the server");
}

/** The folder of a run's blobs in an unpacked archive. */
export function blobFolderOf(archiveFolder: string, hash: string): string {
  return join(archiveFolder, "runs", hash, "blobs");
}

/** @throws MatyanError `io` when the run is still there after a while */
export async function deleteRemoteRun(target: Target, hash: string, applyMs: number): Promise<void> {
  await send(target, { method: "DELETE", path: `runs/${encodeURIComponent(hash)}` });
  const deadline = performance.now() + applyMs;
  while ((await readRun(target, hash)) !== undefined) {
    target.signal?.throwIfAborted();
    if (performance.now() > deadline)
      throw new MatyanError("io", `run ${hash} is still there after it was deleted`, {
        hint: "Is the server's ingestion worker running? Run this again when it is gone.",
      });
    await Bun.sleep(200);
  }
}
