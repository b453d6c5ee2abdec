// The README's first command, twice: what a new user runs must work on a used folder too.
import { expect, test } from "bun:test";
import { cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dir, "..");

test("the quickstart does the whole job, and a second time finds its runs unchanged", () => {
  const checkout = mkdtempSync(join(tmpdir(), "matyan-quickstart-"));
  try {
    for (const part of [
      "cli",
      "server",
      "formats",
      "scripts",
      "fixtures/tensorboard/logs",
      "package.json",
      "bun.lock",
      "tsconfig.json",
    ])
      cpSync(join(root, part), join(checkout, part), { recursive: true });
    symlinkSync(join(root, "node_modules"), join(checkout, "node_modules"));
    const env = { ...process.env, PATH: `${join(process.execPath, "..")}:${process.env["PATH"]}` };
    const run = () => Bun.spawnSync(["scripts/quickstart"], { cwd: checkout, env });
    const first = run();
    expect(first.exitCode).toBe(0);
    expect(first.stdout.toString()).toContain("20 runs restored");
    const second = run();
    expect(second.exitCode).toBe(0);
    expect(second.stdout.toString()).toContain("20 runs unchanged; 0 points");
    expect(second.stdout.toString()).not.toContain("differs");
  } finally {
    rmSync(checkout, { recursive: true });
  }
});
