// Completion as shells ask for it: `matyan __complete` on a real store, and the scripts in the shells that the machine has.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runMatyan } from "../testing.ts";

const root = join(import.meta.dir, "../..");
const folder = mkdtempSync(join(tmpdir(), "matyan-complete-"));
const data = join(folder, "data");

beforeAll(async () => {
  for (const name of [
    "converted/matyan-tb-import-20261122-105510.tar.gz",
    "example-archive/matyan-backup-20261122-104930",
  ])
    expect((await matyan(["restore", join(root, "fixtures/archives", name)])).code).toBe(0);
  mkdirSync(join(folder, "bin"));
  symlinkSync(join(root, "scripts/matyan"), join(folder, "bin/matyan"));
  writeFileSync(join(folder, "saved.tar.gz"), "");
});

afterAll(() => rmSync(folder, { recursive: true }));

const matyan = (args: readonly string[], env: Record<string, string> = {}) =>
  runMatyan(args, { cwd: folder, env: { MATYAN_DATA: data, ...env } });

/** What the shell is told to do about paths, and the candidates without what they are about. */
async function complete(...words: string[]): Promise<{ paths: string; values: string[] }> {
  const { code, out, err } = await matyan(["__complete", ...words]);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  const [paths, ...lines] = out.trimEnd().split("\n");
  return { paths: paths!, values: lines.map((line) => line.split("\t")[0]!) };
}

const hash = "9762cd60";

test("commands, families and options complete, whatever common flags stand before them", async () => {
  expect((await complete("")).values).toContain("backup");
  expect((await complete("ru")).values).toEqual(["runs"]);
  expect((await complete("-q", "--data", "x", "runs", "pl")).values).toEqual(["plot"]);
  expect((await complete("help", "runs", "di")).values).toEqual(["diff"]);
  expect((await complete("runs", "ls", "--exp")).values).toEqual(["--experiment"]);
  expect((await complete("runs", "ls", "--format", "")).values).toEqual(["table", "csv"]);
  expect((await complete("runs", "ls", "--format=c")).values).toEqual(["--format=csv"]);
  expect((await complete("runs", "ls", "--format", "=", "c")).values).toEqual(["--format=csv"]);
  expect((await complete("nonsense", "")).values).toEqual([]);
  expect((await complete("man", "ru")).values).toEqual(["runs"]);
  expect((await complete("man", "runs", "di")).values).toEqual(["diff"]);
});

test("hashes, experiments and metrics come from the store", async () => {
  const newest = await complete("runs", "show", "");
  expect(newest.values[0]).toBe(hash);
  expect((await complete("runs", "show", hash.slice(0, 3))).values).toEqual([hash]);
  expect((await complete("runs", "diff", hash, hash.slice(0, 3))).values).toEqual([]);
  expect((await complete("backup", "--runs", `${hash},${hash.slice(0, 3)}`)).values).toEqual([]);
  expect((await complete("backup", "--runs", `0123,${hash.slice(0, 3)}`)).values).toEqual([`0123,${hash}`]);
  expect((await complete("runs", "ls", "--experiment", "m")).values).toEqual(["mnist"]);
  expect((await complete("runs", "plot", "5d334b04", "--metric", "epoch_")).values.toSorted()).toEqual([
    "epoch_accuracy",
    "epoch_loss",
  ]);
  expect((await complete("runs", "ls", "--sort", "-metric:epoch_l")).values).toEqual(["-metric:epoch_loss"]);
  expect((await complete("runs", "ls", "--sort", "metric", ":", "epoch_l")).values).toEqual(["metric:epoch_loss"]);
  expect((await complete("runs", "ls", "--columns", "name,metric:epoch_l")).values).toEqual(["name,metric:epoch_loss"]);
  const { out } = await matyan(["__complete", "runs", "show", hash]);
  expect(out).toContain(`${hash}\tdamaged/header_only, 2026-11-22`);
});

test("paths are left to the shell, and a store that is not there gives nothing and no error", async () => {
  expect(await complete("verify", "")).toEqual({ paths: "files", values: [] });
  expect(await complete("convert", "tensorboard", "")).toEqual({ paths: "folders", values: [] });
  expect(await complete("--data", join(folder, "none"), "runs", "show", "")).toEqual({ paths: "none", values: [] });
  expect(await complete("runs", "show", "--data", join(folder, "none"), "")).toEqual({ paths: "none", values: [] });
  const wrong = await matyan(["__complete", "runs", "show", ""], { MATYAN_DURABILITY: "nonsense" });
  expect(wrong).toEqual({ code: 0, out: "none\n", err: "" });
});

const inShell: Readonly<Record<string, (typed: readonly string[]) => string>> = {
  bash: (typed) => `source <(matyan completion bash)
COMP_WORDS=(matyan ${typed.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${typed.length}; _matyan
printf '%s\\n' "\${COMPREPLY[@]}"`,
  fish: (typed) => `matyan completion fish | source; complete -C 'matyan ${typed.join(" ")}'`,
};

for (const [shell, script] of Object.entries(inShell)) {
  const path = Bun.which(shell);
  test.skipIf(path === null)(`${shell} completes what is typed (skipped where there is no ${shell})`, async () => {
    const ask = async (...typed: string[]) => {
      const child = Bun.spawn([path!, "-c", script(typed)], {
        cwd: folder,
        env: { PATH: `${join(folder, "bin")}:${process.env["PATH"]}`, HOME: folder, MATYAN_DATA: data },
        stderr: "ignore",
      });
      return (await child.stdout.text()).split("\n").map((line) => line.split("\t")[0]!);
    };
    expect(await ask("runs", "sho")).toContain("show");
    expect(await ask("runs", "show", hash.slice(0, 3))).toContain(hash);
    expect((await ask("verify", "sav")).map((name) => name.trim())).toContain("saved.tar.gz");
    if (shell === "bash") {
      expect(await ask("runs", "ls", "--format", "=", "c")).toContain("csv");
      expect(await ask("runs", "ls", "--sort", "metric", ":", "epoch_l")).toContain("epoch_loss");
      expect(await ask("runs", "ls", "--columns", "name,metric", ":")).toContain("epoch_loss");
    } else expect(await ask("runs", "ls", "--format=c")).toContain("--format=csv");
  });
}

const zsh = Bun.which("zsh");
test.skipIf(zsh === null)("zsh reads its script (skipped where there is no zsh)", async () => {
  const script = (await matyan(["completion", "zsh"])).out;
  const child = Bun.spawn([zsh!, "-n"], { stdin: new Blob([script]), stderr: "pipe" });
  expect(await child.stderr.text()).toBe("");
  expect(await child.exited).toBe(0);
});
