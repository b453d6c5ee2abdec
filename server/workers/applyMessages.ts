// Messages into the store: grouped by run, in transactions of bounded size, each message with an outcome of its own.
import { MatyanError, messageOf } from "../../formats/error.ts";
import type { IngestMessage } from "../../formats/messages/index.ts";
import type { BlobStore } from "../blobs/index.ts";
import { KvError, type Transaction } from "../kv/index.ts";
import type { Store } from "../store/index.ts";
import { cutText } from "../store/keys.ts";
import type { StagedValue } from "../store/largeValues.ts";
import { type DropFiles, deleteRun, readTombstone } from "../store/runs.ts";
import { estimateBytes } from "./estimate.ts";
import type { Outcome } from "./ingest.ts";
import { stageMessage } from "./large.ts";
import { RunFilesError, removeFiles } from "./runFiles.ts";
import { RunPositions } from "./runPositions.ts";
import { RunWriter } from "./runWriter.ts";

/** What one transaction takes at most, well below the engine's limits. */
export interface ApplyBounds {
  readonly messages: number;
  /** As estimated by `estimateBytes`. */
  readonly bytes: number;
}

export const applyBounds: ApplyBounds = { messages: 4_000, bytes: 4_000_000 };

/** As in `createRun`: leaves room for the rest of a key. */
const maxRunIdBytes = 500;

export interface Applied {
  /** One for each message, in their order. */
  readonly outcomes: readonly Outcome[];
  /** Messages that were dropped because their run is deleted. Their outcome is `ok`. */
  readonly dropped: number;
  /** Messages of a topic that were left out because they were applied before. Their outcome is `ok`. */
  readonly repeated: number;
  /** Transactions that were committed. */
  readonly commits: number;
}

export interface ApplyOptions {
  readonly bounds?: ApplyBounds;
  /** What becomes of the files of deleted runs: by default they are removed with the run, or left to others without `blobs`. */
  readonly files?: DropFiles | "later";
}

const applied: Outcome = { ok: true };

interface Work {
  readonly message: IngestMessage;
  /** Where its outcome goes. */
  readonly index: number;
}

/**
 * Applies messages; when it returns, they are durable. Messages of one run are applied in their order, those of different
 * runs in any. Applying messages again in the same order, from any point on, leaves the store as it was.
 * One bad message is refused alone: those around it are applied.
 * @throws what the store throws when it fails as a whole. Some of the messages may be applied then, and all may be given again.
 */
export async function applyMessages(
  store: Store,
  blobs: BlobStore | undefined,
  messages: readonly IngestMessage[],
  options: ApplyOptions = {},
): Promise<Applied> {
  const job = new ApplyJob(store, blobs, messages.length, options);
  const runs = new Map<string, Work[]>();
  for (let index = 0; index < messages.length; index++) {
    const message = messages[index]!;
    const work = runs.get(message.runId);
    if (work !== undefined) work.push({ message, index });
    else runs.set(message.runId, [{ message, index }]);
  }
  for (const [hash, work] of runs) {
    const fault = runIdFault(hash);
    if (fault === undefined) for (const one of work) await job.take(one);
    else for (const { index } of work) job.refuse(index, fault);
  }
  return job.finish();
}

function runIdFault(hash: string): MatyanError | undefined {
  if (hash === "") return new MatyanError("usage", "the id of the run is empty");
  if (!hash.isWellFormed()) return new MatyanError("usage", "the id of the run holds half a surrogate pair");
  if (hash.length * 3 <= maxRunIdBytes || Buffer.byteLength(hash) <= maxRunIdBytes) return undefined;
  return new MatyanError("too_large", `the id of run '${cutText(hash)}' has ${Buffer.byteLength(hash)} bytes`, {
    hint: `The id of a run holds at most ${maxRunIdBytes} bytes.`,
  });
}

class ApplyJob {
  readonly #store: Store;
  readonly #dropFiles: DropFiles | "later";
  readonly #bounds: ApplyBounds;
  readonly #outcomes: Outcome[];
  #chunk: Work[] = [];
  #chunkBytes = 0;
  #dropped = 0;
  #repeated = 0;
  #commits = 0;

  constructor(store: Store, blobs: BlobStore | undefined, count: number, options: ApplyOptions) {
    this.#store = store;
    this.#dropFiles = options.files ?? (blobs === undefined ? "later" : removeFiles(blobs));
    this.#bounds = options.bounds ?? applyBounds;
    this.#outcomes = new Array<Outcome>(count).fill(applied);
  }

  refuse(index: number, error: MatyanError): void {
    this.#outcomes[index] = { ok: false, error };
  }

  async take(work: Work): Promise<void> {
    if (work.message.type === "delete_run") {
      await this.#applyChunk();
      await this.#delete(work);
      return;
    }
    const bytes = estimateBytes(work.message);
    if (bytes > this.#bounds.bytes) {
      await this.#applyChunk();
      await this.#applyLarge(work);
      return;
    }
    if (this.#chunk.length >= this.#bounds.messages || this.#chunkBytes + bytes > this.#bounds.bytes)
      await this.#applyChunk();
    this.#chunk.push(work);
    this.#chunkBytes += bytes;
  }

  async finish(): Promise<Applied> {
    await this.#applyChunk();
    return { outcomes: this.#outcomes, dropped: this.#dropped, repeated: this.#repeated, commits: this.#commits };
  }

  async #applyChunk(): Promise<void> {
    const chunk = this.#chunk;
    this.#chunk = [];
    this.#chunkBytes = 0;
    if (chunk.length > 0) await this.#applyRange(chunk);
  }

  /** The parts of a chunk that are still to be applied are on a stack, the first on top: their order is kept. */
  async #applyRange(chunk: readonly Work[]): Promise<void> {
    const parts: (readonly [from: number, to: number])[] = [[0, chunk.length]];
    for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
      const [from, to] = part;
      try {
        await this.#commit(chunk.slice(from, to));
      } catch (error) {
        if (error instanceof MessageFailure) {
          const at = chunk.indexOf(error.work, from);
          this.refuse(error.work.index, error.reason);
          if (at + 1 < to) parts.push([at + 1, to]);
          if (at > from) parts.push([from, at]);
        } else if (!isOfMessages(error)) throw error;
        else if (to - from === 1) this.refuse(chunk[from]!.index, faultOf(error));
        else {
          const middle = (from + to) >> 1;
          parts.push([middle, to], [from, middle]);
        }
      }
    }
  }

  async #commit(works: readonly Work[], staged?: StagedValue): Promise<void> {
    const { dropped, repeated } = await this.#store.database.transact((tx) => applyAll(tx, this.#store, works, staged));
    this.#dropped += dropped;
    this.#repeated += repeated;
    this.#commits++;
  }

  async #applyLarge(work: Work): Promise<void> {
    try {
      if (await this.#isRepeated(work.message)) return;
      const staged = await stageMessage(this.#store, work.message);
      await this.#commit([work], staged);
    } catch (error) {
      if (error instanceof MessageFailure) this.refuse(work.index, error.reason);
      else if (isOfMessages(error)) this.refuse(work.index, faultOf(error));
      else throw error;
    }
  }

  /** For messages that take several transactions. */
  async #isRepeated(message: IngestMessage, run = new RunPositions(this.#store, message.runId)): Promise<boolean> {
    if (message.source === undefined) return false;
    const isBehind = await this.#store.database.snapshot((tx) => run.isBehind(tx, message.source));
    if (isBehind) this.#repeated++;
    return isBehind;
  }

  /** Its position is noted with the decision: what is cut short after that is in the outbox. */
  async #delete({ message, index }: Work): Promise<void> {
    const { runId, timestamp: now } = message;
    const run = new RunPositions(this.#store, runId);
    if (await this.#isRepeated(message, run)) return;
    const note = (tx: Transaction) => run.write(tx, message.source);
    try {
      await deleteRun(this.#store, runId, { now, files: this.#dropFiles, note });
    } catch (error) {
      if (!(error instanceof RunFilesError)) throw error;
      this.refuse(index, error);
    }
    this.#commits++;
  }
}

/** Says which message of a transaction failed, and why. */
class MessageFailure extends Error {
  readonly work: Work;
  readonly reason: MatyanError;
  constructor(work: Work, reason: MatyanError) {
    super(reason.message, { cause: reason });
    this.work = work;
    this.reason = reason;
  }
}

/** All works of a run are next to each other. Returns how many were left out: their run is deleted, or they were applied before. */
async function applyAll(
  tx: Transaction,
  store: Store,
  works: readonly Work[],
  staged: StagedValue | undefined,
): Promise<{ readonly dropped: number; readonly repeated: number }> {
  let dropped = 0;
  let repeated = 0;
  let at = 0;
  while (at < works.length) {
    const hash = works[at]!.message.runId;
    // Read here, in the transaction: a delete that comes in between makes it run again.
    const deleted = await readTombstone(tx, store, hash);
    const run = new RunWriter(tx, store, hash);
    const positions = new RunPositions(store, hash);
    for (; at < works.length && works[at]!.message.runId === hash; at++) {
      const work = works[at]!;
      const { source } = work.message;
      if (source !== undefined) {
        if (positions.knowsBehind(source) ?? (await positions.isBehind(tx, source))) {
          repeated++;
          continue;
        }
        positions.advance(source);
      }
      if (deleted !== undefined) {
        dropped++;
        continue;
      }
      try {
        await run.apply(work.message, staged);
      } catch (error) {
        if (!isOfMessages(error) || isOfTransaction(error)) throw error;
        throw new MessageFailure(work, faultOf(error));
      }
    }
    await run.flush();
    positions.flush(tx);
  }
  return { dropped, repeated };
}

/** Whether an error is about what was to be stored. The others are the store's: nothing is wrong with the messages. */
function isOfMessages(error: unknown): boolean {
  if (error instanceof KvError) return error.code === "too_large" || error.number === 1007;
  if (error instanceof MatyanError) return error.code !== "io" && error.code !== "busy" && error.code !== "interrupted";
  // A defect of ours that a message brings to light must not hold up all others for ever.
  return error instanceof TypeError || error instanceof RangeError;
}

/** Whether an error is about the sum of a transaction's messages, none of which need be wrong. */
function isOfTransaction(error: unknown): boolean {
  return error instanceof KvError && (error.number === 2101 || error.number === 1007);
}

function faultOf(error: unknown): MatyanError {
  if (error instanceof MatyanError) return error;
  return new MatyanError("unsupported", `the message could not be applied: ${messageOf(error)}`, {
    hint: "Please report this with the message.",
    cause: error,
  });
}
