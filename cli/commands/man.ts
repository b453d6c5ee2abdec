// `matyan man`: pages of the manual, made from the commands' help.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MatyanError } from "../../formats/error.ts";
import { nearestNames } from "../../server/listing/nearest.ts";
import { commandPage, documented, overviewPage, pageName } from "../manual/pages.ts";
import { formatPage, type Page } from "../manual/roff.ts";
import { type Context, type Define, examples, execute } from "../runtime.ts";
import { counted } from "../ui/numbers.ts";

interface Options {
  readonly out?: string;
}

export const define: Define = (command) => {
  command
    .description("Print a page of the manual, or write them all.")
    .argument("[command...]", "the command whose page it is, as it is typed; matyan(1) without one")
    .option("--out <dir>", "write all pages into DIR/man1 instead, for a folder of MANPATH")
    .addHelpText(
      "after",
      examples("matyan man runs ls | man -l -", "matyan man --out ~/.local/share/man && man matyan-runs-ls"),
    )
    .action(execute<[string[]], Options>(run));
};

async function run({ out }: Context, options: Options, words: readonly string[]): Promise<void> {
  if (options.out === undefined) {
    const page = await pageOf(words);
    out.record({ page: `${page.name}.1`, source: formatPage(page) });
    if (!out.json) out.raw(formatPage(page));
    return;
  }
  if (words.length > 0)
    throw new MatyanError("usage", "--out writes the pages of all commands", { hint: "Leave the command out." });
  const folder = join(options.out, "man1");
  await mkdir(folder, { recursive: true });
  const pages = [overviewPage(), ...(await Promise.all(documented.map(commandPage)))];
  for (const page of pages) {
    const file = join(folder, `${page.name}.1`);
    await writeFile(file, formatPage(page));
    out.record({ page: `${page.name}.1`, file });
  }
  out.info(`${counted(pages.length, "page")} written to ${folder}.`);
}

async function pageOf(words: readonly string[]): Promise<Page> {
  // As in `man matyan-runs-ls`, the words may be joined.
  const typed = words.join("-").replace(/^matyan-?/, "");
  if (typed === "") return overviewPage();
  const entry = documented.find((candidate) => pageName(candidate) === `matyan-${typed}`);
  if (entry !== undefined) return await commandPage(entry);
  const names = documented.map(({ path }) => path.join(" "));
  const [near] = nearestNames(words.join(" "), names, 1);
  throw new MatyanError("usage", `there is no command '${words.join(" ")}'`, {
    hint: `${near === undefined ? "" : `Did you mean '${near}'? `}See 'matyan --help'.`,
  });
}
