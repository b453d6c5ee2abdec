// Progress: when it is drawn, what it says, and that nothing of it stays.
import { expect, test } from "bun:test";
import { render } from "ink-testing-library";
import type { Output } from "../output.ts";
import { createProgress, type ProgressHost } from "./progress.ts";
import { drawBar, drawing, measure, plainLine, startStage } from "./progressState.ts";
import { ProgressView } from "./progressView.tsx";
import { createStyle } from "./style.ts";
import { textWidth } from "./text.ts";

const plain = createStyle(false);

/** An output that records what goes to stderr, with a terminal there or not. */
function recorder(change: { terminal?: boolean; ci?: boolean; json?: boolean; quiet?: boolean } = {}) {
  const written: string[] = [];
  let screen: { above(write: () => void): void } | undefined;
  const rawError = (text: string) => {
    if (screen === undefined) written.push(text);
    else screen.above(() => written.push(text));
  };
  const nothing = () => undefined;
  const out: Output = {
    json: change.json ?? false,
    quiet: change.quiet ?? false,
    terminal: { stdout: false, stderr: change.terminal ?? false },
    settings: { color: "never", cursor: true, ci: change.ci ?? false, columns: undefined },
    width: 80,
    columns: 80,
    rows: 24,
    color: false,
    style: plain,
    errorStyle: plain,
    line: nothing,
    info: nothing,
    record: nothing,
    raw: nothing,
    warn: nothing,
    rawError,
    error: nothing,
    flush: nothing,
    attach: (next) => {
      screen = next;
    },
  };
  return { out, written };
}

/** A host whose clock the test sets and whose screen is a list of frames. */
function fakeHost() {
  const frames: string[][] = [];
  let loads = 0;
  const state = { now: 0, loadable: true };
  const host: ProgressHost = {
    now: () => state.now,
    size: () => ({ columns: 80, rows: 24 }),
    load: async () => {
      loads++;
      if (!state.loadable) await new Promise(() => undefined);
      return () => ({
        draw: (lines) => frames.push([...lines]),
        clear: () => frames.push([]),
        unmount: () => frames.push(["unmounted"]),
      });
    },
  };
  return { host, frames, state, loads: () => loads };
}

test("short work on a terminal draws nothing and loads no drawing code", async () => {
  const { out, written } = recorder({ terminal: true });
  const { host, state, frames, loads } = fakeHost();
  const progress = createProgress(out, host);
  progress.stage("restoring", 10, "runs");
  for (state.now = 0; state.now < 290; state.now += 29) progress.advance(1);
  await progress.stop();
  expect(loads()).toBe(0);
  expect(frames).toEqual([]);
  expect(written).toEqual([]);
});

test("longer work is drawn with bar, counts, rate, time left and the item, and leaves a clean screen", async () => {
  const { out } = recorder({ terminal: true });
  const { host, state, frames } = fakeHost();
  const progress = createProgress(out, host);
  progress.stage("converting", 100, "events");
  progress.item("logs/a");
  for (; state.now <= 2000; state.now += 100) {
    progress.advance(2);
    await Promise.resolve();
  }
  expect(frames.at(-1)).toEqual(["converting  ▕█████       ▏   42%  42 of 100 events  23/s  2.5 s left", "  logs/a"]);
  await progress.stop();
  await progress.stop();
  expect(frames.at(-1)).toEqual(["unmounted"]);
});

test("a note goes above the drawing, which is taken away for it and drawn again", async () => {
  const { out, written } = recorder({ terminal: true });
  const { host, state, frames } = fakeHost();
  const progress = createProgress(out, host);
  progress.stage("verifying");
  for (; state.now <= 600; state.now += 100) {
    progress.advance(1);
    await Promise.resolve();
  }
  const before = frames.length;
  progress.note("skipped a\u001b[2J file");
  expect(written).toEqual(["skipped a\\x1b[2J file\n"]);
  expect(frames.slice(before)).toEqual([[], ["verifying  7  12/s  0.7 s"]]);
  await progress.stop();
});

test("work that never lets ink load gets one line rewritten in place, taken away at the end", async () => {
  const { out, written } = recorder({ terminal: true });
  const { host, state } = fakeHost();
  state.loadable = false;
  const progress = createProgress(out, host);
  progress.stage("converting", 1000, "events");
  for (; state.now <= 1500; state.now += 100) progress.advance(10);
  expect(written.every((text) => text.startsWith("\r\x1b[K"))).toBe(true);
  expect(written.at(-1)).toMatch(/converting: 160 of 1,000 events \(16%\), \S+\/s, \S+ s left$/);
  await progress.stop();
  expect(written.at(-1)).toBe("\r\x1b[K");
});

test("without a terminal, or in CI, long stages give a few plain lines and short ones none", async () => {
  for (const where of [{}, { terminal: true, ci: true }]) {
    const { out, written } = recorder(where);
    const { host, state } = fakeHost();
    const progress = createProgress(out, host);
    progress.stage("reading", 5, "files");
    progress.advance(5);
    state.now = 500;
    progress.stage("writing", 1000, "points");
    for (; state.now <= 12_500; state.now += 100) progress.advance(5);
    await progress.stop();
    expect(written).toEqual([
      expect.stringMatching(/^writing: 55 of 1,000 points \(5%\), \S+\/s, \S+ s left\n$/),
      expect.stringMatching(/^writing: 305 of 1,000 points \(30%\)/),
      expect.stringMatching(/^writing: 555 of 1,000 points \(55%\)/),
      "writing: 605 points in 12 s\n",
    ]);
  }
});

test("--quiet is silent, --json keeps only notes", async () => {
  for (const [change, expected] of [
    [{ quiet: true, terminal: true }, []],
    [{ json: true, terminal: true }, ["a note\n"]],
  ] as const) {
    const { out, written } = recorder(change);
    const { host, state } = fakeHost();
    const progress = createProgress(out, host);
    progress.stage("writing", 10);
    state.now = 60_000;
    progress.advance(1);
    progress.note("a note");
    await progress.stop();
    expect(written).toEqual([...expected]);
  }
});

test("the drawing never exceeds the terminal, whatever its width", () => {
  const stage = startStage("converting a tree of logs", 2_300_000, "events", 0);
  stage.done = 1_234_567;
  stage.item = "実験/".repeat(40);
  measure(stage, 1000);
  for (let columns = 1; columns < 160; columns++)
    for (const line of drawing(stage, columns, 1000, plain)) expect(textWidth(line)).toBeLessThan(Math.max(2, columns));
});

test("lines of bytes and of unknown totals are worded for people", () => {
  const bytes = startStage("copying", 5_000_000, "bytes", 0);
  bytes.done = 1_500_000;
  measure(bytes, 1000);
  expect(plainLine(bytes)).toBe("copying: 1.5 MB of 5.0 MB (30%), 1.5 MB/s, 2.3 s left");
  const open = startStage("reading", undefined, "runs", 0);
  expect(plainLine(open)).toBe("reading");
  open.done = 12;
  expect(plainLine(open)).toBe("reading: 12 runs");
  expect(drawBar(0.5, 4)).toBe("▕██  ▏");
  expect(drawBar(Number.NaN, 4)).toBe("▕    ▏");
});

test("the view shows its lines as they are", () => {
  const { lastFrame, rerender, unmount } = render(<ProgressView lines={["converting  50%", "  logs/a"]} />);
  expect(lastFrame()).toBe("converting  50%\n  logs/a");
  rerender(<ProgressView lines={[]} />);
  expect(lastFrame()).toBe("");
  unmount();
});
