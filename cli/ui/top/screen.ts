// The whole screen of `matyan top` as lines: exactly as many as the terminal has, none wider than it.

import type { RunSummary } from "../../../server/listing/summary.ts";
import { groupDigits, isoTime } from "../numbers.ts";
import type { Style } from "../style.ts";
import { cutText, padText, safeText, textWidth } from "../text.ts";
import { figureGrid, missingLine } from "./figureLines.ts";
import { helpLines } from "./help.ts";
import { openedLines, openedScroll } from "./openedPage.ts";
import { errorPanel, slowPanel } from "./panels.ts";
import { runLine, runTitle } from "./runTable.ts";
import { listed, selectedIndex, type TopState, windowOf } from "./state.ts";

export interface Screen {
  readonly columns: number;
  readonly rows: number;
  readonly style: Style;
  /** Seconds since the epoch. */
  readonly now: number;
  /** What is looked at, and how often, seconds. */
  readonly place: string;
  readonly interval: number;
}

export function screenLines(state: TopState, screen: Screen): string[] {
  const { columns, rows } = screen;
  const lines = [...headLines(state, screen), ...middle(state, screen)].slice(0, rows - 1);
  const padding = Array.from({ length: Math.max(0, rows - 1 - lines.length) }, () => "");
  return [...lines, ...padding, footLine(state, screen)].slice(0, rows).map((line) => fitted(line, columns));
}

/** The runs of which something is on the screen. */
export function runsOnScreen(state: TopState, screen: Screen): readonly RunSummary[] {
  if (state.isHelp || state.opened !== undefined) return [];
  return windowOf(state, listed(state), panels(state, screen).rows);
}

/** For `press`: how many lines a page has, and how far can be scrolled. */
export function pagesOf(state: TopState, screen: Screen): { readonly page: number; readonly furthest: number } {
  if (state.opened === undefined) return { page: Math.max(1, panels(state, screen).rows - 1), furthest: 0 };
  return openedScroll(state, pageView(screen));
}

const titleRows = 2;

function headLines(state: TopState, { columns, style, now, place, interval }: Screen): string[] {
  const clock = `${isoTime(Math.floor(now))?.slice(11) ?? ""}  ${state.isPaused ? "paused" : `every ${interval} s`}`;
  const name = "matyan top";
  const room = columns - name.length - clock.length - 4;
  const where = room < 4 ? "" : `  ${padText(cutText(safeText(place), room), room)}`;
  const right = state.isPaused ? style.yellow(clock) : style.dim(clock);
  const trouble = state.trouble === undefined ? "" : style.red(cutText(safeText(state.trouble), columns));
  return [`${style.bold(name)}${where}  ${right}`, trouble];
}

function middle(state: TopState, screen: Screen): string[] {
  if (state.isHelp) return helpLines(screen.style, screen.columns);
  if (state.opened !== undefined) return openedLines(state, pageView(screen));
  return panels(state, screen).lines;
}

function pageView({ columns, rows, style, now }: Screen) {
  return { width: columns, height: Math.max(0, rows - titleRows - 1), style, now };
}

/** All between title and foot, and how many rows the table of runs has. */
function panels(state: TopState, { columns, rows, style, now }: Screen): { lines: string[]; rows: number } {
  if (state.sample === undefined) return { lines: [], rows: 0 };
  const { figures } = state.sample;
  // On a low screen the runs get a half of it.
  const grid = figureGrid(state, columns, style).slice(0, Math.max(1, Math.floor((rows - titleRows - 2) / 2)));
  const missing = missingLine(figures, columns, style);
  const above = [...grid, ...(missing === "" ? [] : [missing]), ""];
  const free = rows - titleRows - above.length - 1;
  // Runs come first: panels get what a screen has beyond a handful of them.
  const share = free < 10 ? 0 : free < 20 ? 2 : Math.min(8, Math.floor(free / 6));
  const slow = slowPanel(figures, share, columns, now, style);
  const errors = errorPanel(figures, Math.max(Math.min(share, 1), Math.floor(share / 2)), columns, now, style);
  const below = [slow, errors].filter((lines) => lines.length > 0).flatMap((lines) => ["", ...lines]);
  const runs = listed(state);
  // Its title and the line on what is not shown.
  const room = Math.max(1, free - below.length - 2);
  const selected = runs[selectedIndex(state, runs)];
  const shown = windowOf(state, runs, room).map((run) =>
    runLine(state, run, { width: columns, style, now, isSelected: run === selected }),
  );
  const padding = Array.from({ length: room - shown.length }, () => "");
  const lines = [
    ...above,
    runTitle(state, columns, style),
    ...(shown.length === 0 ? [style.dim(emptyText(state)), ...padding.slice(1)] : [...shown, ...padding]),
    style.dim(cutText(limitText(state, runs.length, shown.length), columns)),
    ...below,
  ];
  return { lines, rows: room };
}

function emptyText(state: TopState): string {
  return (state.typed ?? state.filter) === "" ? "  no run is active" : "  no active run has this text";
}

/** What of all active runs is listed. */
export function limitText(state: TopState, runs: number, shown: number): string {
  const { active } = state.sample!;
  const filter = state.typed ?? state.filter;
  const total = state.sample!.figures.runs;
  const all = total === undefined ? "" : ` of ${total.more ? "≥" : ""}${groupDigits(total.active)}`;
  const parts = [
    shown < runs ? `${shown} of ${runs} listed` : "",
    active.more ? `the newest ${active.runs.length}${all} active runs are looked at` : "",
    filter === "" ? "" : `with '${safeText(filter)}'`,
  ];
  const text = parts.filter((part) => part !== "").join("; ");
  return text === "" ? "" : `  ${text}`;
}

function footLine(state: TopState, { columns, style }: Screen): string {
  if (state.typed !== undefined)
    return cutText(`filter: ${safeText(state.typed)}▏  enter keeps it, esc drops it`, columns);
  const keys = state.isHelp
    ? "any key goes back  q quit"
    : state.opened !== undefined
      ? "esc back  ↑↓ scroll  p pause  ? help  q quit"
      : columns < 80
        ? "enter open  s sort  / filter  ? help  q quit"
        : `enter open  s sort: ${state.sort}  r reverse  / filter  p pause  ? help  q quit`;
  return style.dim(cutText(keys, columns));
}

/** A last resort: lines are made to fit, and one that isn't loses its colours and its end. */
export function fitted(line: string, columns: number): string {
  return textWidth(line) <= columns ? line : cutText(Bun.stripANSI(line), columns);
}
