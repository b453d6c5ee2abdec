// Queries typed one after another, with those of earlier times behind the arrow keys and Ctrl-R.
import { createInterface, type Key, moveCursor } from "node:readline";
import { MatyanError, messageOf } from "../../../formats/error.ts";
import { type Context, reportError } from "../../runtime.ts";
import { suspendJob, takeInterrupts } from "../interrupts.ts";
import { History } from "./history.ts";
import { type Choice, searchHistory } from "./reverseSearch.ts";

export type Mode = "run" | "metric";

export interface PromptActions {
  /** Finds and lists. */
  readonly find: (context: Context, text: string, mode: Mode) => Promise<void>;
  readonly explain: (context: Context, text: string, mode: Mode) => Promise<void>;
}

const help = `An expression lists what it is true for, such as
  run.hparams.lr > 0.01 and "best" in run.tags
  explain EXPR   how its runs are found
  metrics, runs  list metrics from now on, or runs
  exit, Ctrl-D   end
Keys
  Up, Down       what was typed before
  Ctrl-R         search it: again for older lines, Enter runs what is found, an
                 arrow or Tab edits it, Esc gives back what was typed
  Tab            complete a field
  Ctrl-C         empty the line, or stop a search of runs
The language: matyan query --help
`;

/** Until the end of the input. What is wrong in a query is shown, and the next one is asked for. */
export async function promptForQueries(
  context: Context,
  { historyFile, mode: first }: { readonly historyFile: string | undefined; readonly mode: Mode },
  { find, explain }: PromptActions,
): Promise<void> {
  const { out, signal } = context;
  let file = historyFile;
  const forget = (error: unknown): undefined => {
    if (file !== undefined) out.warn(`what is typed here is not kept: ${messageOf(error)}`);
    file = undefined;
  };
  const history = (await History.open(file).catch(forget)) ?? (await History.open(undefined));
  out.rawError(out.errorStyle.dim("Type an expression; help says more, Ctrl-D ends.\n"));
  let mode = first;
  while (!signal.aborted) {
    const line = await readLine(`${out.style.bold(`${mode}>`)} `, history.newestFirst(), signal);
    if (line === undefined) break;
    const text = line.trim();
    if (text === "") continue;
    if (text === "exit" || text === "quit") return;
    await history.add(text).catch(forget);
    if (text === "help" || text === "?") out.raw(help);
    else if (text === "metrics") mode = "metric";
    else if (text === "runs") mode = "run";
    else
      await attempt(context, (own) =>
        /^explain\s/.test(text) ? explain(own, text.slice(8), mode) : find(own, text, mode),
      );
  }
  signal.throwIfAborted();
}

async function attempt(context: Context, work: (context: Context) => Promise<void>): Promise<void> {
  const { out, signal } = context;
  const stopped = new AbortController();
  using _taken = takeInterrupts(() => stopped.abort(new MatyanError("interrupted", "stopped")));
  try {
    await work({ ...context, signal: AbortSignal.any([signal, stopped.signal]) });
  } catch (error) {
    signal.throwIfAborted();
    reportError(stopped.signal.aborted ? stopped.signal.reason : error, out, false);
  }
}

/** Undefined at the end of the input, and when it is stopped. Ctrl-C empties the line. */
async function readLine(prompt: string, history: string[], signal: AbortSignal): Promise<string | undefined> {
  let choice: Choice | undefined;
  for (;;) {
    const answer = await editLine(prompt, history, choice, signal);
    choice = await answer.chosen;
    if (answer.line !== undefined) return answer.line;
    if (choice !== undefined) continue;
    process.stdout.write("\n");
    if (answer.isOver || signal.aborted) return undefined;
  }
}

interface Answer {
  readonly line?: string;
  /** Of the history, which is being searched. */
  readonly chosen?: Promise<Choice | undefined>;
  readonly isOver?: boolean;
}

function editLine(prompt: string, history: string[], start: Choice | undefined, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve) => {
    // A new one each time: what runs in between has the terminal to itself, as it was.
    const lines = createInterface({
      input: process.stdin,
      output: process.stdout,
      terminal: true,
      prompt,
      history,
      historySize: history.length + 1,
      completer: completeField,
    });
    let isOpen = true;
    const end = (answer: () => Answer) => {
      isOpen = false;
      process.stdin.off("keypress", onKey);
      signal.removeEventListener("abort", onClose);
      lines.off("close", onClose).close();
      resolve(answer());
    };
    const onKey = (_text: string | undefined, key: Key) => {
      if (!key.ctrl || key.name !== "r") return;
      moveCursor(process.stdout, 0, -lines.getCursorPos().rows);
      end(() => ({ chosen: searchHistory(lines.line, history, signal) }));
    };
    const onClose = () => end(() => ({ isOver: true }));
    process.stdin.on("keypress", onKey);
    signal.addEventListener("abort", onClose);
    lines.once("line", (line) => end(() => ({ line })));
    lines.once("SIGINT", () => end(() => ({})));
    lines.once("close", onClose);
    lines.on("SIGTSTP", async () => {
      process.stdin.setRawMode(false);
      await suspendJob();
      if (!isOpen) return;
      process.stdin.setRawMode(true);
      lines.prompt(true);
    });
    lines.prompt();
    if (start !== undefined) lines.write(start.line);
    if (start?.isRun) lines.write(null, { name: "return" });
  });
}

const fields = [
  ...[
    "name",
    "experiment",
    "tags",
    "hash",
    "created_at",
    "end_time",
    "duration",
    "active",
    "archived",
    "hparams",
    "metrics",
  ].map((name) => `run.${name}`),
  ...["name", "context", "last", "last_step"].map((name) => `metric.${name}`),
  ...["explain ", "metrics", "runs", "help", "exit"],
];

/** Fields that begin with the last word of the line. */
export function completeField(line: string): [string[], string] {
  const word = /[\w.]*$/.exec(line)![0];
  const isFirst = word.length === line.length;
  const known = fields.filter((field) => field.startsWith(word) && (isFirst || field.includes(".")));
  return [word === "" ? [] : known, word];
}
