// Copies what a program writes to its terminal into lines: complete ones, without colours, as they would be read.
import type { Writable } from "node:stream";
import { format } from "node:util";

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

type Stream = Pick<Writable, "write">;
type Methods = Pick<Console, (typeof methods)[number]>;

const methods = ["log", "info", "debug", "warn", "error"] as const;

/**
 * Begins to copy; the function that it gives back ends it. What is written reaches its stream as before. The console is
 * copied by itself: Bun's does not write through the streams.
 */
export function captureTerminal(
  onLine: (line: string) => void,
  streams: readonly Stream[] = [process.stdout, process.stderr],
  terminal: Methods = console,
): () => void {
  // `console.log(await run.close())` has its function before the run ends, and calls it afterwards.
  let isOver = false;
  const take = (line: string) => {
    if (!isOver) onLine(line);
  };
  const ofConsole = new LineCutter(take);
  let isConsole = false;
  const stops = [
    ...streams.map((stream) => captureStream(stream, take, () => isConsole)),
    ...methods.map((method) => {
      const original = terminal[method];
      const copy = (...parts: unknown[]) => {
        ofConsole.write(`${format(...parts)}\n`);
        isConsole = true;
        try {
          original.apply(terminal, parts);
        } finally {
          isConsole = false;
        }
      };
      terminal[method] = copy;
      return () => {
        if (terminal[method] === copy) terminal[method] = original;
      };
    }),
  ];
  return () => {
    for (const stop of stops) stop();
    isOver = true;
  };
}

function captureStream(stream: Stream, onLine: (line: string) => void, isCopied: () => boolean): () => void {
  const cutter = new LineCutter(onLine);
  const decoder = new TextDecoder();
  const write = stream.write;
  const copy = (chunk: unknown, ...rest: unknown[]): boolean => {
    if (typeof chunk === "string" && !isCopied()) cutter.write(chunk);
    else if (chunk instanceof Uint8Array && !isCopied()) cutter.write(decoder.decode(chunk, { stream: true }));
    return Reflect.apply(write, stream, [chunk, ...rest]) as boolean;
  };
  stream.write = copy;
  return () => {
    // Whoever came after us stays.
    if (stream.write === copy) stream.write = write;
    cutter.end();
  };
}
