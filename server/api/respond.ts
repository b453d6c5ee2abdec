// The kinds of answers: JSON, tree streams and files.
import { formatAnswer } from "../../formats/jsonAnswer.ts";
import type { Value } from "../../formats/value.ts";
import { problemOf } from "./errors.ts";

export function json(value: Value, status = 200, headers: Readonly<Record<string, string>> = {}): Response {
  return jsonText(formatAnswer(value), status, headers);
}

/** JSON that is text already. */
export function jsonText(text: string, status = 200, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(text, {
    status,
    headers: { "content-type": "application/json", "content-length": String(Buffer.byteLength(text)), ...headers },
  });
}

/** The envelope of an error, for answers that are not thrown. */
export function errorAnswer(error: unknown): Response {
  const { status, body, headers } = problemOf(error);
  return json(body, status, headers);
}

export function noContent(): Response {
  // The existing backend names a type here too.
  return new Response(null, { status: 204, headers: { "content-type": "application/json" } });
}

/** What a stream is sent for: a request. */
export interface StreamOwner {
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
  /** Told of a failure that cut the stream. */
  streamFailed(error: unknown): void;
  /** Told when there is a stream, and when it is over, however that came: how long its bytes took to make, readers not counted. */
  streamBegun?(): void;
  streamEnded?(milliseconds: number): void;
}

/**
 * A stream of frames, each sent as soon as it is there. The frames are asked for one by one, as fast as the client reads.
 * When they fail, the connection is cut, so that nobody takes a part for the whole (W2); when the client goes away, or
 * `signal` says so, the iteration is ended, and with it all that it holds.
 */
export function streamResponse(frames: AsyncIterable<Uint8Array>, owner: StreamOwner): Response {
  return new Response(streamOf(frames, owner), { headers: { "content-type": "application/octet-stream" } });
}

/** Bytes as the body of an answer: pulled, never ahead of the client. */
export function streamOf(chunks: AsyncIterable<Uint8Array>, owner: StreamOwner): ReadableStream<Uint8Array> {
  const { signal } = owner;
  const iterator = chunks[Symbol.asyncIterator]();
  let isOver = false;
  let milliseconds = 0;
  owner.streamBegun?.();
  const over = () => {
    isOver = true;
    signal.removeEventListener("abort", onAbort);
    owner.streamEnded?.(milliseconds);
  };
  const end = async () => {
    if (isOver) return;
    over();
    await iterator.return?.();
  };
  // Ending an iteration may throw what it was doing; nobody is left to be told.
  const onAbort = () => void end().catch(() => undefined);
  signal.addEventListener("abort", onAbort, { once: true });
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          for (;;) {
            const asked = performance.now();
            const next = await iterator.next().finally(() => {
              milliseconds += performance.now() - asked;
            });
            if (next.done === true) {
              // An iteration that was ended from outside is not the whole.
              if (isOver) controller.error();
              else {
                over();
                controller.close();
              }
              return;
            }
            // An empty chunk would leave nothing that asks for the next one.
            if (next.value.length === 0) continue;
            controller.enqueue(next.value);
            return;
          }
        } catch (error) {
          // What an iteration throws that was ended from outside is no news.
          if (!isOver) {
            owner.streamFailed(error);
            over();
          }
          // Of a reason Bun would print the stack.
          controller.error();
        }
      },
      cancel: end,
    },
    { highWaterMark: 0 },
  );
}
