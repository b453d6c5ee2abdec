// The screen of `matyan top` as approved pictures, and that it fits any terminal whatever is shown.
import { expect, test } from "bun:test";
import { join } from "node:path";
import fc from "fast-check";
import { figureNames } from "../../../server/live/figures.ts";
import { expectApproved } from "../approved.ts";
import { createStyle } from "../style.ts";
import { textWidth } from "../text.ts";
import { openTmux, tmuxPath } from "../tmux.ts";
import { runsOnScreen, screenLines } from "./screen.ts";
import { reduce, startState } from "./state.ts";
import { key, sampleAt, samplePage, samplePages, sampleRun, sampleScreen, sampleState } from "./testSample.ts";

/** Colours are the terminal's own sixteen: on light and dark ground the codes are the same. */
const styles = [
  ["colors", createStyle(true)],
  ["plain", createStyle(false)],
] as const;

for (const [columns, rows] of [
  [80, 24],
  [200, 50],
] as const)
  for (const { page, state } of samplePages)
    for (const [name, style] of styles)
      test(`the page '${page}' at ${columns}x${rows} is as approved (${name})`, () => {
        expectApproved(
          `top-${page}-${columns}x${rows}-${name}`,
          screenLines(state(), sampleScreen(columns, rows, style)),
        );
      });

test("without colours there is no escape code, and colours change nothing but colours", () => {
  for (const { state } of samplePages) {
    const plain = screenLines(state(), sampleScreen(120, 40, createStyle(false)));
    const colored = screenLines(state(), sampleScreen(120, 40, createStyle(true)));
    expect(plain.join("\n")).not.toContain("\u001b");
    expect(colored.map((line) => Bun.stripANSI(line).trimEnd())).toEqual(plain.map((line) => line.trimEnd()));
  }
});

test("every screen has exactly the lines of the terminal, none wider than it, whatever is shown", () => {
  const name = fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: "grapheme" }), fc.constant("実験".repeat(40)));
  const keys = fc.array(
    fc.constantFrom("up", "down", "enter", "escape", "s", "r", "?", "p", "/", "x", "end", "pagedown"),
  );
  fc.assert(
    fc.property(
      fc.array(name, { maxLength: 30 }),
      keys,
      fc.integer({ min: 1, max: 220 }),
      fc.integer({ min: 1, max: 60 }),
      fc.boolean(),
      (names, pressed, columns, rows, hasColors) => {
        const runs = names.map((text, i) => ({ ...sampleRun(i, 5n), name: text, experiment: text, tags: [text] }));
        const sample = { ...sampleAt(0), active: { runs, more: true } };
        let state = reduce(startState({}), { kind: "looked", sample });
        for (const each of pressed) state = reduce(state, key(each));
        if (state.opened !== undefined) state = reduce(state, samplePage(0));
        const lines = screenLines(state, sampleScreen(columns, rows, createStyle(hasColors)));
        expect(lines.length).toBe(rows);
        for (const line of lines) {
          expect(textWidth(line)).toBeLessThanOrEqual(columns);
          expect(line).not.toMatch(/[\n\r]/);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test("a run's name cannot move the cursor", () => {
  const text = screenLines(sampleState(), sampleScreen(200, 50, createStyle(false))).join("\n");
  expect(text).toContain("gan \\x1b[2Jthat clears");
});

test("the selected run is on the screen wherever it is in the list", () => {
  let state = sampleState();
  for (let i = 0; i < 14; i++) {
    const screen = sampleScreen(80, 24, createStyle(false));
    const lines = screenLines(state, screen);
    const marked = lines.filter((line) => line.startsWith("› "));
    expect(marked.length).toBe(1);
    expect(marked[0]!.slice(2, 10)).toBe(sampleRun(i, 0n).hash.slice(0, 8));
    expect(runsOnScreen(state, screen).map(({ hash }) => hash)).toContain(sampleRun(i, 0n).hash);
    state = reduce(state, key("down"));
  }
});

test("what is not known is a dash with the reason below", () => {
  const sample = sampleAt(0);
  const missing = { received: "no server has this folder", lag: "there is no Kafka" };
  const figures = { at: 0, missing };
  const state = reduce(startState({}), { kind: "looked", sample: { ...sample, figures } });
  const text = screenLines(state, sampleScreen(200, 50, createStyle(false))).join("\n");
  expect(text).toContain("points in    –");
  expect(text).toContain("– no server has this folder: points in; there is no Kafka: consumer lag");
});

test("a server that tells no figures at all says why on a narrow screen too", () => {
  const reason = "this server does not tell";
  const figures = { at: 0, missing: Object.fromEntries(figureNames.map((name) => [name, reason])) };
  const state = reduce(startState({}), { kind: "looked", sample: { ...sampleAt(0), figures } });
  const text = screenLines(state, sampleScreen(80, 24, createStyle(false))).join("\n");
  expect(text).toContain(`– ${reason}: all figures`);
});

test("a log line is shown as a terminal would show it", () => {
  const page = samplePage(0);
  if (page.kind !== "page") throw new Error("it is a page");
  const log = ["\u001b[32mgreen\u001b[0m", "10%\r50%\r100%", "bell \u0007 rings"];
  const state = sampleState([key("enter"), { ...page, page: { ...page.page, log } }]);
  const lines = screenLines(state, sampleScreen(80, 24, createStyle(false)));
  expect(lines.slice(-4, -1)).toEqual(["green", "100%", "bell \\x07 rings"]);
});

test("a failed look is told above what was seen before", () => {
  const state = sampleState([{ kind: "failed", reason: "nothing listens there" }]);
  const lines = screenLines(state, sampleScreen(80, 24, createStyle(false)));
  expect(lines[1]).toBe("nothing listens there");
  expect(lines.join("\n")).toContain("resnet50");
});

const onTerminal = tmuxPath === undefined ? test.skip : test;
const program = join(import.meta.dir, "testingProgram.tsx");

for (const [columns, rows] of [
  [80, 24],
  [200, 50],
] as const)
  onTerminal(`what a terminal of ${columns}x${rows} shows is what is approved (needs tmux)`, async () => {
    await using terminal = await openTmux(`${process.execPath} ${program}`, { columns, rows });
    for (const [i, { page }] of samplePages.entries()) {
      await terminal.press(`${i + 1}`);
      const last = page === "runs" ? "enter open" : page === "run" ? "esc back" : "any key goes back";
      expectApproved(`top-${page}-${columns}x${rows}-plain`, (await terminal.until(last)).trimEnd().split("\n"));
    }
  });
