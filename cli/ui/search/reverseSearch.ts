// Ctrl-R at a prompt: the newest line of the history that holds what is typed, found while it is typed.
import { clearScreenDown, cursorTo, emitKeypressEvents, type Key } from "node:readline";
import { cutMiddle, cutText, safeText } from "../text.ts";

export interface Choice {
  readonly line: string;
  /** Whether it is to run as it is; else it is edited. */
  readonly isRun: boolean;
}

/**
 * Takes the terminal, at the beginning of a line that it may overwrite, until a line is chosen. The case of letters does
 * not count. Ctrl-R goes to older matches, Ctrl-S back to newer ones; Enter chooses what is shown and runs it; Escape and
 * Ctrl-G give `typed` back; any other key takes what is shown to be edited.
 * @param history the newest first @returns undefined after Ctrl-C, and when it is stopped
 */
export function searchHistory(
  typed: string,
  history: readonly string[],
  signal: AbortSignal,
): Promise<Choice | undefined> {
  const { stdin, stdout } = process;
  let pattern = "";
  let matches: readonly string[] = [];
  let at = 0;
  const shown = () => matches[at] ?? typed;
  const draw = () => {
    const label = pattern === "" || matches.length > 0 ? "search" : "not found";
    const width = Math.max(1, stdout.columns - 1);
    const head = cutMiddle(`(${label}) ${safeText(pattern)}: `, Math.ceil(width / 2));
    cursorTo(stdout, 0);
    clearScreenDown(stdout);
    stdout.write(cutText(head + safeText(shown()), width));
    cursorTo(stdout, Bun.stringWidth(head) - 2);
  };
  const look = (next: string) => {
    pattern = next;
    const wanted = pattern.toLowerCase();
    matches = pattern === "" ? [] : history.filter((line) => line.toLowerCase().includes(wanted));
    at = 0;
  };
  return new Promise((resolve) => {
    const end = (choice: Choice | undefined) => {
      stdin.off("keypress", onKey);
      stdout.off("resize", draw);
      signal.removeEventListener("abort", onAbort);
      stdin.setRawMode(false);
      stdin.pause();
      cursorTo(stdout, 0);
      clearScreenDown(stdout);
      resolve(choice);
    };
    const onKey = (text: string | undefined, key: Key) => {
      const name = key.ctrl ? `^${key.name}` : key.name;
      if (name === "^c") return end(undefined);
      if (name === "escape" || name === "^g") return end({ line: typed, isRun: false });
      if (name === "return" || name === "enter") return end({ line: shown(), isRun: true });
      if (name === "^r") at = Math.min(at + 1, Math.max(0, matches.length - 1));
      else if (name === "^s") at = Math.max(at - 1, 0);
      else if (name === "backspace" || name === "^h") look([...pattern].slice(0, -1).join(""));
      else if (text !== undefined && !key.meta && !/\p{Cc}/u.test(text)) look(pattern + text);
      else return end({ line: shown(), isRun: false });
      draw();
    };
    const onAbort = () => end(undefined);
    signal.addEventListener("abort", onAbort);
    emitKeypressEvents(stdin);
    stdin.setRawMode(true);
    stdin.on("keypress", onKey).resume();
    stdout.on("resize", draw);
    draw();
  });
}
