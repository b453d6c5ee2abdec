// Who does pass 2: this thread, or worker threads that share even a single big file.
import { type ErrorCode, MatyanError } from "../../../formats/error.ts";
import type { Blob, Tally } from "../../../formats/tensorboard/emit.ts";
import { Emitter } from "../../../formats/tensorboard/emit.ts";
import type { RunPlan } from "../../../formats/tensorboard/plan.ts";
import type { Arena } from "../../../formats/tensorboard/source.ts";
import { openFile } from "./openFile.ts";
import { changedError, type Outcome, perform, type Task } from "./work.ts";

export interface Workshop extends Disposable {
  /** How many outcomes may be waited for at once. */
  readonly capacity: number;
  /** Tasks of one run after the other. With a capacity of 1 an outcome is good until the next call. */
  submit(plan: RunPlan, task: Task): Promise<Outcome>;
  /** Bytes of a blob of an outcome that was just awaited; good until the next call. */
  blobBytes(task: Task, blob: Blob): Uint8Array;
  /** The lines of an outcome are no longer needed. */
  release(outcome: Outcome): void;
}

/** Everything in this thread, in the arena that pass 1 uses too. */
export function singleWorkshop(arena: Arena): Workshop {
  let current: { plan: RunPlan; emitter: Emitter } | undefined;
  return {
    capacity: 1,
    async submit(plan, task) {
      if (current?.plan !== plan) current = { plan, emitter: new Emitter(plan, arena) };
      return perform(task, current.emitter, arena);
    },
    blobBytes: (_task, { start, end }) => arena.bytes.subarray(start, end),
    release() {},
    [Symbol.dispose]() {},
  };
}

/** To a worker. The plan comes with the first task of a run; `buffer` is shared memory to write lines into. */
export interface Order {
  readonly number: number;
  readonly task: Task;
  readonly plan?: RunPlan;
  readonly buffer?: SharedArrayBuffer;
}

/** From a worker. */
export type Answer =
  | { readonly number: number; readonly lines: Uint8Array; readonly tally: Tally; readonly blobs: readonly Blob[] }
  | { readonly number: number; readonly failure: Failure };

interface Failure {
  readonly code: ErrorCode | undefined;
  readonly message: string;
  readonly hint: string | undefined;
  readonly stack: string | undefined;
}

/** An executable of `bun build --compile` names its entry points (scripts/build.ts) by their paths in the project. */
function workerScript(): string | URL {
  const inExecutable = /\/\$bunfs\/|~BUN/.test(import.meta.url);
  return inExecutable
    ? "./server/archive/tensorboard/segmentWorker.ts"
    : new URL("./segmentWorker.ts", import.meta.url);
}

interface Bench {
  readonly worker: Worker;
  plan: RunPlan | undefined;
  outstanding: number;
}

/** Memory for lines that is used again; what a large value made grow is let go. */
const keptBuffer = 8 << 20;
/** Tasks that a worker has besides the one it is doing: enough not to idle while the answer is on its way. */
const queuedPerWorker = 1;

/** Worker threads. Blobs are read again in this thread, into `arena`: large memory is not passed around. */
export function poolWorkshop(workers: number, arena: Arena): Workshop {
  const waiting = new Map<number, { bench: Bench; resolve(outcome: Outcome): void; reject(error: unknown): void }>();
  const buffers: SharedArrayBuffer[] = [];
  let number = 0;
  const fail = (error: unknown) => {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  const receive = (answer: Answer) => {
    const waiter = waiting.get(answer.number);
    if (waiter === undefined) return;
    waiting.delete(answer.number);
    waiter.bench.outstanding--;
    if ("failure" in answer) waiter.reject(errorOf(answer.failure));
    else waiter.resolve(answer);
  };
  const benches = Array.from({ length: workers }, (): Bench => {
    const worker = new Worker(workerScript());
    worker.onmessage = ({ data }: MessageEvent<Answer>) => receive(data);
    worker.onerror = (event) => fail(new Error(`a worker thread failed: ${event.message}`));
    return { worker, plan: undefined, outstanding: 0 };
  });
  return {
    capacity: workers * (1 + queuedPerWorker),
    submit(plan, task) {
      const bench = benches.reduce((least, each) => (each.outstanding < least.outstanding ? each : least));
      const buffer = buffers.pop();
      const order: Order = {
        number: number++,
        task,
        ...(bench.plan === plan ? {} : { plan }),
        ...(buffer === undefined ? {} : { buffer }),
      };
      bench.plan = plan;
      bench.outstanding++;
      const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
      promise.catch(() => {}); // It is awaited in its turn; until then a failure is no unhandled one.
      waiting.set(order.number, { bench, resolve, reject });
      bench.worker.postMessage(order);
      return promise;
    },
    blobBytes: ({ unit }, { start, end }) => {
      const bytes = arena.bytes.subarray(0, end - start);
      using source = openFile(unit.path);
      if (source.read(unit.offset + start, bytes) !== bytes.length) throw changedError(unit.path);
      return bytes;
    },
    release({ lines }) {
      if (lines.buffer instanceof SharedArrayBuffer && lines.buffer.byteLength <= keptBuffer)
        buffers.push(lines.buffer);
    },
    [Symbol.dispose]() {
      for (const { worker } of benches) worker.terminate();
    },
  };
}

function errorOf(failure: Failure): Error {
  if (failure.code !== undefined)
    return new MatyanError(failure.code, failure.message, failure.hint === undefined ? {} : { hint: failure.hint });
  const error = new Error(failure.message);
  if (failure.stack !== undefined) error.stack = failure.stack;
  return error;
}
