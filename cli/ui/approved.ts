// Test support: what is drawn on a terminal, compared with approved text in fixtures/terminal/. MATYAN_APPROVE=1 approves what is drawn now.
import { expect } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const folder = join(import.meta.dir, "../../fixtures/terminal");

const names: Readonly<Record<string, string>> = {
  ...{ "1": "bold", "2": "dim", "22": "/", "39": "/" },
  ...{ "31": "red", "32": "green", "33": "yellow", "34": "blue", "35": "magenta", "36": "cyan" },
};

/** Lines with their colours in a form that people read: `‹bold›text‹/›`. Blanks at a line's end are left out. */
export function readableLines(lines: readonly string[]): string {
  const readable = lines.map((line) =>
    line.replace(/\u001b\[([\d;]*)m/g, (_, code: string) => `‹${names[code] ?? code}›`).trimEnd(),
  );
  return `${readable.join("\n")}\n`;
}

/** @param name of the file, without `.txt` */
export function expectApproved(name: string, lines: readonly string[]): void {
  const file = join(folder, `${name}.txt`);
  const drawn = readableLines(lines);
  if (process.env["MATYAN_APPROVE"] === "1") {
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, drawn);
  }
  if (!existsSync(file))
    throw new Error(`${file} is not there: look at what is drawn, and approve it with MATYAN_APPROVE=1`);
  expect(drawn).toBe(readFileSync(file, "utf8"));
}
