// Active runs as lines of a table: what each is, how far it is, and its newest metrics with sparklines.
import type { Value } from "../../../formats/value.ts";
import { metricTitle } from "../../../server/listing/metricName.ts";
import type { RunSummary } from "../../../server/listing/summary.ts";
import { relativeTime, shortCount, shortDuration, shortValue } from "../numbers.ts";
import { sparkline } from "../sparkline.ts";
import type { Style } from "../style.ts";
import { cutMiddle, cutText, padText, safeText } from "../text.ts";
import type { SortName } from "./order.ts";
import { heardOf, type TopState } from "./state.ts";
import { metricKey, newestMetrics } from "./track.ts";

/** Cells of each column, and how many metrics there are with how much of each. */
interface Widths {
  readonly name: number;
  readonly experiment: number;
  readonly created: number;
  readonly metrics: number;
  readonly metricName: number;
  readonly spark: number;
}

const gap = 2;
const mark = 2;
const hash = 8;
const heard = 10;
const step = 9;
const speed = 7;
const value = 9;

function widthsOf(width: number): Widths {
  const isWide = width >= 110;
  const isVeryWide = width >= 160;
  const experiment = isWide ? 16 : 0;
  const created = isWide ? 9 : 0;
  const [metricName, spark] = isVeryWide ? [18, 12] : isWide ? [12, 12] : [8, 8];
  const metric = metricName + 1 + value + 1 + spark;
  const fixed = mark + hash + gap + heard + gap + step + gap + (isWide ? speed + created + experiment + 3 * gap : 0);
  // The name gets a share of what is there, the metrics the rest, the name what they leave over.
  const leastName = isVeryWide ? 32 : isWide ? 24 : 12;
  const room = width - fixed - leastName;
  const metrics = Math.max(0, Math.min(4, Math.floor(room / (metric + gap))));
  const name = Math.max(4, leastName + room - metrics * (metric + gap));
  return { name, experiment, created, metrics, metricName, spark };
}

/** Values that a sparkline in a table of `width` is drawn from, and of how many metrics. */
export function sparksShown(width: number): { readonly metrics: number; readonly values: number } {
  const { metrics, spark } = widthsOf(width);
  // One at least: it tells when the run was heard.
  return { metrics: Math.max(1, metrics), values: spark };
}

export function runTitle(state: TopState, width: number, style: Style): string {
  const sorted = (name: SortName, title: string) =>
    state.sort === name ? `${title}${state.reversed ? "▴" : "▾"}` : title;
  const { name, experiment, created, metrics, metricName, spark } = widthsOf(width);
  const cells = [
    " ".repeat(mark) + padText("run", hash),
    padText(sorted("name", "name"), name),
    ...(experiment > 0 ? [padText(sorted("experiment", "experiment"), experiment)] : []),
    ...(created > 0 ? [padText(sorted("created", "age"), created, "right")] : []),
    padText(sorted("heard", "heard"), heard, "right"),
    padText(sorted("step", "step"), step, "right"),
    ...(created > 0 ? [padText(sorted("speed", "steps/s"), speed, "right")] : []),
    ...(metrics > 0 ? [padText("newest metrics", metricName + value + spark + 2)] : []),
  ];
  return style.bold(cutText(cells.join(" ".repeat(gap)).trimEnd(), width));
}

/** `now` in seconds since the epoch. The selected run is marked, without colours too. */
export function runLine(
  state: TopState,
  run: RunSummary,
  { width, style, now, isSelected }: { width: number; style: Style; now: number; isSelected: boolean },
): string {
  const { name, experiment, created, metrics, metricName, spark } = widthsOf(width);
  const track = state.tracks.get(run.hash);
  const lastHeard = heardOf(state, run.hash);
  const sparks = state.sparks.get(run.hash);
  const shown = newestMetrics(run, track).slice(0, metrics);
  const speedText = track?.speed === undefined ? "–" : shortCount(track.speed);
  const right = (text: string, cells: number) => padText(cutText(text, cells), cells, "right");
  const left = (text: string, cells: number) => padText(cutText(text, cells), cells);
  const nameText = padText(cutMiddle(safeText(run.name), name), name);
  const cells = [
    (isSelected ? style.bold("› ") : "  ") + style.yellow(left(safeText(run.hash.slice(0, hash)), hash)),
    isSelected ? style.bold(nameText) : nameText,
    ...(experiment > 0 ? [left(safeText(run.experiment ?? ""), experiment)] : []),
    ...(created > 0
      ? [right(run.createdAt === undefined ? "–" : shortDuration(Math.max(0, now - run.createdAt)), created)]
      : []),
    style.dim(right(lastHeard === undefined ? "–" : ago(lastHeard, now), heard)),
    right(track?.step === undefined ? "–" : String(track.step), step),
    ...(created > 0 ? [right(speedText, speed)] : []),
    ...shown.map((metric) => {
      // The context is told where it tells metrics apart.
      const isAlone = shown.every((other) => other === metric || other.name !== metric.name);
      const title = left(safeText(isAlone ? metric.name : metricTitle(metric)), metricName);
      const values = sparks?.get(metricKey(metric))?.values ?? [];
      const drawn = sparkline(values.slice(-spark));
      return `${style.dim(title)} ${right(valueText(metric.last), value)} ${style.cyan(padText(drawn, spark))}`;
    }),
  ];
  return cells.join(" ".repeat(gap)).trimEnd();
}

/** With fewer digits where all don't fit. */
function valueText(last: Value | undefined): string {
  const text = safeText(shortValue(last));
  if (text.length <= value || typeof last !== "number") return text;
  return (
    [4, 3, 2, 1].map((digits) => String(Number(last.toPrecision(digits)))).find((rounded) => rounded.length <= value) ??
    text
  );
}

/** `now`, `12 s ago`, else as lists say it. */
export function ago(at: number, now: number): string {
  const seconds = now - at;
  if (seconds < 3 && seconds > -60) return "now";
  return seconds >= 3 && seconds < 59.5 ? `${Math.round(seconds)} s ago` : relativeTime(at, now);
}
