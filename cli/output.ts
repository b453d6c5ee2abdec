// Standard output and error of a command: lines for people, JSON for programs, never both.
import { writeSync } from "node:fs";
import { MatyanError, messageOf } from "../formats/error.ts";
import type { TerminalSettings } from "../server/config.ts";
import { toJsonText } from "./json.ts";
import type { CommonOptions } from "./runtime.ts";
import { createStyle, type Style } from "./ui/style.ts";
import { safeLines } from "./ui/text.ts";

export interface Output {
  readonly json: boolean;
  readonly quiet: boolean;
  /** Whether stdout, or stderr, is a terminal. */
  readonly terminal: { readonly stdout: boolean; readonly stderr: boolean };
  readonly settings: TerminalSettings;
  /** Columns that a line on stdout may have; unbounded when it is not a terminal. */
  readonly width: number;
  /** A width for drawings, which need one even in a pipe: the terminal's, else COLUMNS, else 80. */
  readonly columns: number;
  /** Lines of the terminal; 24 when unknown. */
  readonly rows: number;
  readonly color: boolean;
  /** Colours for stdout, and for stderr; without colours they change nothing. */
  readonly style: Style;
  readonly errorStyle: Style;
  /** A line of what was asked for, on stdout. Not printed with `--json`. */
  line(text: string): void;
  /** A line about the work, on stdout. Not printed with `--json` or `--quiet`. */
  info(text: string): void;
  /** One JSON document on a line of stdout, with `--json` only. Shapes: docs/json.md. */
  record(document: object): void;
  /** Text that goes to stdout as it is, whatever the options: help, CSV, JSON lines made elsewhere. */
  raw(text: string): void;
  /** A line on stderr, whatever the options. What could move the cursor in it (names of files and runs) is escaped. */
  warn(text: string): void;
  /** Text that goes to stderr as it is. */
  rawError(text: string): void;
  /** An error on stderr: message and hint, or one JSON object with `--json`. Escapes as `warn` does. */
  error(message: string, details: { code: string; hint?: string | undefined; stack?: string | undefined }): void;
  /** Writes out what is held back. Commands need not call it: it is called at their end. */
  flush(): void;
  /** Resolves when more may be written: lists wait for it after some hundred lines. Where it is not there, at once. */
  drain?(): Promise<void>;
  /** Names what is drawn on the terminal (progress), to be taken away while a line is written and drawn again below. */
  attach(screen: Screen | undefined): void;
}

export interface Screen {
  /** Runs `write` with the drawing off the screen. */
  above(write: () => void): void;
}

/** Bytes held back for a pipe or file: one system call for many lines. Nothing stays longer than `holdMs`. */
const holdBytes = 64 * 1024;
const holdMs = 100;

export function createOutput(options: CommonOptions, settings: TerminalSettings): Output {
  const json = options.json ?? false;
  const quiet = options.quiet ?? false;
  const terminal = { stdout: process.stdout.isTTY === true, stderr: process.stderr.isTTY === true };
  const colored = (isTerminal: boolean) =>
    settings.color === "always" || (settings.color === "auto" && isTerminal && settings.cursor);
  const errorStyle = createStyle(colored(terminal.stderr));
  const columns = (terminal.stdout ? process.stdout.columns : 0) || settings.columns || 80;

  let screen: Screen | undefined;
  let held: string[] = [];
  let heldLength = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let gone: unknown;

  const put = (fd: 1 | 2, text: string) => {
    if (screen !== undefined && (fd === 1 ? terminal.stdout : terminal.stderr)) screen.above(() => writeAll(fd, text));
    else writeAll(fd, text);
  };
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    if (heldLength === 0) return;
    const text = held.join("");
    held = [];
    heldLength = 0;
    if (gone !== undefined) throw gone;
    try {
      put(1, text);
    } catch (error) {
      gone = error;
      throw error;
    }
  };
  const toStdout = (text: string) => {
    held.push(text);
    heldLength += text.length;
    if (terminal.stdout || heldLength >= holdBytes) flush();
    // A reader that went away is noticed by the next line or at the end: a timer has nobody to throw to.
    else timer ??= setTimeout(() => attempt(flush), holdMs).unref();
  };
  const toStderr = (text: string) => {
    attempt(flush);
    // Nobody can be told that stderr has no reader.
    attempt(() => put(2, text));
  };
  return {
    json,
    quiet,
    terminal,
    settings,
    width: terminal.stdout ? columns : Number.POSITIVE_INFINITY,
    columns,
    rows: (terminal.stdout ? process.stdout.rows : 0) || 24,
    color: colored(terminal.stdout),
    style: createStyle(colored(terminal.stdout)),
    errorStyle,
    line: (text) => {
      if (!json) toStdout(`${text}\n`);
    },
    info: (text) => {
      if (!json && !quiet) toStdout(`${text}\n`);
    },
    record: (document) => {
      if (json) toStdout(`${toJsonText(document)}\n`);
    },
    raw: toStdout,
    warn: (text) => toStderr(`${errorStyle.yellow("warning:")} ${safeLines(text)}\n`),
    rawError: toStderr,
    error: (message, { code, hint, stack }) => {
      if (json) return toStderr(`${toJsonText({ error: { code, message, hint, stack } })}\n`);
      toStderr(
        `${errorStyle.red("error:")} ${safeLines(message)}\n${hint ? `${safeLines(hint)}\n` : ""}${stack ? `${errorStyle.dim(stack)}\n` : ""}`,
      );
    },
    flush,
    attach: (next) => {
      screen = next;
    },
  };
}

export function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === "EPIPE";
}

function attempt(write: () => void): void {
  try {
    write();
  } catch (error) {
    if (!isBrokenPipe(error)) throw error;
  }
}

/**
 * Writes all of it: a pipe that is full for the moment (EAGAIN) is waited for, so that output order is program order.
 * @throws MatyanError `io`, and as it is what means that the reader went away
 */
function writeAll(fd: 1 | 2, text: string): void {
  let bytes = Buffer.from(text);
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(fd, bytes));
    } catch (error) {
      if (isBrokenPipe(error)) throw error;
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN")
        throw new MatyanError("io", `${fd === 1 ? "stdout" : "stderr"} can't be written: ${messageOf(error)}`, {
          hint: "Send the output elsewhere, or make room for it.",
          cause: error,
        });
      Bun.sleepSync(1);
    }
  }
}
