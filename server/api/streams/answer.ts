// Answers that are read from the store while they are sent.
import type { ReadTransaction } from "../../kv/index.ts";
import { inSnapshots, type Step } from "../../search/snapshots.ts";
import type { Store } from "../../store/index.ts";
import type { ApiRequest } from "../request.ts";
import { streamResponse } from "../respond.ts";
import { Progress } from "./progress.ts";

/** So long the status waits for the first frame: until then a failure is an error, afterwards it cuts the connection. */
const longestWaitMs = 1_000;

/**
 * Streams the frames that `body` makes. The answer begins with the first of them, so that a query which costs too much is
 * refused with a status where that shows early.
 * @throws what `body` throws before the first frame.
 */
export async function answerFrames(
  request: ApiRequest,
  store: Store,
  body: (tx: ReadTransaction) => AsyncGenerator<Step<Uint8Array>, void>,
  progress: Progress = new Progress(false),
): Promise<Response> {
  const groups = inSnapshots(store.database, body, { sizeOf: (frame) => frame.length });
  const started = performance.now();
  let first = await groups.next();
  while (first.done !== true && first.value.length === 0 && performance.now() - started < longestWaitMs) {
    if (request.signal.aborted) {
      await groups.return();
      break;
    }
    first = await groups.next();
  }
  return streamResponse(chunks(first, groups, progress), request);
}

async function* chunks(
  first: IteratorResult<readonly Uint8Array[], void>,
  groups: AsyncGenerator<readonly Uint8Array[], void>,
  progress: Progress,
): AsyncGenerator<Uint8Array, void> {
  try {
    for (let group = first; group.done !== true; group = await groups.next())
      yield group.value.length === 0 ? progress.again() : joined(group.value);
  } finally {
    await groups.return();
  }
}

function joined(frames: readonly Uint8Array[]): Uint8Array {
  return frames.length === 1 ? frames[0]! : Buffer.concat(frames);
}
