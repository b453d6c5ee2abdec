// Where in a half-typed command line the cursor stands: at an option, an option's value, or an argument.
import type { Argument, Command, Option } from "commander";
import { type CommandEntry, commands } from "../commands/index.ts";

/** What is to be completed, with the options and arguments typed before it. */
export interface Place {
  readonly at: "option" | "value" | "argument";
  readonly command: Command;
  readonly typed: string;
  /** What stands before `typed` in its word: `--format=`, or nothing. */
  readonly lead: string;
  /** The option whose value it is. */
  readonly option?: Option | undefined;
  readonly argument?: Argument | undefined;
  readonly options: ReadonlyMap<string, string>;
  readonly arguments: readonly string[];
}

/** Bash gives `--format=csv` and `metric:loss` as three words each. */
export function joinBreaks(words: readonly string[]): string[] {
  const joined: string[] = [];
  let glue = false;
  for (const word of words) {
    const previous = joined.at(-1);
    const isBreak =
      (word === "=" && previous?.startsWith("--") && !previous.includes("=")) ||
      (word === ":" && previous !== undefined);
    if (isBreak || glue) joined[joined.length - 1] = `${previous}${word}`;
    else joined.push(word);
    glue = isBreak ?? false;
  }
  return joined;
}

/** The command that the words before the cursor name, and how many they are; flags of all commands may come first. */
export function findCommand(before: readonly string[]): { entry: CommandEntry; from: number } | undefined {
  const start = firstWord(before);
  const entry = commands.find(({ path }) => path.every((word, index) => before[start + index] === word));
  return entry === undefined ? undefined : { entry, from: start + entry.path.length };
}

export function firstWord(before: readonly string[]): number {
  let at = 0;
  while (at < before.length && (before[at]!.startsWith("-") || before[at] === "help"))
    at += before[at] === "--data" ? 2 : 1;
  return at;
}

/** Reads what was typed behind the command's name as commander would. */
export function locate(command: Command, before: readonly string[], current: string): Place {
  const options = new Map<string, string>();
  const typed: string[] = [];
  let waiting: Option | undefined;
  let isOver = false;
  for (const word of before) {
    if (waiting !== undefined && (!word.startsWith("-") || waiting.required)) {
      options.set(waiting.long ?? "", word);
      if (!waiting.variadic) waiting = undefined;
    } else if (isOver || !word.startsWith("-") || word === "-") typed.push(word);
    else if (word === "--") isOver = true;
    else {
      const [flag, value] = splitOption(word);
      const option = command.options.find(({ long, short }) => long === flag || short === flag);
      const takes = option !== undefined && (option.required || option.optional);
      if (takes && value !== undefined) options.set(flag, value);
      waiting = takes && value === undefined ? option : undefined;
    }
  }
  const common = { command, options, arguments: typed };
  if (waiting !== undefined && (!current.startsWith("-") || waiting.required))
    return { at: "value", option: waiting, typed: current, lead: "", ...common };
  if (!isOver && current.startsWith("--") && current.includes("=")) {
    const [flag, value] = splitOption(current);
    const option = command.options.find(({ long }) => long === flag);
    return { at: "value", option, typed: value ?? "", lead: `${flag}=`, ...common };
  }
  if (!isOver && current.startsWith("-")) return { at: "option", typed: current, lead: "", ...common };
  const { registeredArguments } = command;
  const last = registeredArguments.at(-1);
  const argument = registeredArguments[typed.length] ?? (last?.variadic ? last : undefined);
  return { at: "argument", argument, typed: current, lead: "", ...common };
}

function splitOption(word: string): [flag: string, value: string | undefined] {
  const equals = word.indexOf("=");
  return equals === -1 || !word.startsWith("--") ? [word, undefined] : [word.slice(0, equals), word.slice(equals + 1)];
}
