// Copies what a program writes to its terminal into lines: complete ones, without colours, as they would be read.
import type { Writable } from "node:stream";

/** Escape sequences of terminals (ECMA-48 CSI, and OSC as terminals end it). */
const escapes = /\u001b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\))/g;
/** A line without an end is cut here: nobody reads further, and memory is not theirs to take. */
const longestLine = 64 * 1024;

/** Texts to lines. */
export class LineCutter {
  readonly #onLine: (line: string) => void;
  #rest = "";

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  write(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop()!;
    for (const line of lines) this.#onLine(shown(line));
    if (this.#rest.length < longestLine) return;
    this.#onLine(shown(this.#rest));
    this.#rest = "";
  }

  /** The last line, if it had no end. */
  end(): void {
    if (this.#rest !== "") this.#onLine(shown(this.#rest));
    this.#rest = "";
  }
}

/** A carriage return goes back to the line's start: progress bars write over themselves. */
function shown(line: string): string {
  return line.replace(/\r$/, "").split("\r").at(-1)!.replace(escapes, "").toWellFormed();
}

/** Begins to copy; the function that it gives back ends it. What is written reaches its stream as before. */
export function captureTerminal(
  onLine: (line: string) => void,
  streams: readonly Pick<Writable, "write">[] = [process.stdout, process.stderr],
): () => void {
  const stops = streams.map((stream) => {
    const cutter = new LineCutter(onLine);
    const decoder = new TextDecoder();
    const write = stream.write;
    const copy = (chunk: unknown, ...rest: unknown[]): boolean => {
      if (typeof chunk === "string") cutter.write(chunk);
      else if (chunk instanceof Uint8Array) cutter.write(decoder.decode(chunk, { stream: true }));
      return Reflect.apply(write, stream, [chunk, ...rest]) as boolean;
    };
    stream.write = copy;
    return () => {
      // Whoever came after us stays.
      if (stream.write === copy) stream.write = write;
      cutter.end();
    };
  });
  return () => {
    for (const stop of stops) stop();
  };
}
