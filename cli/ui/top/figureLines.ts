// The figures of a system as a grid of short cells, and why some are not known.
import { type Figure, figureNames, type LiveFigures } from "../../../server/live/figures.ts";
import { counted, groupDigits, shortBytes, shortCount, shortDuration } from "../numbers.ts";
import { sparkline } from "../sparkline.ts";
import type { Paint, Style } from "../style.ts";
import { cutText, padText, safeText, textWidth } from "../text.ts";
import { type TopState, unitOf } from "./state.ts";

interface Cell {
  readonly label: string;
  readonly value: string;
  /** Instead of the value, where there is too little room. */
  readonly short?: string | undefined;
  readonly paint?: Paint | undefined;
  /** Drawn behind the value where there is room. */
  readonly history?: readonly number[] | undefined;
}

/** What is not known. */
const unknown = "–";
const labelWidth = 13;
/** Cells are not made narrower. */
const leastCell = 26;

/** In how many columns of cells `width` is divided. */
function columnsOf(width: number): number {
  return Math.max(1, Math.min(4, Math.floor(width / leastCell)));
}

export function figureGrid(state: TopState, width: number, style: Style): string[] {
  const columns = columnsOf(width);
  const cellWidth = Math.floor(width / columns);
  const cells = cellsOf(state, style);
  const lines: string[] = [];
  for (let at = 0; at < cells.length; at += columns)
    lines.push(
      cells
        .slice(at, at + columns)
        .map((cell) => drawCell(cell, cellWidth, style))
        .join("")
        .trimEnd(),
    );
  return lines;
}

function drawCell({ label, value, short, paint, history }: Cell, width: number, style: Style): string {
  const room = width - labelWidth - 2;
  const text = cutText(textWidth(value) > room ? (short ?? value) : value, room);
  // As many bars as fit, and no more than can be taken in.
  const bars = Math.min(30, room - textWidth(text) - 1);
  const spark = history === undefined || bars < 4 ? "" : rateLine(history.slice(-bars));
  const painted = text === unknown ? style.dim(text) : (paint ?? ((plain) => plain))(text);
  const drawn = style.dim(padText(cutText(label, labelWidth - 1), labelWidth)) + painted;
  const whole = spark === "" ? drawn : `${drawn} ${style.cyan(spark)}`;
  return padText(whole, width);
}

/** Bars begin at 0, so that a steady rate looks steady, and none at all looks like nothing. */
function rateLine(rates: readonly number[]): string {
  return sparkline([0, Math.max(1e-9, ...rates.filter(Number.isFinite)), ...rates]).slice(2);
}

function cellsOf({ sample, rates, history }: TopState, style: Style): Cell[] {
  const figures: LiveFigures = sample?.figures ?? { at: 0, missing: {} };
  const { received, applied, queue, lag, letters, errors, store, blobs, memory, connections, runs, slow } = figures;
  const slowest = slow?.queries[0];
  const least = (more: boolean) => (more ? "≥" : "");
  const rate = (perSecond: number | undefined, total: object | undefined) =>
    perSecond === undefined ? (total === undefined ? unknown : "…") : `${shortCount(perSecond)}/s`;
  const inUnit = unitOf(received);
  const outUnit = unitOf(applied);
  const alarm = (isOn: boolean) => (isOn ? style.red : undefined);
  return [
    {
      label: `${inUnit} in`,
      value: rate(rates.received[inUnit], received),
      history: received && history.received,
    },
    {
      label: "applied",
      value: rate(rates.applied[outUnit], applied),
      history: applied && history.applied,
    },
    { label: "queue", value: queue === undefined ? unknown : counted(queue.messages, "msg") },
    { label: "consumer lag", value: lag === undefined ? unknown : counted(lag.messages, "msg") },
    {
      label: "dead letters",
      value: letters === undefined ? unknown : `${least(letters.more)}${groupDigits(letters.open)}`,
      paint: alarm((letters?.open ?? 0) > 0),
    },
    {
      label: "errors",
      value: errors === undefined ? unknown : `${groupDigits(errors.count)} in ${minutes(errors.seconds)}`,
      paint: alarm((errors?.count ?? 0) > 0),
    },
    { label: "store", value: store === undefined ? unknown : shortBytes(store.bytes) },
    {
      label: "blobs",
      value:
        blobs === undefined
          ? unknown
          : blobs.whole
            ? `${shortBytes(blobs.bytes)}, ${counted(blobs.files, "file")}`
            : `≥${shortBytes(blobs.bytes)} so far`,
      short: blobs && `${least(!blobs.whole)}${shortBytes(blobs.bytes)}`,
    },
    { label: "memory", value: memory === undefined ? unknown : shortBytes(memory.bytes) },
    { label: "clients", value: connections === undefined ? unknown : counted(connections.open, "socket") },
    { label: "active runs", value: runs === undefined ? unknown : `${least(runs.more)}${groupDigits(runs.active)}` },
    { label: "slowest", value: slow === undefined ? unknown : slowest ? milliseconds(slowest.seconds) : "none yet" },
  ];
}

/** `15 min` */
export function minutes(seconds: number): string {
  return `${Math.round(seconds / 60)} min`;
}

/** Of a query: `3 ms`, `1.2 s`. */
export function milliseconds(seconds: number): string {
  return seconds < 0.995 ? `${Math.round(seconds * 1_000)} ms` : shortDuration(seconds);
}

const titles: Readonly<Record<Figure, string>> = {
  ...{ received: "points in", applied: "applied", queue: "queue", lag: "consumer lag", letters: "dead letters" },
  ...{ store: "store", blobs: "blobs", runs: "active runs", connections: "clients", memory: "memory" },
  ...{ slow: "slowest", errors: "errors" },
};

/** `points in, applied: no server has this folder`: one text for each reason. */
export function missingReasons({ missing }: LiveFigures): string[] {
  const byReason = Map.groupBy(
    figureNames.filter((name) => missing[name] !== undefined),
    (name) => missing[name]!,
  );
  return [...byReason].map(([reason, names]) => {
    const of = names.length === figureNames.length ? "all figures" : names.map((name) => titles[name]).join(", ");
    return `${safeText(reason)}: ${of}`;
  });
}

/** The same on one line; nothing when all is known. */
export function missingLine(figures: LiveFigures, width: number, style: Style): string {
  const reasons = missingReasons(figures);
  return reasons.length === 0 ? "" : style.dim(cutText(`${unknown} ${reasons.join("; ")}`, width));
}
