// The page of one run: what it is, all its metrics with sparklines, its parameters, and the last lines of its log.

import { metricTitle } from "../../../server/listing/metricName.ts";
import { systemName } from "../../../server/listing/params.ts";
import type { RunSummary } from "../../../server/listing/summary.ts";
import { counted, isoTime, relativeTime, shortValue } from "../numbers.ts";
import { paramTree } from "../paramTree.ts";
import { paramsOf } from "../runPage.ts";
import { sparkline } from "../sparkline.ts";
import type { Style } from "../style.ts";
import { type Column, tableLines } from "../table.ts";
import { cutText, padText, safeText } from "../text.ts";
import { ago } from "./runTable.ts";
import { heardOf, type OpenedPage, type TopState } from "./state.ts";
import { metricKey, shownMetrics } from "./track.ts";

/** Metrics that are read and shown of a run; the rest is counted. */
export const shownMetricLines = 200;
/** Values of a sparkline. */
export const pageSpark = 24;
/** Log lines that are read. */
export const logLines = 40;
/** Below that, metrics and parameters come after each other. */
const twoColumns = 120;

export interface PageView {
  readonly width: number;
  readonly height: number;
  readonly style: Style;
  /** Seconds since the epoch. */
  readonly now: number;
}

interface Parts {
  readonly head: readonly string[];
  /** What can be scrolled. */
  readonly body: readonly string[];
  readonly log: readonly string[];
}

/** The lines of the opened run, at most `height`. */
export function openedLines(state: TopState, view: PageView): string[] {
  const { head, body, log } = partsOf(state, view);
  const room = roomOf(view, head, log);
  const scroll = Math.min(state.opened?.scroll ?? 0, Math.max(0, body.length - room));
  const shown = body.slice(scroll, scroll + room);
  const padding = log.length === 0 ? [] : Array.from({ length: room - shown.length }, () => "");
  return [...head, ...shown, ...padding, ...log].slice(0, view.height);
}

/** How many lines can be scrolled past, and how many are seen at a time. */
export function openedScroll(state: TopState, view: PageView): { readonly furthest: number; readonly page: number } {
  const { head, body, log } = partsOf(state, view);
  const page = roomOf(view, head, log);
  return { furthest: Math.max(0, body.length - page), page: Math.max(1, page - 1) };
}

function roomOf({ height }: PageView, head: readonly string[], log: readonly string[]): number {
  return Math.max(0, height - head.length - log.length);
}

function partsOf(state: TopState, view: PageView): Parts {
  const { opened } = state;
  if (opened === undefined) return { head: [], body: [], log: [] };
  const { style, width } = view;
  const { page } = opened;
  if (page === undefined)
    return { head: [style.dim(cutText(`reading run ${safeText(opened.hash)} ...`, width))], body: [], log: [] };
  const { run } = page;
  if (run === undefined)
    return {
      head: [style.red(cutText(`run ${safeText(opened.hash)} is not there any more`, width))],
      body: [],
      log: [],
    };
  return { head: headOf(state, run, view), body: bodyOf(run, page, view), log: logOf(page, view) };
}

function headOf(state: TopState, run: RunSummary, { width, style, now }: PageView): string[] {
  const status = run.status === "active" ? style.green(run.status) : style.dim(run.status);
  const name = cutText(safeText(run.name), width - run.status.length - 2);
  const created = run.createdAt === undefined ? undefined : isoTime(Math.floor(run.createdAt));
  const heard = heardOf(state, run.hash);
  const facts = [
    run.hash,
    ...(run.experiment === undefined ? [] : [`experiment ${run.experiment}`]),
    ...(run.tags.length === 0 ? [] : [`tags ${run.tags.join(", ")}`]),
  ];
  const times = [
    ...(created === undefined ? [] : [`began ${created} (${relativeTime(run.createdAt!, now)})`]),
    ...(heard === undefined ? [] : [`heard ${ago(heard, now)}`]),
  ];
  const line = (parts: readonly string[]) => style.dim(cutText(safeText(parts.join("  ")), width));
  return [`${style.bold(name)}  ${status}`, line(facts), line(times), ""];
}

function bodyOf(run: RunSummary, page: OpenedPage, { width, style }: PageView): string[] {
  const isWide = width >= twoColumns;
  const left = isWide ? Math.floor((width * 3) / 5) : width;
  const metrics = metricLines(run, page, left - (isWide ? 2 : 0), style);
  const params = paramLines(run, isWide ? width - left : width, style);
  if (!isWide) return [...metrics, "", ...params];
  return Array.from({ length: Math.max(metrics.length, params.length) }, (_, i) =>
    `${padText(metrics[i] ?? "", left)}${params[i] ?? ""}`.trimEnd(),
  );
}

function metricLines(run: RunSummary, { sparks }: OpenedPage, width: number, style: Style): string[] {
  const columns: Column[] = [
    { title: "metric", importance: 100, min: 12 },
    { title: "step", importance: 60, align: "right" },
    { title: "last", importance: 90, align: "right" },
    { title: "", importance: 80 },
  ];
  const all = shownMetrics(run).sort((a, b) => (metricTitle(a) < metricTitle(b) ? -1 : 1));
  if (all.length === 0) return [style.bold("Metrics"), style.dim("none yet")];
  const rows = all
    .slice(0, shownMetricLines)
    .map((metric) => [
      safeText(metricTitle(metric)),
      metric.lastStep === undefined ? "" : String(metric.lastStep),
      safeText(shortValue(metric.last)),
      { text: sparkline(sparks.get(metricKey(metric))?.values ?? []), paint: style.cyan },
    ]);
  const more = all.length - rows.length;
  return [
    style.bold("Metrics"),
    ...tableLines(columns, rows, width, { ...style, bold: style.dim }),
    ...(more > 0 ? [style.dim(cutText(`and ${counted(more, "metric")} more: matyan runs show`, width))] : []),
  ];
}

function paramLines(run: RunSummary, width: number, style: Style): string[] {
  const params = paramsOf(run.attrs ?? new Map());
  params.delete(systemName);
  return [style.bold("Parameters"), ...(params.size === 0 ? [style.dim("none")] : paramTree(params, width, style))];
}

/** The end of the log, at the bottom: a quarter of the page. */
function logOf({ log }: OpenedPage, { width, height, style }: PageView): string[] {
  if (log.length === 0) return [];
  const lines = log.slice(-Math.max(1, Math.floor(height / 4)));
  return ["", style.bold("Log"), ...lines.map((line) => cutText(safeText(visible(line)), width))];
}

/** What a terminal would show of a line: without colours, and of a progress bar that went over itself the last state. */
function visible(line: string): string {
  const states = Bun.stripANSI(line).split("\r");
  return states.findLast((state) => state !== "") ?? "";
}
