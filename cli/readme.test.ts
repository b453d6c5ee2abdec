// The README's table of commands is the command line's own.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { commands } from "./commands/index.ts";

test("the README lists every command, and none that does not exist", () => {
  const readme = readFileSync(join(import.meta.dir, "../README.md"), "utf8");
  const listed = [...readme.matchAll(/^\| `matyan ([^`]+)` \|/gm)].map(([, name]) => name!);
  expect(listed.toSorted()).toEqual(commands.map(({ path }) => path.join(" ")).toSorted());
});
