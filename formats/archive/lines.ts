// Lines of a byte stream in bounded memory.
import { MatyanError } from "../error.ts";
import { maxLineBytes } from "./layout.ts";

export interface Line {
  /** Without the "\n". Valid until the next line is asked for. */
  readonly bytes: Uint8Array;
  /** From 1. */
  readonly number: number;
}

/** All lines; an empty one after the last "\n" is not a line. @throws MatyanError `too_large` for a line over `maxBytes`. */
export async function* readLines(
  source: AsyncIterable<Uint8Array>,
  maxBytes: number = maxLineBytes,
): AsyncGenerator<Line> {
  const splitter = new LineSplitter(maxBytes);
  for await (const chunk of source) yield* splitter.push(chunk);
  yield* splitter.end();
}

/** The same for a caller that has the chunks. Each generator is to be run to its end before the next call. */
export class LineSplitter {
  readonly #carry: Carry;
  #number = 0;

  constructor(maxBytes: number = maxLineBytes) {
    this.#carry = new Carry(maxBytes);
  }

  *push(chunk: Uint8Array): Generator<Line> {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      yield { bytes: this.#carry.join(chunk.subarray(start, end), ++this.#number), number: this.#number };
      start = end + 1;
    }
    this.#carry.keep(chunk.subarray(start), this.#number + 1);
  }

  *end(): Generator<Line> {
    if (this.#carry.size > 0)
      yield { bytes: this.#carry.join(new Uint8Array(0), ++this.#number), number: this.#number };
  }
}

/** The beginning of a line whose end is in a later chunk. */
export class Carry {
  readonly #maxBytes: number;
  #pieces: Uint8Array[] = [];
  #size = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get size(): number {
    return this.#size;
  }

  /** Copies `bytes`: what a source yields may be overwritten by its next chunk. */
  keep(bytes: Uint8Array, line: number): void {
    if (bytes.length === 0) return;
    this.#check(bytes.length, line);
    this.#pieces.push(new Uint8Array(bytes)); // Not `slice()`, which shares memory when the bytes are a Buffer.
    this.#size += bytes.length;
  }

  /** The kept bytes followed by `rest`, as one line; nothing is kept afterwards. */
  join(rest: Uint8Array, line: number): Uint8Array {
    if (this.#size === 0) return rest;
    this.#check(rest.length, line);
    const joined = Buffer.concat([...this.#pieces, rest]);
    this.#pieces = [];
    this.#size = 0;
    return joined;
  }

  #check(more: number, line: number): void {
    if (this.#size + more <= this.#maxBytes) return;
    throw new MatyanError("too_large", `line ${line} is longer than ${this.#maxBytes} bytes`);
  }
}

/** Nothing but spaces, tabs and the "\r" of a Windows line end: readers pass over such lines. */
export function isBlank(line: Uint8Array): boolean {
  return line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}
