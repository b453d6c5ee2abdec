#!/usr/bin/env -S bun --no-env-file
// The command line's entry: finds the command that was asked for, reads only its file, and runs it.
import { MatyanError } from "../formats/error.ts";
import { processEnvironment, readTerminalSettings } from "../server/config.ts";
import { nearestNames } from "../server/listing/nearest.ts";
import { type CommandEntry, commands, families } from "./commands/index.ts";
import { createOutput, type Output } from "./output.ts";
import { commonFlags, exitCodes, reportError } from "./runtime.ts";
import { familyHelp, topHelp } from "./ui/help.ts";
import { fillParagraphs, helpColumns } from "./ui/helpText.ts";

function columnsOf(out: Output): number {
  return helpColumns(out.terminal.stdout ? out.columns : undefined);
}

/** Help asked for goes to stdout and is a success; help instead of a missing command goes to stderr and is not. */
function showHelp(text: string, asked: boolean, out: Output): number {
  if (asked) out.raw(text);
  else out.rawError(text);
  out.flush();
  return asked ? exitCodes.done : exitCodes.usage;
}

async function run(argv: readonly string[], out: Output): Promise<number> {
  const words = leadingWords(argv);
  const rest = argv.slice(words.length);
  const asked = rest.includes("--help") || rest.includes("-h");
  const [first, second] = words;
  if (first === undefined) {
    if (argv.includes("--version") || argv.includes("-V")) {
      const { buildInfo, versionText } = await import("./version.ts");
      if (out.json) out.record(buildInfo());
      else out.raw(versionText(buildInfo()));
      out.flush();
      return exitCodes.done;
    }
    const stray = argv.find((word) => !isCommonFlag(word) && word !== "--help" && word !== "-h");
    if (!asked && stray !== undefined) throw unknownOption(stray, "matyan");
    return showHelp(topHelp(columnsOf(out)), asked, out);
  }
  const entry = commands.find(({ path }) => path.every((word, index) => words[index] === word));
  if (entry !== undefined) return runCommand(entry, argv.slice(entry.path.length), out);
  if (families[first] === undefined) throw unknownCommand(first, words);
  if (second !== undefined) throw unknownCommand(`${first} ${second}`, words);
  const stray = rest.find((word) => !isCommonFlag(word) && word !== "--help" && word !== "-h");
  if (!asked && stray !== undefined) throw unknownOption(stray, `matyan ${first}`);
  return showHelp(familyHelp(first, columnsOf(out)), asked, out);
}

/** Commander is read only here: help and mistyped commands do without. */
async function runCommand(entry: CommandEntry, args: readonly string[], out: Output): Promise<number> {
  const [{ CommanderError }, { buildCommand }] = await Promise.all([import("commander"), import("./buildCommand.ts")]);
  const columns = columnsOf(out);
  const command = (await buildCommand(entry)).configureOutput({
    writeOut: (text) => out.raw(fillParagraphs(text, columns)),
    getOutHelpWidth: () => columns,
    writeErr: out.rawError,
    // The error is thrown as well, and printed like every other one.
    outputError: () => undefined,
  });
  try {
    await command.parseAsync(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    out.flush();
    if (error.exitCode === 0) return exitCodes.done;
    const [message, ...more] = error.message.replace(/^error: /, "").split("\n");
    const suggestion = more.join(" ").replace(/^\(|\)$/g, "");
    throw new MatyanError("usage", message!, {
      hint: `${suggestion ? `${suggestion} ` : ""}See '${command.name()} --help'.`,
    });
  }
  return Number(process.exitCode ?? exitCodes.done);
}

function unknownCommand(typed: string, words: readonly string[]): MatyanError {
  const [first, second] = words;
  const names = commands.map(({ path }) => path.join(" "));
  // Families share last words: `ls` alone may have been meant of any of them.
  const last = (name: string) => name.split(" ").at(-1)!;
  const withLast = (candidates: readonly string[], word: string) => {
    const [near] = nearestNames(word, candidates.map(last), 1);
    return candidates.filter((name) => last(name) === near);
  };
  const inFamily = names.filter((name) => name.startsWith(`${first} `));
  const near = [
    second === undefined ? [] : withLast(inFamily, second),
    names.filter((name) => last(name) === first),
    nearestNames(words.slice(0, 2).join(" "), names, 1),
    nearestNames(first!, [...Object.keys(families), ...names], 1),
    withLast(names, first!),
  ].find((found) => found.length > 0);
  const hint = near === undefined ? "" : `Did you mean ${near.map((name) => `'matyan ${name}'`).join(" or ")}? `;
  return new MatyanError("usage", `there is no command '${typed}'`, { hint: `${hint}See 'matyan --help'.` });
}

function unknownOption(option: string, place: string): MatyanError {
  const [near] = nearestNames(option, [...commonFlags.plain, ...commonFlags.valued, "--help", "--version"], 1);
  const hint = near === undefined ? "" : `Did you mean ${near}? `;
  return new MatyanError("usage", `unknown option '${option}'`, { hint: `${hint}See '${place} --help'.` });
}

function isCommonFlag(word: string): boolean {
  return (
    commonFlags.plain.some((flag) => flag === word) || commonFlags.valued.some((flag) => word.startsWith(`${flag}=`))
  );
}

function leadingWords(argv: readonly string[]): string[] {
  const end = argv.findIndex((word) => word.startsWith("-"));
  return argv.slice(0, end === -1 ? argv.length : end);
}

/** Puts options that all commands share behind the command when they were typed before it, and `help X` into `X --help`. */
function arrange(argv: readonly string[]): string[] {
  const moved: string[] = [];
  let start = 0;
  for (; start < argv.length; start++) {
    const word = argv[start]!;
    const valued = commonFlags.valued.find((flag) => word === flag || word.startsWith(`${flag}=`));
    if (valued === undefined && !isCommonFlag(word)) break;
    moved.push(word);
    if (word === valued && start + 1 < argv.length) moved.push(argv[++start]!);
  }
  const rest = argv.slice(start);
  if (rest[0] === "help") return [...rest.slice(1), "--help"];
  const end = rest.indexOf("--");
  return end === -1 ? [...rest, ...moved] : [...rest.slice(0, end), ...moved, ...rest.slice(end)];
}

async function main(argv: readonly string[]): Promise<number> {
  const out = createOutput({ json: argv.includes("--json") }, readTerminalSettings(processEnvironment()));
  try {
    if (argv[0] === "__complete") {
      const { complete, completionText } = await import("./completion/complete.ts");
      out.raw(completionText(await complete(argv.slice(1))));
      out.flush();
      return exitCodes.done;
    }
    return await run(arrange(argv), out);
  } catch (error) {
    return reportError(error, out, argv.includes("--debug"));
  }
}

// Everything is written and closed by now; what a library left running must not hold the process.
process.exit(await main(process.argv.slice(2)));
