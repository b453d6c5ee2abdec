// What every command runs in: its output, progress, configuration, a signal for Ctrl-C, and the mapping of errors to exit codes.
import type { Command } from "commander";
import { MatyanError } from "../formats/error.ts";
import type { Progress } from "../formats/progress.ts";
import { type Config, processEnvironment, processSources, readConfig, readTerminalSettings } from "../server/config.ts";
import { createOutput, isBrokenPipe, type Output } from "./output.ts";
import { createProgress } from "./ui/progress.ts";

export interface Context {
  readonly out: Output;
  readonly progress: Progress;
  readonly config: Config;
  /** Aborted by the first Ctrl-C or SIGTERM; the second one ends the process at once. */
  readonly signal: AbortSignal;
}

export interface CommonOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly data?: string;
  readonly debug?: boolean;
}

export const exitCodes = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;
export const exitHelp = "Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C.";

/** Describes a command: its arguments, options, help and action. Called once, only when the command is asked for. */
export type Define = (command: Command) => void;

/** The options that all commands share; they may also be typed before the command. */
export const commonFlags = { plain: ["--json", "--quiet", "-q", "--debug"], valued: ["--data"] } as const;

/** Listed apart in a command's help, behind what is its own. */
const commonGroup = "Options of all commands:";

export function addCommonOptions(command: Command): void {
  command
    .optionsGroup(commonGroup)
    .option("--json", "print machine-readable JSON on stdout")
    .option("-q, --quiet", "print only errors and results asked for")
    .option("--data <dir>", "folder of the embedded store (default: $MATYAN_DATA, else ./.matyan)")
    .option("--debug", "print stack traces of errors")
    .helpOption("-h, --help", "print this help")
    .addHelpText("after", `\n${exitHelp}`);
}

export function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join("\n")}`;
}

/** Signals of so short a time are one: `timeout` sends its own to the process and to the group that it is in. */
const oneStopMs = 200;

/**
 * Makes a commander action of `body`. A number that `body` returns is the exit code; nothing means done.
 * Errors go to stderr with their hint, never with a stack trace unless `--debug`.
 */
export function execute<A extends unknown[], O extends object>(
  body: (context: Context, options: O & CommonOptions, ...args: A) => Promise<number | undefined> | Promise<void>,
): (...all: unknown[]) => Promise<void> {
  return async (...all) => {
    const options = all.at(-2) as O & CommonOptions;
    const args = all.slice(0, -2) as A;
    const out = createOutput(options, readTerminalSettings(processEnvironment()));
    const progress = createProgress(out);
    const abort = new AbortController();
    let stoppedAt = 0;
    const stop = () => {
      if (!abort.signal.aborted) {
        stoppedAt = performance.now();
        return abort.abort(new MatyanError("interrupted", "stopped"));
      }
      if (performance.now() - stoppedAt > oneStopMs) process.exit(exitCodes.interrupted);
    };
    process.on("SIGINT", stop).on("SIGTERM", stop);
    try {
      const config = readConfig(processSources({ MATYAN_DATA: options.data }));
      const code = await body({ out, progress, config, signal: abort.signal }, options, ...args);
      await progress.stop();
      out.flush();
      process.exitCode = code ?? exitCodes.done;
    } catch (thrown) {
      await progress.stop();
      const error = firstFailure(thrown);
      // Bun and Node throw their own error from an aborted call; what happened is that the user stopped us.
      const shown = abort.signal.aborted && isAbort(error) ? abort.signal.reason : error;
      process.exitCode = reportError(shown, out, options.debug ?? false);
    } finally {
      process.off("SIGINT", stop).off("SIGTERM", stop);
    }
  };
}

/** Prints an error for a person (or as JSON on stderr with `--json`) and returns the exit code that stands for it. */
export function reportError(error: unknown, out: Output, debug: boolean): number {
  // A reader such as `head` that has seen enough is no failure.
  if (isBrokenPipe(error)) return exitCodes.done;
  const known = error instanceof MatyanError;
  const message = error instanceof Error ? error.message : String(error);
  try {
    out.error(known ? message : `unexpected failure: ${message}`, {
      code: known ? error.code : "internal",
      hint: known ? error.hint : "Run again with --debug and report what it prints.",
      stack: debug && error instanceof Error ? error.stack : undefined,
    });
  } catch (failure) {
    if (!isBrokenPipe(failure)) throw failure;
  }
  if (!known) return exitCodes.failed;
  if (error.code === "usage") return exitCodes.usage;
  return error.code === "interrupted" ? exitCodes.interrupted : exitCodes.failed;
}

/** What failed first: where letting go of what was in use failed too (`await using`), that comes of it, or tells less. */
function firstFailure(error: unknown): unknown {
  return error instanceof SuppressedError ? firstFailure(error.suppressed) : error;
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}
