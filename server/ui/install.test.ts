import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { matyan, runProgram, testFolder } from "../testing/served.ts";
import { installedUi, installUi, resolveUi, uiRoot } from "./install.ts";
import { makeWheel, uiFiles, type WheelFiles, zip } from "./testWheel.ts";

const main = join(import.meta.dir, "../../cli/main.ts");
const wheelName = "matyan_ui-0.3.2-py3-none-any.whl";
const template = "matyan_ui/static/index-template.html";

async function wheelIn(folder: string, bytes: Uint8Array = makeWheel(), name = wheelName): Promise<string> {
  const path = join(folder, name);
  await Bun.write(path, bytes);
  return path;
}

test("a wheel's files are kept beside the data, byte for byte, without the package around them", async () => {
  await using folder = await testFolder();
  const data = join(folder.path, "data");
  const installed = await installUi(data, await wheelIn(folder.path));
  expect(installed).toMatchObject({ version: "0.3.2", files: 5 });
  expect(installed.folder).toStartWith(join(data, "ui", "0.3.2-"));
  expect(await installedUi(data)).toBe(installed.folder);
  const names = (await readdir(installed.folder, { recursive: true, withFileTypes: true })).flatMap((each) =>
    each.isFile() ? [join(each.parentPath, each.name).slice(installed.folder.length + 1)] : [],
  );
  const expected = Object.keys(uiFiles).flatMap((name) =>
    name.startsWith("matyan_ui/static/") ? [name.slice(17)] : [],
  );
  expect(names.sort()).toEqual([...expected, ".matyan-ui.json"].sort());
  for (const name of expected)
    expect(await readFile(join(installed.folder, name), "latin1")).toBe(uiFiles[`matyan_ui/static/${name}`]!);
});

test("another wheel takes the place of the first one, which a running server may still read; a third one ends that", async () => {
  await using folder = await testFolder();
  const data = join(folder.path, "data");
  const folders: string[] = [];
  for (const text of ["one", "two", "three"]) {
    const wheel = await wheelIn(folder.path, makeWheel({ ...uiFiles, [template]: text }));
    const { folder: made } = await installUi(data, wheel);
    folders.push(made);
    expect(await installedUi(data)).toBe(made);
    expect(await readFile(join(made, "index-template.html"), "utf8")).toBe(text);
    // The same once more changes nothing.
    expect((await installUi(data, wheel)).folder).toBe(made);
  }
  expect(folders.map(existsSync)).toEqual([false, true, true]);
  expect((await readdir(uiRoot(data))).filter((name) => name.startsWith("."))).toEqual([]);
});

const withLine = (change: (line: string) => string) => (lines: string[]) =>
  lines.map((line) => (line.startsWith("matyan_ui/static/static/js/main.js,") ? change(line) : line));

test.each<[string, () => Uint8Array, string]>([
  [
    "a file whose hash is another",
    () =>
      makeWheel(
        uiFiles,
        withLine((line) => line.replace(/sha256=./, "sha256=_")),
      ),
    "the hash of",
  ],
  [
    "a file that RECORD does not list",
    () => makeWheel(uiFiles, (lines) => lines.filter((line) => !line.includes("main.js,"))),
    "is not in its RECORD",
  ],
  [
    "a file that is missing",
    () => makeWheel(uiFiles, (lines) => [...lines, "matyan_ui/static/gone.js,sha256=abc,3"]),
    "is missing",
  ],
  ["a way out of its folder", () => makeWheel({ ...uiFiles, "matyan_ui/static/../../../evil": "x" }), "is broken"],
  ["a root of its own", () => makeWheel({ ...uiFiles, "/etc/evil": "x" }), "is broken"],
  ["another package", () => zip({ "other-1.dist-info/RECORD": "" }), "is not a wheel of matyan-ui"],
  ["no zip at all", () => Buffer.from("nonsense".repeat(100)), "is broken"],
  ["half a zip", () => makeWheel().subarray(0, 400), "is broken"],
  ["a damaged byte", () => damaged(makeWheel()), "is broken"],
])("a wheel with %s is refused, and what was there stays", async (_, make, words) => {
  await using folder = await testFolder();
  const data = join(folder.path, "data");
  const { folder: before } = await installUi(data, await wheelIn(folder.path));
  const bad = await wheelIn(folder.path, make(), "bad.whl");
  expect(installUi(data, bad)).rejects.toThrow(words);
  await installUi(data, bad).catch(() => undefined);
  expect(await installedUi(data)).toBe(before);
  expect((await readdir(uiRoot(data))).sort()).toEqual([before.slice(uiRoot(data).length + 1), "current.json"]);
  expect(existsSync(join(folder.path, "evil"))).toBe(false);
});

test("the machine's own pip gets the wheel: here from a folder, as pip is told by its environment", async () => {
  const pip = await runProgram(["python3", "-m", "pip", "--version"]).catch(() => undefined);
  if (pip?.code !== 0) {
    console.log("no pip on this machine: only the error without one is tested");
    return;
  }
  await using folder = await testFolder();
  const wheels = join(folder.path, "wheels");
  await mkdir(wheels);
  await wheelIn(wheels);
  const environment = { PIP_NO_INDEX: "1", PIP_FIND_LINKS: wheels, PIP_CONFIG_FILE: "/dev/null" };
  const data = join(folder.path, "data");
  const done = await runProgram([process.execPath, main, "ui", "install", "--data", data, "--json"], environment);
  expect([done.code, done.errors]).toEqual([0, ""]);
  expect(JSON.parse(done.out)).toMatchObject({ version: "0.3.2", files: 5, folder: await installedUi(data) });
  const none = { ...environment, PIP_FIND_LINKS: folder.path };
  const failed = await runProgram(
    [process.execPath, main, "ui", "install", "--data", join(folder.path, "other")],
    none,
  );
  expect([failed.code, failed.errors]).toEqual([1, expect.stringContaining("download matyan-ui==0.3.2' failed:")]);
  expect(failed.errors).toContain("matyan ui install WHEEL");
}, 60_000);

test("without pip it says what to do", async () => {
  await using folder = await testFolder();
  const command = [process.execPath, main, "ui", "install", "--data", folder.path];
  const { code, errors } = await runProgram(command, { PATH: folder.path });
  expect(code).toBe(1);
  expect(errors).toContain("there is no pip on this machine");
  expect(errors).toContain("matyan ui install WHEEL");
});

test("a file that is not there is named", async () => {
  await using folder = await testFolder();
  const { code, errors } = await matyan("ui", "install", join(folder.path, "none.whl"), "--data", folder.path);
  expect([code, errors]).toEqual([1, expect.stringContaining("none.whl")]);
});

test("--ui takes a folder, a package's folder or a wheel, and says what it wants of others", async () => {
  await using folder = await testFolder();
  const data = join(folder.path, "data");
  const installed = await installUi(data, await wheelIn(folder.path));
  expect(await resolveUi(data, installed.folder)).toBe(installed.folder);
  const site = join(folder.path, "site");
  await writeFiles(site, uiFiles);
  expect(await resolveUi(data, site)).toBe(join(site, "matyan_ui/static/"));
  const other = await wheelIn(folder.path, makeWheel({ ...uiFiles, [template]: "other" }), "other.whl");
  const unpacked = await resolveUi(data, other);
  expect(await readFile(join(unpacked, "index-template.html"), "utf8")).toBe("other");
  // It is shown once; what is installed stays installed.
  expect(await installedUi(data)).toBe(installed.folder);
  expect(resolveUi(data, folder.path)).rejects.toThrow("holds no index-template.html");
});

async function writeFiles(root: string, files: WheelFiles): Promise<void> {
  for (const [name, text] of Object.entries(files)) await Bun.write(join(root, name), Buffer.from(text, "latin1"));
}

function damaged(wheel: Buffer): Buffer {
  const at = wheel.indexOf("console.log('plain')");
  wheel[at + 3]! ^= 1;
  return wheel;
}
