// Sends the points of an archived run, and keeps of each sequence what a verification needs.
import { toNumber, type Value } from "../../formats/value.ts";
import type { ArchivedRun, RunDocuments } from "../../server/archive/archivedRun.ts";
import { PointReader } from "../../server/archive/restorePoints.ts";
import { traceKey } from "../../server/archive/restoreValues.ts";
import type { Item } from "../client/outbox.ts";
import { type Loss, type PointForm, type PointMessages, sentContextId } from "./restoreRemoteMessages.ts";
import type { RunSocket } from "./restoreRemoteSocket.ts";
import { bucketOf, hashText, shownObject, shownRecord, Tally } from "./restoreRemoteTally.ts";

/** A sequence as the server should have it. */
export interface SentSequence {
  /** Of the context as the server counts it. */
  readonly contextId: number;
  readonly name: string;
  /** Of the highest step. */
  dtype: string;
  readonly forms: Set<PointForm>;
  readonly tally: Tally;
  /** Steps come again in it, too many to tell which: its points are not counted. */
  isUncounted: boolean;
}

export interface SentPoints {
  readonly sequences: readonly SentSequence[];
  readonly points: number;
  readonly lostObjects: number;
}

/** Steps of sequences that are not in order, in memory at once. */
const mostSteps = 300_000;

export interface Rehearsal {
  /** Keys of sequences whose steps do not rise. */
  readonly unordered: ReadonlySet<string>;
  /** Types of the sequences that have points, by key: others no message can make. */
  readonly filled: ReadonlyMap<string, string>;
  readonly points: number;
}

/** Reads all points. @throws MatyanError `corrupt` */
export async function rehearsePoints(run: ArchivedRun, documents: RunDocuments): Promise<Rehearsal> {
  const reader = new PointReader(run.hash, documents.traces);
  const filled = new Map<string, string>();
  for await (const { groups } of reader.batches(run.records(), 0))
    for (const { state } of groups) filled.set(traceKey(state.contextId, state.name), state.dtype);
  const unordered = new Set<string>();
  for (const { contextId, name, extremes } of reader.states)
    if (extremes === undefined) unordered.add(traceKey(contextId, name));
  return { unordered, filled, points: reader.points };
}

export interface PointWork {
  readonly run: ArchivedRun;
  readonly documents: RunDocuments;
  readonly messages: PointMessages;
  readonly socket: RunSocket;
  readonly unordered: ReadonlySet<string>;
  /** Whether records keep their steps. Else the server counts them as they come, also those that come again. */
  readonly keepsSteps: boolean;
  /** Of log records that would be counted again, so many are there already. */
  readonly knownRecords: number;
  readonly lose: Loss;
}

export async function sendPoints(work: PointWork): Promise<SentPoints> {
  const { run, documents, messages, socket, lose } = work;
  const reader = new PointReader(run.hash, documents.traces);
  const sequences = new Map<string, Gathering>();
  const room = { steps: mostSteps };
  let points = 0;
  let records = 0;
  for await (const { groups } of reader.batches(run.records(), 0)) {
    let sent: Promise<void> = Promise.resolve();
    for (const { state, points: batch } of groups) {
      const key = traceKey(sentContextId(documents, state.contextId), state.name);
      let gathering = sequences.get(key);
      if (gathering === undefined) {
        const isUnordered = work.unordered.has(traceKey(state.contextId, state.name));
        gathering = new Gathering(
          sentContextId(documents, state.contextId),
          state.name,
          isUnordered ? room : undefined,
        );
        sequences.set(key, gathering);
      }
      for (const { step, value, epoch, time } of batch) {
        const plain = value as Value;
        const { contextId, name, dtype } = state;
        const message = messages.of({ contextId, name, dtype, step, value: plain, epoch, time }, lose);
        if (message === undefined) continue;
        points++;
        const isCounted = message.form === "record" && !work.keepsSteps;
        if (isCounted) gathering.addRecord(plain);
        else gathering.add(step, plain, message.form, message.dtype, message.item);
        if (isCounted && records++ < work.knownRecords) continue;
        sent = socket.send(message.item);
      }
    }
    await socket.settle(sent);
  }
  // The existing server takes what came last for the last point.
  for (const { again } of sequences.values()) if (again !== undefined) await socket.settle(socket.send(again));
  return {
    sequences: Array.from(sequences.values(), (each) => each.finish()).filter(({ forms }) => forms.size > 0),
    points,
    lostObjects: reader.lost,
  };
}

/** A step's value as it is counted: a number, or the hash of what is shown of it, with the length of that. */
type Counted = number | readonly [hash: bigint, bytes: number];

class Gathering {
  readonly #sequence: SentSequence;
  /** Only of a sequence whose steps come in any order, maybe twice: the later of equal ones counts. */
  #steps: Map<bigint, Counted> | undefined;
  readonly #room: { steps: number } | undefined;
  #highest: bigint | undefined;
  #highestItem: Item | undefined;
  #lastStep: bigint | undefined;

  constructor(contextId: number, name: string, room: { steps: number } | undefined) {
    this.#sequence = { contextId, name, dtype: "float", forms: new Set(), tally: new Tally(), isUncounted: false };
    this.#room = room;
    if (room !== undefined) this.#steps = new Map();
  }

  /** The highest point, when others were sent after it. */
  get again(): Item | undefined {
    return this.#room !== undefined && this.#lastStep !== this.#highest ? this.#highestItem : undefined;
  }

  add(step: bigint, value: Value, form: PointForm, dtype: string, item: Item): void {
    const sequence = this.#sequence;
    sequence.forms.add(form);
    if (this.#highest === undefined || step >= this.#highest) {
      this.#highest = step;
      sequence.dtype = dtype;
      if (this.#room !== undefined) this.#highestItem = item;
    }
    this.#lastStep = step;
    if (this.#room === undefined) count(sequence.tally, step, countedOf(value, form, dtype));
    else if (--this.#room.steps >= 0) this.#steps?.set(step, countedOf(value, form, dtype));
    else {
      sequence.isUncounted = true;
      this.#steps = undefined;
    }
  }

  /** A record whose step is the server's own. */
  addRecord(value: Value): void {
    this.#sequence.forms.add("record");
    this.#sequence.dtype = "log_records";
    count(this.#sequence.tally, 0n, countedOf(value, "record", "log_records"));
  }

  finish(): SentSequence {
    const steps = [...(this.#steps ?? [])].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [step, counted] of steps) count(this.#sequence.tally, step, counted);
    return this.#sequence;
  }
}

function countedOf(value: Value, form: PointForm, dtype: string): Counted {
  if (form === "metric") return (typeof value === "boolean" ? Number(value) : toNumber(value)) ?? Number.NaN;
  const bucket = bucketOf(dtype);
  const text =
    form === "line" ? String(value) : form === "record" ? shownRecord(value) : bucket ? shownObject(bucket, value) : "";
  return [hashText(text), text.length];
}

function count(tally: Tally, step: bigint, counted: Counted): void {
  if (typeof counted === "number") tally.addNumber(step, counted);
  else tally.addHash(step, ...counted);
}
