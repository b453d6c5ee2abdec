// Standard output and error of a command: lines for people, JSON for programs, never both.
import { writeSync } from "node:fs";
import { toJsonText } from "./json.ts";
import type { CommonOptions } from "./runtime.ts";

export interface Output {
  readonly json: boolean;
  readonly quiet: boolean;
  /** Whether stdout, or stderr, is a terminal. */
  readonly terminal: { readonly stdout: boolean; readonly stderr: boolean };
  /** Columns that a line on stdout may have; unbounded when it is not a terminal. */
  readonly width: number;
  readonly color: boolean;
  /** A line of what was asked for, on stdout. Not printed with `--json`. */
  line(text: string): void;
  /** A line about the work, on stdout. Not printed with `--json` or `--quiet`. */
  info(text: string): void;
  /** One JSON document on a line of stdout, with `--json` only. Shapes: docs/json.md. */
  record(document: object): void;
  /** A line on stderr, whatever the options. */
  warn(text: string): void;
  error(message: string, details: { code: string; hint?: string | undefined; stack?: string | undefined }): void;
}

export function createOutput(options: CommonOptions): Output {
  const json = options.json ?? false;
  const quiet = options.quiet ?? false;
  const stdout = process.stdout.isTTY === true;
  const stderr = process.stderr.isTTY === true;
  const color = stdout && !process.env["NO_COLOR"] && process.env["TERM"] !== "dumb";
  const paint = (code: number, text: string) =>
    stderr && !process.env["NO_COLOR"] && process.env["TERM"] !== "dumb" ? `\x1b[${code}m${text}\x1b[0m` : text;
  return {
    json,
    quiet,
    terminal: { stdout, stderr },
    width: stdout ? process.stdout.columns || 80 : Number.POSITIVE_INFINITY,
    color,
    line: (text) => {
      if (!json) write(1, `${text}\n`);
    },
    info: (text) => {
      if (!json && !quiet) write(1, `${text}\n`);
    },
    record: (document) => {
      if (json) write(1, `${toJsonText(document)}\n`);
    },
    warn: (text) => write(2, `${paint(33, "warning:")} ${text}\n`),
    error: (message, { code, hint, stack }) => {
      if (json) return write(2, `${toJsonText({ error: { code, message, hint } })}\n`);
      write(2, `${paint(31, "error:")} ${message}\n${hint ? `${hint}\n` : ""}${stack ? `${stack}\n` : ""}`);
    },
  };
}

/** Writes all of it: a pipe that is full for the moment (EAGAIN) is waited for, so that output order is program order. */
function write(fd: number, text: string): void {
  let bytes = Buffer.from(text);
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(fd, bytes));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      Bun.sleepSync(1);
    }
  }
}
