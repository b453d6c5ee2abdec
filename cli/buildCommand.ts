// A command as commander has it: one is made to be run, all of them for completion and manual pages to read.
import { Command } from "commander";
import type { CommandEntry } from "./commands/index.ts";
import { addCommonOptions } from "./runtime.ts";

/** Reads the command's own file. Its mistakes are thrown as CommanderError, and nothing ends the process. */
export async function buildCommand({ path, summary, load }: CommandEntry): Promise<Command> {
  const define = await load();
  const command = new Command(`matyan ${path.join(" ")}`)
    .description(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`)
    .exitOverride();
  define(command);
  addCommonOptions(command);
  return command;
}
