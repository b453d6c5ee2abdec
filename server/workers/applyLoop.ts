// The queue in front of the store of one process: everything that waits shares the next commits (group commit).
import { MatyanError } from "../../formats/error.ts";
import { type IngestMessage, isPoint } from "../../formats/messages/index.ts";
import type { BlobStore } from "../blobs/index.ts";
import type { Store } from "../store/index.ts";
import { type ApplyBounds, applyBounds, applyMessages } from "./applyMessages.ts";
import { estimateBytes } from "./estimate.ts";
import type { Ingest, Outcome } from "./ingest.ts";

export interface ApplyLoopOptions {
  /** What is queued before `submit` waits. By default 200,000 messages, 64 MB as estimated. */
  readonly maxQueued?: ApplyBounds;
  /** What one round takes from the queue: by default as much as one transaction does. */
  readonly round?: ApplyBounds;
  /** Bounds of one transaction. */
  readonly transaction?: ApplyBounds;
}

export interface ApplyLoopStats {
  /** Messages accepted and not applied yet; their estimated bytes. */
  readonly queued: number;
  readonly queuedBytes: number;
  /** Submissions that wait for room in the queue. */
  readonly waiting: number;
  /** Messages since the start, by what became of them. Dropped ones were for deleted runs. */
  readonly applied: number;
  readonly refused: number;
  readonly dropped: number;
  /** Of the applied and dropped ones those that were points. */
  readonly points: number;
  /** Messages of a topic that were left out because they were applied before; `applied` counts them too. */
  readonly repeated: number;
  /** Rounds that failed with the store. */
  readonly failed: number;
  readonly commits: number;
  /** How long the last round took, from the first message to durable. */
  readonly lastCommitMs: number;
}

const defaultQueue: ApplyBounds = { messages: 200_000, bytes: 64_000_000 };

interface Submission {
  readonly messages: readonly IngestMessage[];
  /** Estimated bytes of each. */
  readonly sizes: Float64Array;
  readonly outcomes: Outcome[];
  /** Messages without an outcome. */
  open: number;
  isFailed: boolean;
  readonly resolve: (outcomes: readonly Outcome[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Messages of one run in one submission, by their places there, in order. */
interface Segment {
  readonly submission: Submission;
  readonly places: readonly number[];
  /** How many of the places were taken. */
  taken: number;
}

/**
 * Applies what is submitted, in rounds. A round takes from the runs in turn, so that a run with much to store does not
 * hold up the others; within a run the order of submission holds, across submissions too.
 */
export class ApplyLoop implements Ingest {
  readonly #store: Store;
  readonly #blobs: BlobStore | undefined;
  readonly #maxQueued: ApplyBounds;
  readonly #round: ApplyBounds;
  readonly #transaction: ApplyBounds;
  /** What waits, by run. The order of the map is the order of turns. */
  readonly #runs = new Map<string, Segment[]>();
  /** Submissions that wait for room; each enters the queue when called. */
  #waiting: (() => void)[] = [];
  #idle: (() => void)[] = [];
  #isRunning = false;
  #isClosed = false;
  #counts = {
    queued: 0,
    queuedBytes: 0,
    applied: 0,
    refused: 0,
    dropped: 0,
    points: 0,
    repeated: 0,
    failed: 0,
    commits: 0,
    lastCommitMs: 0,
  };

  /** @param blobs where the files of deleted runs are removed; without it they are left to whoever reads the outbox. */
  constructor(store: Store, blobs: BlobStore | undefined, options: ApplyLoopOptions = {}) {
    this.#store = store;
    this.#blobs = blobs;
    this.#maxQueued = options.maxQueued ?? defaultQueue;
    this.#transaction = options.transaction ?? applyBounds;
    this.#round = options.round ?? this.#transaction;
  }

  get stats(): ApplyLoopStats {
    return { ...this.#counts, waiting: this.#waiting.length };
  }

  async submit(messages: readonly IngestMessage[]): Promise<readonly Outcome[]> {
    if (this.#isClosed) throw closedError();
    if (messages.length === 0) return [];
    return new Promise((resolve, reject) => {
      const enter = () => this.#enqueue(messages, resolve, reject);
      // Who waits is let in in order, and nobody overtakes: the order of a run's submissions is theirs.
      if (this.#isFull() || this.#waiting.length > 0) this.#waiting.push(enter);
      else enter();
    });
  }

  /** Resolves when all that was submitted before is applied or failed. */
  drain(): Promise<void> {
    if (!this.#isRunning) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Refuses new messages and applies those that were submitted. A second call does no harm. */
  close(): Promise<void> {
    this.#isClosed = true;
    return this.drain();
  }

  #isFull(): boolean {
    const { queued, queuedBytes } = this.#counts;
    // One submission is always let in, whatever its size.
    return queued > 0 && (queued >= this.#maxQueued.messages || queuedBytes >= this.#maxQueued.bytes);
  }

  #enqueue(
    messages: readonly IngestMessage[],
    resolve: (outcomes: readonly Outcome[]) => void,
    reject: (error: unknown) => void,
  ): void {
    const outcomes = new Array<Outcome>(messages.length);
    const sizes = Float64Array.from(messages, estimateBytes);
    const submission = { messages, sizes, outcomes, open: messages.length, isFailed: false, resolve, reject };
    const places = new Map<string, number[]>();
    for (let place = 0; place < messages.length; place++) {
      const message = messages[place]!;
      this.#counts.queuedBytes += sizes[place]!;
      const known = places.get(message.runId);
      if (known === undefined) places.set(message.runId, [place]);
      else known.push(place);
    }
    this.#counts.queued += messages.length;
    for (const [run, ofRun] of places) {
      const segment: Segment = { submission, places: ofRun, taken: 0 };
      const segments = this.#runs.get(run);
      if (segments === undefined) this.#runs.set(run, [segment]);
      else segments.push(segment);
    }
    if (this.#isRunning) return;
    this.#isRunning = true;
    // What other connections have to submit in this turn of the event loop shares the first commit.
    setImmediate(() => void this.#run());
  }

  async #run(): Promise<void> {
    while (this.#counts.queued > 0) {
      const taken = this.#take();
      const start = performance.now();
      try {
        const { outcomes, dropped, repeated, commits } = await applyMessages(
          this.#store,
          this.#blobs,
          taken.map(({ submission, place }) => submission.messages[place]!),
          { bounds: this.#transaction },
        );
        this.#counts.dropped += dropped;
        this.#counts.repeated += repeated;
        this.#counts.commits += commits;
        this.#counts.applied -= dropped;
        taken.forEach((one, i) => {
          this.#settle(one, outcomes[i]!);
        });
      } catch (error) {
        this.#counts.failed++;
        for (const { submission } of taken) fail(submission, error);
      }
      this.#counts.lastCommitMs = performance.now() - start;
      this.#admit();
    }
    this.#isRunning = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** The next round: a share for each run that waits; what is left of a run's share goes to the end of the line. */
  #take(): Taken[] {
    const taken: Taken[] = [];
    let bytes = 0;
    const share = Math.max(100, Math.ceil(this.#round.messages / Math.max(1, this.#runs.size)));
    const isRound = () => taken.length >= this.#round.messages || bytes >= this.#round.bytes;
    while (this.#runs.size > 0 && !isRound()) {
      const [run, segments] = this.#runs.entries().next().value!;
      this.#runs.delete(run);
      let left = share;
      while (segments.length > 0 && left > 0 && !isRound()) {
        const segment = segments[0]!;
        const { submission, places } = segment;
        if (segment.taken === places.length) {
          segments.shift();
          continue;
        }
        const place = places[segment.taken++]!;
        const size = submission.sizes[place]!;
        this.#counts.queued--;
        this.#counts.queuedBytes -= size;
        // What was submitted with messages that the store failed on is not applied without them.
        if (submission.isFailed) continue;
        taken.push({ submission, place });
        bytes += size;
        left--;
      }
      if (segments.some((segment) => segment.taken < segment.places.length)) this.#runs.set(run, segments);
    }
    return taken;
  }

  #settle({ submission, place }: Taken, outcome: Outcome): void {
    submission.outcomes[place] = outcome;
    if (outcome.ok) {
      this.#counts.applied++;
      if (isPoint(submission.messages[place]!.type)) this.#counts.points++;
    } else this.#counts.refused++;
    if (--submission.open === 0) submission.resolve(submission.outcomes);
  }

  #admit(): void {
    while (this.#waiting.length > 0 && !this.#isFull()) this.#waiting.shift()!();
  }
}

interface Taken {
  readonly submission: Submission;
  readonly place: number;
}

function fail(submission: Submission, error: unknown): void {
  submission.isFailed = true;
  submission.reject(error);
}

function closedError(): MatyanError {
  return new MatyanError("interrupted", "the server is stopping and takes no more messages", {
    hint: "Send them again when it is back.",
  });
}
