// A line chart of braille dots with axes and a legend, for terminals and for pipes.
import { type Axis, durationAxis, linearAxis, logAxis } from "./axis.ts";
import { BrailleCanvas } from "./braille.ts";
import type { Style } from "./style.ts";
import { cutText, padText, textWidth } from "./text.ts";

export interface ChartSeries {
  /** What the legend says of it: cells of a line, padded into columns. */
  readonly legend: readonly string[];
  /** Ascending; as many as `ys`. */
  readonly xs: readonly number[];
  /** NaN and infinities are gaps. */
  readonly ys: readonly number[];
}

export interface ChartOptions {
  readonly title: string;
  readonly xTitle: string;
  /** How x is measured: plain numbers, or seconds to be labelled as durations. */
  readonly x: "number" | "seconds";
  /** Logarithmic y axis: values that are not positive are gaps. */
  readonly yLog: boolean;
  /** Cells of the whole chart across, and of its drawing area down. */
  readonly width: number;
  readonly height: number;
  readonly style: Style;
}

/** Smallest chart that can be read. */
export const smallestChart = { width: 24, height: 4 } as const;

/**
 * The chart's lines, none wider than `width`. Without colours, lines of several series carry their legend's letter.
 * Undefined when no series has a value that can be drawn.
 */
export function drawChart(series: readonly ChartSeries[], options: ChartOptions): string[] | undefined {
  const { style } = options;
  const drawable = (y: number) => Number.isFinite(y) && (!options.yLog || y > 0);
  const bounds = boundsOf(series, drawable);
  if (bounds === undefined) return undefined;
  const width = Math.max(smallestChart.width, options.width);
  const rows = Math.max(smallestChart.height, options.height);
  const yTicks = Math.max(3, Math.min(8, Math.round(rows / 3)));
  const yAxis = options.yLog
    ? logAxis(bounds.yLow, bounds.yHigh, yTicks)
    : linearAxis(bounds.yLow, bounds.yHigh, yTicks, true);
  const labelWidth = Math.max(1, ...yAxis.labels.map(textWidth));
  const columns = Math.max(2, width - labelWidth - 2);
  const xAxis = (options.x === "seconds" ? durationAxis : linearAxis)(
    bounds.xLow,
    bounds.xHigh,
    Math.max(2, Math.min(10, Math.floor(columns / 12))),
  );

  const canvas = new BrailleCanvas(columns, rows);
  const toX = (x: number) => clampRound(xAxis.position(x) * (canvas.width - 1), canvas.width);
  const toY = (y: number) => clampRound((1 - yAxis.position(y)) * (canvas.height - 1), canvas.height);
  for (const [layer, one] of series.entries()) drawSeries(canvas, one, layer, drawable, toX, toY);
  const letters =
    !style.enabled && series.length > 1 ? placeLetters(series, canvas, drawable, toX, toY) : new Map<number, string>();

  const tickAtRow = new Map<number, string>();
  yAxis.ticks.forEach((tick, index) => {
    const row = toY(tick) >> 2;
    if (!tickAtRow.has(row)) tickAtRow.set(row, yAxis.labels[index]!);
  });
  const lines = [style.bold(cutText(options.title, width))];
  for (let row = 0; row < rows; row++) {
    const label = tickAtRow.get(row);
    const side = `${padText(label ?? "", labelWidth, "right")} ${label === undefined ? "│" : "┤"}`;
    lines.push(style.dim(side) + drawRow(canvas, row, letters, style));
  }
  lines.push(...xAxisLines(xAxis, labelWidth, columns, toX, options, width));
  lines.push(...legendLines(series, width, style));
  return lines.map((line) => line.trimEnd());
}

function boundsOf(series: readonly ChartSeries[], drawable: (y: number) => boolean) {
  const bounds = {
    xLow: Number.POSITIVE_INFINITY,
    xHigh: Number.NEGATIVE_INFINITY,
    yLow: Number.POSITIVE_INFINITY,
    yHigh: Number.NEGATIVE_INFINITY,
  };
  for (const { xs, ys } of series) {
    ys.forEach((y, index) => {
      if (!drawable(y)) return;
      bounds.yLow = Math.min(bounds.yLow, y);
      bounds.yHigh = Math.max(bounds.yHigh, y);
      bounds.xLow = Math.min(bounds.xLow, xs[index]!);
      bounds.xHigh = Math.max(bounds.xHigh, xs[index]!);
    });
  }
  return bounds.yLow > bounds.yHigh ? undefined : bounds;
}

function clampRound(position: number, size: number): number {
  return Math.min(size - 1, Math.max(0, Math.round(position)));
}

type ToDot = (value: number) => number;

function drawSeries(
  canvas: BrailleCanvas,
  { xs, ys }: ChartSeries,
  layer: number,
  drawable: (y: number) => boolean,
  toX: ToDot,
  toY: ToDot,
): void {
  let previous: { x: number; y: number; alone: boolean } | undefined;
  const endSegment = () => {
    // One dot alone is hard to see: a point without neighbours is a small square.
    if (!previous?.alone) return;
    const left = Math.min(previous.x, canvas.width - 2);
    const top = Math.min(previous.y, canvas.height - 2);
    for (const [x, y] of [
      [0, 0],
      [1, 0],
      [0, 1],
      [1, 1],
    ] as const)
      canvas.dot(left + x, top + y, layer);
  };
  ys.forEach((value, index) => {
    if (!drawable(value)) {
      endSegment();
      previous = undefined;
      return;
    }
    const x = toX(xs[index]!);
    const y = toY(value);
    if (previous === undefined) previous = { x, y, alone: true };
    else {
      canvas.line(previous.x, previous.y, x, y, layer);
      previous = { x, y, alone: false };
    }
  });
  endSegment();
}

/** Where the letters of series stand: a few along each line, none on top of another. Keys are cell indexes. */
function placeLetters(
  series: readonly ChartSeries[],
  canvas: BrailleCanvas,
  drawable: (y: number) => boolean,
  toX: ToDot,
  toY: ToDot,
): Map<number, string> {
  const letters = new Map<number, string>();
  const perLine = 3;
  series.forEach(({ xs, ys }, which) => {
    const points = xs.map((x, index) => [x, ys[index]!] as const).filter(([, y]) => drawable(y));
    for (let part = 0; part < Math.min(perLine, points.length); part++) {
      const wanted = Math.floor((points.length * (part + (which + 1) / (series.length + 1))) / perLine);
      for (let index = wanted; index < points.length; index++) {
        const cell = (toY(points[index]![1]) >> 2) * canvas.columns + (toX(points[index]![0]) >> 1);
        if (letters.has(cell)) continue;
        letters.set(cell, seriesLetter(which));
        break;
      }
    }
  });
  return letters;
}

/** A, B, ... Z, a, ... z, then `*`. */
function seriesLetter(index: number): string {
  return index < 26 ? String.fromCharCode(65 + index) : index < 52 ? String.fromCharCode(71 + index) : "*";
}

function drawRow(canvas: BrailleCanvas, row: number, letters: ReadonlyMap<number, string>, style: Style): string {
  let line = "";
  let run = "";
  let runLayer = -1;
  const flush = () => {
    line += runLayer < 0 ? run : style.series(runLayer)(run);
    run = "";
  };
  for (let column = 0; column < canvas.columns; column++) {
    const { character, layer } = canvas.cell(column, row);
    if (layer !== runLayer) flush();
    runLayer = layer;
    run += letters.get(row * canvas.columns + column) ?? character;
  }
  if (runLayer >= 0 || style.enabled === false) flush();
  return line.trimEnd();
}

function xAxisLines(
  axis: Axis,
  labelWidth: number,
  columns: number,
  toX: ToDot,
  options: ChartOptions,
  width: number,
): string[] {
  const rule = Array.from({ length: columns }, () => "─");
  const labels = Array.from({ length: labelWidth + 2 + columns }, () => " ");
  let free = 0;
  axis.ticks.forEach((tick, index) => {
    const column = toX(tick) >> 1;
    const label = axis.labels[index]!;
    const size = textWidth(label);
    const start = Math.max(0, Math.min(labelWidth + 2 + column - Math.floor(size / 2), labels.length - size));
    if (start < free) return;
    rule[column] = "┬";
    for (let offset = 0; offset < size; offset++) labels[start + offset] = label[offset]!;
    free = start + size + 2;
  });
  const { dim } = options.style;
  const indent = labelWidth + 2 + Math.max(0, Math.floor((columns - textWidth(options.xTitle)) / 2));
  return [
    dim(`${" ".repeat(labelWidth + 1)}└${rule.join("")}`),
    dim(labels.join("").trimEnd()),
    dim(cutText(`${" ".repeat(indent)}${options.xTitle}`, width)),
  ];
}

function legendLines(series: readonly ChartSeries[], width: number, style: Style): string[] {
  const cells = Math.max(0, ...series.map(({ legend }) => legend.length));
  const widths = Array.from({ length: cells }, (_, cell) =>
    Math.max(0, ...series.map(({ legend }) => textWidth(legend[cell] ?? ""))),
  );
  return series.map(({ legend }, index) => {
    const mark = style.enabled ? "━━" : series.length > 1 ? seriesLetter(index) : "⠒⠒";
    const text = legend
      .map((cell, position) => padText(cell, widths[position]!))
      .filter((_, position) => widths[position]! > 0)
      .join("  ");
    return `${style.series(index)(mark)}  ${cutText(text.trimEnd(), width - textWidth(mark) - 2)}`;
  });
}
