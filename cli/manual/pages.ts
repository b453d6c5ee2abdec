// The manual: a page for each command out of its help, and one for `matyan` with all commands and variables.
import type { Command } from "commander";
import { groups, names, variableOf } from "../../server/config.ts";
import { buildCommand } from "../buildCommand.ts";
import { type CommandEntry, commands } from "../commands/index.ts";
import { exitHelp } from "../runtime.ts";
import { buildInfo } from "../version.ts";
import type { Block, Page, Section } from "./roff.ts";

/** The commands that have a page: other names of a command have none. */
export const documented = commands.filter(({ hidden }) => !hidden);

export function pageName({ path }: CommandEntry): string {
  return ["matyan", ...path].join("-");
}

/** `matyan(1)`. */
export function overviewPage(): Page {
  const headings = [...new Set(documented.map(({ group }) => group))];
  const variables = names.filter((name) => variableOf(name).group !== "ignored");
  const sections: Section[] = [
    nameSection("matyan", "machine-learning runs: store them, look at them, keep them safe"),
    { title: "SYNOPSIS", blocks: [paragraph("matyan COMMAND [options]")] },
    {
      title: "DESCRIPTION",
      blocks: [
        paragraph(
          "Brings runs into a store, on this machine or on a cluster, serves them to clients and browsers, lists and draws them, and keeps them safe.",
        ),
      ],
    },
    {
      title: "COMMANDS",
      blocks: headings.flatMap((group): Block[] => [
        { kind: "heading", text: group },
        ...documented
          .filter((entry) => entry.group === group)
          .map(
            (entry): Block => ({ kind: "entry", term: `${pageName(entry)}(1)`, text: `${sentence(entry.summary)}` }),
          ),
      ]),
    },
    {
      title: "ENVIRONMENT",
      blocks: [
        paragraph("A file .env in the working directory sets them too. `matyan config` shows what is in effect."),
        ...Object.entries(groups).flatMap(([group, heading]): Block[] => {
          const own = variables.filter((name) => variableOf(name).group === group);
          if (own.length === 0) return [];
          return [
            { kind: "heading", text: heading },
            ...own.map((name): Block => ({ kind: "entry", term: name, text: plain(variableOf(name).about) })),
          ];
        }),
      ],
    },
    {
      title: "FILES",
      blocks: [
        {
          kind: "entry",
          term: ".matyan/store.db",
          text: "The embedded store, in the folder that --data or MATYAN_DATA name.",
        },
        { kind: "entry", term: ".matyan/blobs/", text: "Bytes of images, audio and artifacts." },
      ],
    },
    { title: "EXIT STATUS", blocks: [paragraph(exitText(exitHelp))] },
  ];
  return page("matyan", sections);
}

export async function commandPage(entry: CommandEntry): Promise<Page> {
  const command = await buildCommand(entry);
  const help = command.createHelp();
  const { notes, examples, exits } = splitNotes(notesOf(command));
  const options = help
    .visibleOptions(command)
    .map((option): Block => ({ kind: "entry", term: help.optionTerm(option), text: help.optionDescription(option) }));
  const args = help.visibleArguments(command).map(
    (argument): Block => ({
      kind: "entry",
      term: help.argumentTerm(argument),
      text: help.argumentDescription(argument),
    }),
  );
  const words = entry.path.join(" ");
  const sections: Section[] = [
    nameSection(pageName(entry), entry.summary),
    { title: "SYNOPSIS", blocks: [paragraph(help.commandUsage(command))] },
    { title: "DESCRIPTION", blocks: [paragraph(command.description()), ...notes] },
    ...(args.length === 0 ? [] : [{ title: "ARGUMENTS", blocks: args }]),
    { title: "OPTIONS", blocks: options },
    ...(examples.length === 0 ? [] : [{ title: "EXAMPLES", blocks: [{ kind: "lines" as const, lines: examples }] }]),
    { title: "EXIT STATUS", blocks: [paragraph(exits)] },
    { title: "SEE ALSO", blocks: [paragraph(seeAlso(entry, words))] },
  ];
  return page(pageName(entry), sections);
}

function page(name: string, sections: readonly Section[]): Page {
  const { version, commit_time: time } = buildInfo();
  return { name, version, date: time?.slice(0, 10) ?? "", sections };
}

/** What a command's help says behind its options. */
function notesOf(command: Command): string {
  let text = "";
  command.configureOutput({ writeOut: (more) => (text += more) });
  command.outputHelp();
  return text.slice(command.helpInformation().length);
}

function splitNotes(text: string): { notes: Block[]; examples: string[]; exits: string } {
  const notes: Block[] = [];
  const examples: string[] = [];
  let exits = "";
  for (const part of text.split(/\n{2,}/)) {
    const lines = part.split("\n").filter((line) => line.trim() !== "");
    if (lines[0] === "Examples:") examples.push(...lines.slice(1).map((line) => line.trim()));
    else if (lines[0]?.startsWith("Exit codes:")) exits = exitText(lines.join(" "));
    else notes.push(...noteBlocks(lines));
  }
  return { notes, examples, exits };
}

/** Lines without indentation are filled, as in help; the others stay. */
function noteBlocks(lines: readonly string[]): Block[] {
  const blocks: Block[] = [];
  for (const line of lines) {
    const isFixed = line.startsWith(" ");
    const last = blocks.at(-1);
    if (isFixed && last?.kind === "lines")
      blocks[blocks.length - 1] = { kind: "lines", lines: [...last.lines, line.slice(2)] };
    else if (isFixed) blocks.push({ kind: "lines", lines: [line.slice(2)] });
    else if (last?.kind === "paragraph" && !last.text.endsWith(":"))
      blocks[blocks.length - 1] = paragraph(`${last.text} ${line}`);
    else blocks.push(paragraph(line));
  }
  return blocks;
}

function nameSection(name: string, summary: string): Section {
  return { title: "NAME", blocks: [paragraph(`${name} - ${summary}`)] };
}

function paragraph(text: string): Block {
  return { kind: "paragraph", text };
}

function exitText(text: string): string {
  return text.replace(/^Exit codes: /, "");
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

/** Markdown's code marks and links say nothing in a manual. */
function plain(markdown: string): string {
  return markdown.replaceAll("`", "").replace(/\[([^\]]*)\]\([^)]*\)/g, "$1");
}

function seeAlso(entry: CommandEntry, words: string): string {
  const family = documented.filter(({ path }) => path[0] === entry.path[0] && path.join(" ") !== words);
  return [...family.map((other) => `${pageName(other)}(1)`), "matyan(1)"].join(", ");
}
