// The README's tour is what its commands print: they are run one after another, and their output is compared with what is shown.
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runMatyan } from "./testing.ts";

const root = join(import.meta.dir, "..");
const folder = realpathSync(mkdtempSync(join(tmpdir(), "matyan-tour-")));
symlinkSync(join(root, "fixtures/tensorboard/logs"), join(folder, "logs"));

afterAll(() => rmSync(folder, { recursive: true }));

interface Step {
  readonly command: string;
  readonly shown: readonly string[];
}

/** As far as the server, which stays: what clients do with it is tested elsewhere. */
function readTour(): Step[] {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const tour = readme.slice(readme.indexOf("## A tour"), readme.indexOf("$ matyan serve\n"));
  return [...tour.matchAll(/^```\n([\s\S]*?)^```$/gm)].flatMap(([, block]) =>
    block!
      .split(/^\$ /m)
      .slice(1)
      .map((text) => {
        const [command, ...shown] = text.trimEnd().split("\n");
        return { command: command!, shown };
      }),
  );
}

/** What differs from one time or machine to the next: names by the time, and sizes of files with times in them, where things are, what a machine has. */
function withoutChance(line: string): string {
  return line
    .replaceAll(folder, "...")
    .replace(/\d{8}-\d{6}/g, "TIME")
    .replace(/, [\d,]+ bytes; /, ", BYTES; ")
    .replace(/^\d+ checks: .*/, "CHECKS")
    .trimEnd();
}

/** Each run of lines between two `...` must be there, whole and in order. */
function expectShown({ command, shown }: Step, printed: readonly string[]): void {
  let from = 0;
  const pieces = shown.join("\n").split(/^\.\.\.$/m);
  for (const [index, piece] of pieces.entries()) {
    const lines = piece
      .split("\n")
      .filter((line) => line !== "")
      .map(withoutChance);
    if (lines.length === 0) continue;
    const at = printed.findIndex(
      (_, start) => start >= from && lines.every((line, offset) => printed[start + offset] === line),
    );
    if (at === -1 || (index === 0 && at !== 0)) expect({ command, printed }).toEqual({ command, printed: lines });
    from = at + lines.length;
  }
}

test("what the README shows is what the commands print", async () => {
  const steps = readTour();
  expect(steps.length).toBeGreaterThan(8);
  for (const step of steps) {
    const words = (step.command.match(/'[^']*'|\S+/g) ?? []).map((word) => word.replace(/^'|'$/g, ""));
    expect(words.shift()).toBe("matyan");
    // Others on this machine may have the usual ports, which doctor looks at.
    const env = { MATYAN_PORT: "0", MATYAN_FRONTIER_PORT: "0" };
    const { code, out, err } = await runMatyan(words, { cwd: folder, env });
    expect({ command: step.command, code }).toEqual({ command: step.command, code: 0 });
    // On a terminal both come to the eye; warnings come first here.
    expectShown(step, `${err}${out}`.split("\n").map(withoutChance));
  }
}, 120_000);
