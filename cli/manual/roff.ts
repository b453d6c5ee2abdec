// Text as man(7) macros have it: what a manual page is made of.

export interface Section {
  readonly title: string;
  readonly blocks: readonly Block[];
}

export type Block =
  /** Filled text. */
  | { readonly kind: "paragraph"; readonly text: string }
  /** A term and what it means. */
  | { readonly kind: "entry"; readonly term: string; readonly text: string }
  /** Lines that stay as they are. */
  | { readonly kind: "lines"; readonly lines: readonly string[] }
  | { readonly kind: "heading"; readonly text: string };

export interface Page {
  /** e.g. `matyan-runs-ls` */
  readonly name: string;
  readonly version: string;
  /** `2026-01-31`; empty where nobody knows. */
  readonly date: string;
  readonly sections: readonly Section[];
}

/** The page's source, of section 1 of the manual. */
export function formatPage({ name, version, date, sections }: Page): string {
  const lines = [
    `.TH ${quote(name.toUpperCase())} 1 "${date}" ${quote(`matyan ${version}`)} "User commands"`,
    // No hyphens are put into names, and spaces do not grow.
    ".nh",
    ".ad l",
  ];
  for (const { title, blocks } of sections) {
    lines.push(`.SH ${quote(title)}`);
    let isFirst = true;
    for (const block of blocks) {
      lines.push(...formatBlock(block, isFirst));
      isFirst = block.kind === "heading";
    }
  }
  return `${lines.join("\n")}\n`;
}

function formatBlock(block: Block, isFirst: boolean): string[] {
  switch (block.kind) {
    case "heading":
      return [`.SS ${quote(block.text)}`];
    case "paragraph":
      return [...(isFirst ? [] : [".PP"]), textLine(block.text)];
    case "entry":
      return [".TP", `\\fB${escapeText(block.term)}\\fR`, textLine(block.text)];
    case "lines":
      return [...(isFirst ? [] : [".PP"]), ".nf", ".RS 4", ...block.lines.map(textLine), ".RE", ".fi"];
  }
}

/** A backslash is a command, a minus a hyphen, and a line's first dot or quote begins a macro, unless they are escaped. */
function escapeText(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-");
}

function textLine(text: string): string {
  const escaped = escapeText(text);
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
}

function quote(text: string): string {
  return `"${escapeText(text).replaceAll('"', '""')}"`;
}
