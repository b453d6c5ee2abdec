// The help of `matyan` itself and of its families of commands; each command's own help is commander's.
import { type CommandEntry, commands, families } from "../commands/index.ts";
import { exitHelp } from "../runtime.ts";
import { fill, fillParagraphs } from "./helpText.ts";

/** In lines of at most `columns`. */
export function topHelp(columns: number): string {
  const listed = commands.filter(({ hidden }) => !hidden);
  const groups = [...new Set(listed.map(({ group }) => group))];
  const width = Math.max(...listed.map((entry) => synopsis(entry).length));
  const sections = groups.map((group) => {
    const members = listed.filter((entry) => entry.group === group);
    return [`${group}:`, ...members.flatMap((entry) => summaryLines(entry, width, columns))].join("\n");
  });
  const text = `Usage: matyan COMMAND [options]

Bring machine-learning runs into a store on this machine, look at them, and keep them safe.

${sections.join("\n\n")}

Options:
  --data DIR     folder of the store (default: $MATYAN_DATA, else ./.matyan)
  --json         print machine-readable JSON on stdout
  -q, --quiet    print only errors and results asked for
  --debug        print stack traces of errors
  -V, --version  print the version
  -h, --help     print this, or a command's own help

Examples:
  $ matyan convert tensorboard ./logs ./archives --compress
  $ matyan restore ./archives/matyan-tb-import-20250102-030405.tar.gz
  $ matyan runs ls --sort metric:loss
  $ matyan runs plot 3f9c1a20 --metric loss

Runs and their files are kept in ./.matyan, or where --data or MATYAN_DATA say: store.db and blobs/.

${exitHelp}

Help on a command: matyan COMMAND --help
`;
  return fillParagraphs(text, columns);
}

export function familyHelp(family: string, columns: number): string {
  const members = commands.filter(({ path }) => path[0] === family);
  const width = Math.max(...members.map((entry) => synopsis(entry).length));
  return `Usage: matyan ${family} COMMAND [options]

${families[family] ?? ""}

Commands:
${members.flatMap((entry) => summaryLines(entry, width, columns)).join("\n")}

Help on a command: matyan ${family} COMMAND --help
`;
}

/** The command, and behind it what it does, in as many lines as that takes. */
function summaryLines(entry: CommandEntry, width: number, columns: number): string[] {
  const lines = fill(entry.summary.split(" "), Math.max(20, columns - width - 4));
  return lines.map((line, index) => `  ${(index === 0 ? synopsis(entry) : "").padEnd(width)}  ${line}`);
}

/** The words of a command with its arguments: `runs show HASH`. */
function synopsis({ path, usage }: CommandEntry): string {
  return [...path, usage].filter((word) => word !== "").join(" ");
}
