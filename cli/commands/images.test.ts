// `matyan runs images` as a process: listed, drawn, and written, from here and from a server.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decode, encode } from "fast-png";
import { Image, Run } from "../client/index.ts";
import { openTestServer, type TestServer } from "../client/testing.ts";
import { runMatyan } from "../testing.ts";
import { startInTerminal } from "../testingTerminal.ts";

const folder = mkdtempSync(join(tmpdir(), "matyan-images-test-"));
const hash = "1a9e".padEnd(32, "0");
let server: TestServer;

/** One colour, another for each step. */
function image(step: number): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(20 * 10 * 3).fill(step * 10);
  return new Uint8Array(encode({ width: 20, height: 10, data, channels: 3, depth: 8 }));
}

beforeAll(async () => {
  server = await openTestServer();
  const run = await Run.open({ repo: server.address, hash });
  for (let step = 0; step < 250; step++)
    await run.track(new Image(image(step % 25), { caption: `at ${step}\u0007` }), { name: "samples", step: step * 3 });
  const jpeg = await new Bun.Image(image(3)).jpeg().bytes();
  await run.track(new Image(new Uint8Array(jpeg)), { name: "../up", step: 7, context: { subset: "val/1" } });
  await run.track(new Image(new Uint8Array([1, 2, 3]), { format: "png" }), { name: "broken", step: 1 });
  await run.close();
  await (await Run.open({ repo: server.address, hash: "empty" })).close();
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function images(...args: string[]) {
  const env = { MATYAN_DATA: server.dataDir };
  const ended = await runMatyan(["runs", "images", ...args], { cwd: folder, env });
  return { ...ended, lines: ended.out.split("\n").filter((line) => line !== "") };
}

const places = [
  ["here", () => []],
  ["there", () => ["--url", server.address]],
] as const;

test("the last images are listed, or all of them, or those of a step, the same from here and from a server", async () => {
  for (const [, options] of places) {
    const last = await images(hash, "--json", ...options());
    const common = { index: 0, context: {}, caption: "" };
    expect(last.lines.map((line) => JSON.parse(line))).toEqual([
      { ...common, name: "broken", step: 1, format: "png", width: null, height: null },
      { ...common, name: "samples", step: 747, format: "png", width: 20, height: 10, caption: "at 249\u0007" },
      { ...common, name: "../up", step: 7, format: "jpeg", width: 20, height: 10, context: { subset: "val/1" } },
    ]);
    const all = await images(hash, "--name", "samples", "--step", "all", "--json", ...options());
    expect(all.lines.map((line) => JSON.parse(line).step)).toEqual(Array.from({ length: 250 }, (_, i) => i * 3));
    const table = await images(hash, "--step", "3", ...options());
    expect(table.lines).toEqual([
      "name     context  step     size  format  caption",
      "samples              3    20x10  png     at 1\\x07",
    ]);
    const few = await images(hash, "--step", "all", "--limit", "2", ...options());
    expect([few.lines.length, few.err]).toEqual([3, "The first 2 images; --limit 0 for all.\n"]);
    const none = await images(hash, "--step", "4", ...options());
    expect([none.code, none.err]).toEqual([1, expect.stringContaining("has no images at step 4")]);
    expect((await images("empty", ...options())).err).toContain("has no images");
    expect((await images("f00d", ...options())).code).toBe(1);
  }
  expect((await images(hash, "--step", "first")).code).toBe(2);
});

test("files are written as they were stored, below the folder, and none is overwritten", async () => {
  for (const [place, options] of places) {
    const out = join(folder, place);
    const written = await images(hash, "-o", out, "--step", "all", ...options());
    expect(written).toMatchObject({ code: 0 });
    expect(written.lines.at(-1)).toBe(`252 images written to ${out}.`);
    expect(new Uint8Array(readFileSync(join(out, "samples/30.png")))).toEqual(image(10));
    const { lines } = await images(hash, "-o", out, "--name", "../up", "--json", "--existing", "replace", ...options());
    const { file } = JSON.parse(lines[0]!) as { file: string };
    expect(file.startsWith(`${out}/`) && !file.includes("/../")).toBe(true);
    expect(readFileSync(file).subarray(0, 3)).toEqual(Buffer.from([0xff, 0xd8, 0xff]));
    const again = await images(hash, "-o", out, ...options());
    expect([again.code, again.err]).toEqual([1, expect.stringContaining("is there already")]);
    const skipped = await images(hash, "-o", out, "--existing", "skip", ...options());
    expect(skipped.lines.at(-1)).toBe(`0 images written to ${out}.`);
  }
});

test("pictures are drawn below their titles; what is none is named, and the others are drawn", async () => {
  for (const [, options] of places) {
    const { out, err, code } = await images(hash, "--inline", "kitty", ...options());
    expect(code).toBe(0);
    expect(err).toContain("'broken' at step 1: it can't be shown");
    expect(out).toContain("samples  step 747  20x10  png  at 249\\x07\n\u001b_G");
    expect(out).toContain("../up  step 7  subset=val/1  20x10  jpeg\n\u001b_G");
    const pictures = [...out.matchAll(/\u001b_Ga=T[^;]*;([^\u001b]*)\u001b\\\n/g)].map(([, data]) =>
      decode(Buffer.from(data!, "base64")),
    );
    expect(pictures.map(({ width, height }) => [width, height])).toEqual([
      [60, 30],
      [60, 30],
    ]);
    expect(new Set(pictures[0]!.data)).toEqual(new Set([240, 255]));
  }
  expect((await images(hash, "--name", "samples", "--inline", "iterm")).out).toMatch(
    /\u001b\]1337;File=.*:.*\u0007\n$/,
  );
  expect((await images(hash, "--name", "samples", "--inline", "sixel")).out).toMatch(
    /\u001bP0;1;0q"1;1;60;30[^\u001b]*\u001b\\\n$/,
  );
});

test("a terminal that answers that it draws sixels gets them, in its own cells; one that does not answer gets a list", async () => {
  const start = (rest: readonly string[] = []) =>
    startInTerminal(["runs", "images", hash, "--name", "samples", ...rest], {
      cwd: folder,
      env: { MATYAN_DATA: server.dataDir },
    });
  const answering = start();
  let at = await answering.until("\u001b[16t\u001b[c");
  answering.type("\u001b[6;16;8t\u001b[?62;4;22c");
  at = await answering.until("step 747", at);
  await answering.until(/\u001bP0;1;0q"1;1;60;30[^\u001b]*\u001b\\/, at);
  expect(await answering.ended).toBe(0);
  const silent = start();
  await silent.until("does not say that it shows pictures");
  expect(await silent.ended).toBe(0);
  expect(silent.text()).not.toContain("\u001bP");
  const kitty = startInTerminal(["runs", "images", hash, "--name", "samples"], {
    cwd: folder,
    env: { MATYAN_DATA: server.dataDir, TERM: "xterm-kitty" },
  });
  await kitty.until("\u001b[c");
  kitty.type("\u001b[6;10;5t\u001b[?62c");
  await kitty.until("\u001b_Ga=T,f=100,q=2,c=12,r=3,");
  expect(await kitty.ended).toBe(0);
});

test("the page of a run says how its images are seen", async () => {
  const page = await runMatyan(["runs", "show", hash], { cwd: folder, env: { MATYAN_DATA: server.dataDir } });
  expect(page.out).toContain(`Images are shown by: matyan runs images ${hash}`);
});
