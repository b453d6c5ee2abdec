// The executable that scripts/build makes does the whole job with nothing beside it.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dir, "..");
const folder = mkdtempSync(join(tmpdir(), "matyan-build-"));
const executable = join(folder, "bin", "matyan");

function run(...args: string[]): { code: number; stdout: string; stderr: string } {
  const { exitCode, stdout, stderr } = Bun.spawnSync([executable, ...args], {
    cwd: folder,
    env: { PATH: "/usr/bin:/bin" },
  });
  return { code: exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}

beforeAll(() => {
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, "scripts/build.ts", executable], { cwd: root });
  if (exitCode !== 0) throw new Error(stderr.toString());
  cpSync(join(root, "fixtures/tensorboard/logs"), join(folder, "logs"), { recursive: true });
});

afterAll(() => rmSync(folder, { recursive: true }));

test("the executable prints its version", () => {
  const manifest: { version: string } = require("../package.json");
  const { code, stdout, stderr } = run("--version");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const [version, origin, platform] = stdout.split("\n");
  expect(version).toBe(manifest.version);
  // Sources that came without git have no commit to name.
  expect(origin).toMatch(/^(commit [0-9a-f]+(-dirty)? of \d{4}-\d{2}-\d{2}T\S+|run from sources)$/);
  expect(platform).toContain(process.platform);
});

test("the executable converts with worker threads, verifies, restores, lists and backs up", () => {
  const converted = run("convert", "tensorboard", "logs", "out.tar.gz", "--workers", "2", "--json");
  expect(converted.code).toBe(0);
  expect(run("verify", "out.tar.gz").stdout).toContain("all checksums right");
  expect(run("restore", "out.tar.gz").code).toBe(0);
  const listed = run("runs", "ls", "--json").stdout.trim().split("\n");
  expect(listed).toHaveLength(20);
  expect(run("backup", "saved").code).toBe(0);
  expect(run("verify", "saved").code).toBe(0);
});

test("the manual stands beside the executable", () => {
  expect(readFileSync(join(folder, "bin/man/man1/matyan-runs-ls.1"), "utf8")).toContain("list runs with their metrics");
});
