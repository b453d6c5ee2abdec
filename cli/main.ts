#!/usr/bin/env bun
// The command line's entry: finds the command that was asked for, reads only its file, and runs it.
import { Command, CommanderError } from "commander";
import manifest from "../package.json" with { type: "json" };
import { type CommandEntry, commands, families } from "./commands/index.ts";
import { createOutput } from "./output.ts";
import { addCommonOptions, exitCodes, reportError } from "./runtime.ts";

/** Builds the tree of commands; only the one that `words` name is fully defined. */
async function buildProgram(words: readonly string[]): Promise<Command> {
  const program = new Command("matyan")
    .description("Convert, verify, restore, look at and back up machine-learning runs.")
    .version(manifest.version, "-V, --version")
    .configureHelp({ showGlobalOptions: false })
    .exitOverride()
    .showSuggestionAfterError();
  for (const entry of commands) await addCommand(program, entry, words);
  program.addHelpText("after", "\nHelp on a command: matyan <command> --help");
  return program;
}

async function addCommand(program: Command, entry: CommandEntry, words: readonly string[]): Promise<void> {
  const [first, second] = entry.path;
  let parent = program;
  if (second !== undefined) {
    parent =
      program.commands.find((command) => command.name() === first) ??
      program.command(first).helpGroup(entry.group).description(families[first]!).exitOverride();
  }
  const command = parent
    .command(entry.path.at(-1)!)
    .helpGroup(second === undefined ? entry.group : "Commands:")
    .description(entry.summary)
    .exitOverride();
  if (entry.path.every((word, index) => words[index] === word)) {
    (await entry.load())(command);
    addCommonOptions(command);
  }
}

async function main(argv: readonly string[]): Promise<void> {
  const words = argv[0] === "help" ? argv.slice(1) : argv.filter((word) => !word.startsWith("-"));
  try {
    const program = await buildProgram(words);
    if (argv.length === 0) program.help();
    await program.parseAsync(argv, { from: "user" });
  } catch (error) {
    // Commander has printed its own message by now; 0 is help or the version.
    process.exitCode =
      error instanceof CommanderError
        ? error.exitCode === 0 || error.code === "commander.help"
          ? exitCodes.done
          : exitCodes.usage
        : reportError(error, createOutput({}), argv.includes("--debug"));
  }
}

await main(process.argv.slice(2));
