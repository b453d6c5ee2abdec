// Temporary folders of processes that were killed go with the next one; those of living and foreign ones stay.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { makeTempFolder } from "./tempFolder.ts";

let parent: string;

beforeAll(() => {
  parent = mkdtempSync(join(tmpdir(), "matyan-temp-test-"));
});

afterAll(() => rmSync(parent, { recursive: true, force: true }));

test("what a killed process left is removed by the next; what is a living one's, or no such folder, stays", async () => {
  const script = `
    import { makeTempFolder } from ${JSON.stringify(join(import.meta.dir, "tempFolder.ts"))};
    const folder = await makeTempFolder("work", ${JSON.stringify(parent)});
    await Bun.write(folder + "/part/file", "x");
    console.log("ready");
    await new Promise(() => setInterval(() => {}, 1000));`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
  for await (const chunk of child.stdout) if (Buffer.from(chunk).includes("ready")) break;
  const left = readdirSync(parent)[0]!;
  const foreign = [
    left.replace(/-[0-9a-f]{8}-/, "-00000000-"),
    left.replace("work-", "other-"),
    `${left}-and-more`,
    "work-1",
  ];
  for (const name of foreign) mkdirSync(join(parent, name));
  const file = left.replace(/......$/, "aaaaaa");
  writeFileSync(join(parent, file), "");
  const link = left.replace(/......$/, "bbbbbb");
  symlinkSync(join(parent, "other"), join(parent, link));
  const kept = [...foreign, file, link];

  const first = await makeTempFolder("work", parent);
  expect(readdirSync(parent).sort()).toEqual([...kept, left, basename(first)].sort());
  expect(statSync(first).mode & 0o777).toBe(0o700);

  child.kill("SIGKILL");
  await child.exited;
  const second = await makeTempFolder("work", parent);
  expect(readdirSync(parent).sort()).toEqual([...kept, basename(first), basename(second)].sort());
});

test("a parent that is not there is named", async () => {
  const missing = join(parent, "missing");
  await expect(makeTempFolder("work", missing)).rejects.toMatchObject({ message: `${missing} does not exist` });
});
