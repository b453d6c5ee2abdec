// Lines of a file or a pipe, plain or gzip, as they arrive.
import { MatyanError, messageOf } from "../../formats/error.ts";
import { gunzipIfPacked } from "../../formats/gunzip.ts";

/** One line without its end. `bytes` is undefined for one over `maxLineBytes`, which was not kept. */
export interface Line {
  /** From 1. */
  readonly number: number;
  readonly bytes: Uint8Array | undefined;
}

/** Several times what a frontier takes as one message. */
export const maxLineBytes = 64 * 1024 * 1024;

const newline = 0x0a;

/**
 * The lines of a text; the last one need not be ended. Memory holds one line and one chunk.
 * @throws MatyanError `corrupt` where its gzip is damaged or cut short
 */
export async function* readLines(source: AsyncIterable<Uint8Array>, limit = maxLineBytes): AsyncGenerator<Line> {
  let number = 1;
  let parts: Uint8Array[] = [];
  let length = 0;
  const take = (last: Uint8Array): Line => {
    const isKept = length + last.length <= limit;
    const bytes = !isKept ? undefined : parts.length === 0 ? last : Buffer.concat([...parts, last]);
    parts = [];
    length = 0;
    return { number: number++, bytes };
  };
  for await (const chunk of unpacked(source)) {
    let at = 0;
    for (let end = chunk.indexOf(newline, at); end >= 0; end = chunk.indexOf(newline, at)) {
      yield take(chunk.subarray(at, end));
      at = end + 1;
    }
    const rest = chunk.subarray(at);
    length += rest.length;
    if (length > limit) parts = [];
    else if (rest.length > 0) parts.push(rest.slice());
  }
  if (length > 0) yield take(new Uint8Array(0));
}

/** Without its gzip, if there is any. @throws MatyanError `corrupt` where that is damaged */
async function* unpacked(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* gunzipIfPacked(source);
  } catch (error) {
    const isDamage = error instanceof Error && "code" in error && String(error.code).startsWith("Z_");
    if (!isDamage) throw error;
    throw new MatyanError("corrupt", `the gzip data is damaged or cut short (${messageOf(error)})`, {
      hint: "Lines before the damage may have been applied. Get the file anew and run this again: that changes nothing twice.",
      cause: error,
    });
  }
}
