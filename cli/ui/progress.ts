// Draws the progress of long work on stderr, when anybody is there to see it; plain lines where there is only a log.
import { type Progress, silentProgress } from "../../formats/progress.ts";
import type { Output } from "../output.ts";
import { drawing, finishedLine, measure, plainLine, type StageState, startStage } from "./progressState.ts";
import type { MountedProgress } from "./progressView.tsx";
import { cutText, safeText } from "./text.ts";

export interface ProgressDisplay extends Progress {
  /** Takes the display off the screen. Safe to call twice. */
  stop(): Promise<void>;
}

/** Milliseconds: when a drawing appears, how often it changes, when a log hears of a stage, and how often. */
const pace = { appear: 300, redraw: 100, starved: 1_000, firstLine: 1_000, nextLine: 5_000 } as const;

export interface ProgressHost {
  /** Milliseconds of a monotonic clock. */
  now(): number;
  size(): { readonly columns: number; readonly rows: number };
  /** Reads what is needed to draw; the function it gives puts the drawing on the screen. */
  load(): Promise<() => MountedProgress>;
}

const terminalHost: ProgressHost = {
  now: () => performance.now(),
  size: () => ({ columns: process.stderr.columns || 80, rows: process.stderr.rows || 24 }),
  // ink and react take longer to read than most commands to run: only when there is something to draw.
  load: async () => {
    const { mountProgress } = await import("./progressView.tsx");
    return () => mountProgress(terminalHost.size());
  },
};

/** With `--quiet` nothing; with `--json` only notes; on a terminal a drawing; else (a pipe, a CI job) plain lines. */
export function createProgress(out: Output, host: ProgressHost = terminalHost): ProgressDisplay {
  if (out.quiet) return { ...silentProgress, async stop() {} };
  const note = (message: string) => out.rawError(`${safeText(message)}\n`);
  if (out.json) return { ...silentProgress, note, async stop() {} };
  const drawn = out.terminal.stderr && out.settings.cursor && !out.settings.ci;
  return drawn ? drawnProgress(out, host, note) : plainProgress(out, host, note);
}

/** Counts and names on the current stage, each of which may be the moment to show it. */
function counting(current: () => StageState | undefined, tick: () => void): Pick<Progress, "advance" | "item"> {
  return {
    advance: (count) => {
      const stage = current();
      if (stage === undefined) return;
      stage.done += count;
      tick();
    },
    item: (name) => {
      const stage = current();
      if (stage === undefined) return;
      stage.item = name;
      tick();
    },
  };
}

/** Lines in a log: one when a stage turns out to be long, then one every few seconds, one at its end. */
function plainProgress(out: Output, host: ProgressHost, note: (message: string) => void): ProgressDisplay {
  let stage: StageState | undefined;
  let lastLine: number | undefined;
  const tick = () => {
    if (stage === undefined) return;
    const now = host.now();
    measure(stage, now);
    if (now - (lastLine ?? stage.startedAt) < (lastLine === undefined ? pace.firstLine : pace.nextLine)) return;
    lastLine = now;
    out.rawError(`${plainLine(stage)}\n`);
  };
  const timer = setInterval(tick, pace.firstLine);
  timer.unref();
  const finish = () => {
    if (stage !== undefined && lastLine !== undefined) out.rawError(`${finishedLine(stage, host.now())}\n`);
    stage = undefined;
    lastLine = undefined;
  };
  return {
    stage: (name, total, unit) => {
      finish();
      stage = startStage(name, total, unit, host.now());
    },
    ...counting(() => stage, tick),
    note,
    stop: async () => {
      clearInterval(timer);
      finish();
    },
  };
}

/**
 * A drawing that appears after a moment. Work that never yields to the event loop starves timers and the loading of ink:
 * each call looks at the clock itself, and until ink is there a single line is rewritten in place.
 */
function drawnProgress(out: Output, host: ProgressHost, note: (message: string) => void): ProgressDisplay {
  let stage: StageState | undefined;
  let firstStageAt = 0;
  let drawnAt = Number.NEGATIVE_INFINITY;
  let view: MountedProgress | undefined;
  let loading = false;
  let stopped = false;
  /** Whether the line that stands in for ink is on the screen. */
  let standIn = false;
  /** Whether what is being written now is part of the drawing, or already above it. */
  let writing = false;

  const write = (text: string) => {
    const outer = writing;
    writing = true;
    out.rawError(text);
    writing = outer;
  };
  const clear = () => {
    view?.clear();
    if (standIn) write("\r\x1b[K");
    standIn = false;
  };
  const draw = (now: number) => {
    drawnAt = now;
    if (stage === undefined || stopped) return;
    measure(stage, now);
    const { columns } = host.size();
    if (view !== undefined) return view.draw(drawing(stage, columns, now, out.errorStyle));
    if (now - firstStageAt < pace.starved) return;
    write(`\r\x1b[K${cutText(plainLine(stage), columns - 1)}`);
    standIn = true;
  };
  const load = async () => {
    const mount = await host.load();
    if (stopped) return;
    clear();
    view = mount();
    draw(host.now());
  };
  const tick = () => {
    if (stage === undefined || stopped) return;
    const now = host.now();
    if (now - firstStageAt < pace.appear || now - drawnAt < pace.redraw) return;
    // Where ink cannot be read, the stand-in line goes on; the work matters more than its drawing.
    if (!loading) load().catch(() => undefined);
    loading = true;
    draw(now);
  };
  out.attach({
    above: (writeText) => {
      if (writing) return writeText();
      clear();
      writeText();
      draw(host.now());
    },
  });
  const timer = setInterval(tick, pace.redraw);
  timer.unref();
  return {
    stage: (name, total, unit) => {
      const now = host.now();
      if (stage === undefined) firstStageAt = now;
      stage = startStage(name, total, unit, now);
      tick();
    },
    ...counting(() => stage, tick),
    note,
    stop: async () => {
      if (stopped) return;
      stopped = true;
      clearInterval(timer);
      out.attach(undefined);
      if (standIn) clear();
      view?.unmount();
      view = undefined;
    },
  };
}
