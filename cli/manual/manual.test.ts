// Pages of the manual: roff that man's own programs take without a warning, with nothing of the help left out.
import { expect, test } from "bun:test";
import { commandPage, documented, overviewPage } from "./pages.ts";
import { formatPage, type Page } from "./roff.ts";

const groff = Bun.which("groff");
const mandoc = Bun.which("mandoc");

const pages = async (): Promise<Page[]> => [overviewPage(), ...(await Promise.all(documented.map(commandPage)))];

async function read(program: string, args: readonly string[], source: string) {
  const child = Bun.spawn([program, ...args], { stdin: new Blob([source]), stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { out, err };
}

test("text cannot become a macro or an escape", () => {
  const blocks = [
    { kind: "lines", lines: [".SH no heading", "'quoted", "a\\fBb", "--dashes"] },
    { kind: "entry", term: '.TP "x"', text: ".text" },
  ] as const;
  const source = formatPage({ name: "x", version: "1", date: "", sections: [{ title: 'A "B"', blocks }] });
  expect(source.match(/^\.SH/gm)).toHaveLength(1);
  expect(source).toContain('.SH "A ""B"""');
  expect(source).toContain("\\&.SH no heading\n\\&'quoted\na\\efBb\n\\-\\-dashes");
  expect(source).toContain("\\&.text");
});

test("a page has what its command's help has", async () => {
  const entry = documented.find(({ path }) => path.join(" ") === "backup")!;
  const page = await commandPage(entry);
  expect(page.sections.map(({ title }) => title)).toEqual([
    "NAME",
    "SYNOPSIS",
    "DESCRIPTION",
    "ARGUMENTS",
    "OPTIONS",
    "EXAMPLES",
    "EXIT STATUS",
    "SEE ALSO",
  ]);
  const source = formatPage(page);
  for (const text of [
    "\\-\\-compress",
    "$ matyan backup /backups \\-\\-compress",
    "exists whole or not at all",
    "0 done",
  ])
    expect(source).toContain(text);
  expect(formatPage(overviewPage())).toContain("FDB_CLUSTER_FILE");
});

test.skipIf(groff === null)(
  "groff formats every page without a warning (skipped where there is no groff)",
  async () => {
    for (const page of await pages()) {
      const { err } = await read(groff!, ["-man", "-ww", "-Tutf8", "-Kutf8", "-z"], formatPage(page));
      expect({ page: page.name, err }).toEqual({ page: page.name, err: "" });
    }
  },
);

test.skipIf(mandoc === null)("mandoc takes every page (skipped where there is no mandoc)", async () => {
  for (const page of await pages()) {
    const { out } = await read(mandoc!, ["-Tlint", "-W", "warning"], formatPage({ ...page, date: "2026-01-31" }));
    expect({ page: page.name, out }).toEqual({ page: page.name, out: "" });
  }
});
