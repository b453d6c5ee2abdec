// A worker thread of a conversion: takes units of work, answers with lines, blobs and tallies. Started by workerPool.ts.
import { MatyanError, messageOf } from "../../../formats/error.ts";
import { Emitter } from "../../../formats/tensorboard/emit.ts";
import { LineBuffer } from "../../../formats/tensorboard/lines.ts";
import { Arena } from "../../../formats/tensorboard/source.ts";
import { perform } from "./work.ts";
import type { Answer, Order } from "./workerPool.ts";

declare const self: {
  onmessage: ((event: MessageEvent<Order>) => void) | null;
  postMessage(answer: Answer): void;
};

/** Room for the lines of a unit of scalars. */
const sharedBytes = 6 << 20;
/** Lines are written where the main thread reads them: transferred memory is copied, and new each time. */
const allocateShared = (size: number) => new Uint8Array(new SharedArrayBuffer(size));

const arena = new Arena();
let emitter: Emitter | undefined;

self.onmessage = ({ data }) => {
  try {
    if (data.plan !== undefined) emitter = new Emitter(data.plan, arena);
    if (emitter === undefined) throw new MatyanError("usage", "a unit of work came before its run's plan");
    emitter.out = new LineBuffer(new Uint8Array(data.buffer ?? new SharedArrayBuffer(sharedBytes)), allocateShared);
    const { lines, tally, blobs } = perform(data.task, emitter, arena);
    self.postMessage({ number: data.number, lines, tally, blobs });
  } catch (error) {
    const known = error instanceof MatyanError ? error : undefined;
    const failure = {
      code: known?.code,
      message: messageOf(error),
      hint: known?.hint,
      stack: error instanceof Error ? error.stack : undefined,
    };
    self.postMessage({ number: data.number, failure });
  }
};
