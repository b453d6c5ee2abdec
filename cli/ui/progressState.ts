// What a progress display shows: counts, rate, time left, and the lines made of them.
import { groupDigits, shortBytes, shortCount, shortDuration } from "./numbers.ts";
import type { Style } from "./style.ts";
import { cutText, safeText, textWidth } from "./text.ts";

/** One stage of long work. Times in milliseconds of a monotonic clock. */
export interface StageState {
  readonly name: string;
  readonly total: number | undefined;
  readonly unit: string;
  readonly startedAt: number;
  done: number;
  item: string;
  /** Units per second, smoothed over some seconds; 0 until there is something to tell. */
  rate: number;
  measuredAt: number;
  measuredDone: number;
}

export function startStage(name: string, total: number | undefined, unit: string | undefined, now: number): StageState {
  return {
    name,
    total: total !== undefined && Number.isFinite(total) && total > 0 ? total : undefined,
    unit: unit ?? "",
    startedAt: now,
    done: 0,
    item: "",
    rate: 0,
    measuredAt: now,
    measuredDone: 0,
  };
}

const measureMs = 500;
const smoothMs = 5_000;

/** Updates the rate; cheap enough to be called before every drawing. */
export function measure(stage: StageState, now: number): void {
  const elapsed = now - stage.measuredAt;
  if (elapsed < measureMs) return;
  const current = ((stage.done - stage.measuredDone) * 1000) / elapsed;
  // Exponential smoothing whose weight follows from the time that passed, so that irregular calls don't matter.
  const weight = stage.rate === 0 ? 1 : 1 - Math.exp(-elapsed / smoothMs);
  stage.rate += (current - stage.rate) * weight;
  stage.measuredAt = now;
  stage.measuredDone = stage.done;
}

/** Seconds that the stage still takes at its rate, or undefined when that cannot be told. */
function secondsLeft(stage: StageState): number | undefined {
  if (stage.total === undefined || stage.rate <= 0) return undefined;
  return Math.max(0, stage.total - stage.done) / stage.rate;
}

function amount(count: number, unit: string): string {
  return isBytes(unit) ? shortBytes(count) : groupDigits(Math.round(count));
}

function isBytes(unit: string): boolean {
  return unit === "bytes" || unit === "B";
}

/** `12,000 of 100,000 events`, or what is known of it. */
function counts(stage: StageState): string {
  const unit = isBytes(stage.unit) || stage.unit === "" ? "" : ` ${stage.unit}`;
  const done = amount(stage.done, stage.unit);
  return stage.total === undefined ? `${done}${unit}` : `${done} of ${amount(stage.total, stage.unit)}${unit}`;
}

function rateText(stage: StageState): string {
  if (stage.rate <= 0) return "";
  return isBytes(stage.unit) ? `${shortBytes(stage.rate)}/s` : `${shortCount(stage.rate)}/s`;
}

/** The stage as one plain line for a log: `converting: 12,000 of 100,000 events (12%), 14.0k/s, 6 s left: logs/a`. */
export function plainLine(stage: StageState): string {
  const left = secondsLeft(stage);
  const percent = stage.total === undefined ? "" : ` (${percentOf(stage)}%)`;
  const parts = [
    ...(stage.done > 0 || stage.total !== undefined ? [`${counts(stage)}${percent}`] : []),
    rateText(stage),
    left === undefined ? "" : `${shortDuration(left)} left`,
  ].filter((part) => part !== "");
  const head = parts.length === 0 ? stage.name : `${stage.name}: ${parts.join(", ")}`;
  return stage.item === "" ? head : `${head}: ${safeText(stage.item)}`;
}

/** The line that ends a stage in a log. */
export function finishedLine(stage: StageState, now: number): string {
  const took = shortDuration((now - stage.startedAt) / 1000);
  return stage.done > 0
    ? `${stage.name}: ${counts({ ...stage, total: undefined })} in ${took}`
    : `${stage.name}: ${took}`;
}

function percentOf(stage: StageState): number {
  return stage.total === undefined ? 0 : Math.min(100, Math.floor((stage.done / stage.total) * 100));
}

/** Cells of the bar on a wide terminal, and on a narrow one. */
const barCells = { wide: 24, narrow: 12 } as const;

/**
 * The drawing on a terminal of `columns`: a line of bar, counts, rate and time left, and a line for the item.
 * Parts are dropped from the end, then the bar, until the line fits.
 */
export function drawing(stage: StageState, columns: number, now: number, style: Style): string[] {
  const width = Math.max(1, columns - 1);
  const left = secondsLeft(stage);
  const elapsed = shortDuration((now - stage.startedAt) / 1000);
  const details = [counts(stage), rateText(stage), left === undefined ? elapsed : `${shortDuration(left)} left`].filter(
    (part) => part !== "",
  );
  const bar =
    stage.total === undefined ? "" : drawBar(stage.done / stage.total, columns < 100 ? barCells.narrow : barCells.wide);
  const percent = stage.total === undefined ? "" : `${String(percentOf(stage)).padStart(3)}%`;
  const lines = [];
  for (let kept = details.length; ; kept--) {
    const withBar = kept > 0 || details.length === 0;
    const parts = [
      stage.name,
      ...(withBar && bar !== "" ? [bar] : []),
      ...(percent === "" ? [] : [percent]),
      ...details.slice(0, kept),
    ];
    const fits = textWidth(parts.join("  ")) <= width;
    if (!fits && kept > 0) continue;
    if (!fits) lines.push(style.bold(cutText(parts.join("  "), width)));
    else
      lines.push(
        [style.bold(parts[0]!), ...parts.slice(1).map((part) => (part === bar ? style.cyan(part) : part))].join("  "),
      );
    break;
  }
  if (stage.item !== "") lines.push(style.dim(cutText(`  ${safeText(stage.item)}`, width)));
  return lines;
}

const eighths = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"] as const;

/** A bar of `cells` cells, exact to an eighth of a cell. */
export function drawBar(fraction: number, cells: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, Number.isFinite(fraction) ? fraction : 0)) * cells * 8);
  const bar = "█".repeat(Math.floor(filled / 8)) + eighths[filled % 8]!;
  return `▕${bar.padEnd(cells)}▏`;
}
