// The columns of `runs ls`: what can be named, and what each shows in a table and in CSV.
import { MatyanError } from "../../formats/error.ts";
import { formatJson } from "../../formats/json.ts";
import { isMap, type Value } from "../../formats/value.ts";
import { findMetric, type MetricRef, parseMetric } from "../../server/listing/metricName.ts";
import { nearestNames } from "../../server/listing/nearest.ts";
import { paramAt } from "../../server/listing/params.ts";
import type { RunStatus, RunSummary } from "../../server/listing/summary.ts";
import { isoTime, relativeTime, shortDuration, shortValue } from "./numbers.ts";
import type { Paint, Style } from "./style.ts";
import type { Cell, Column } from "./table.ts";
import { safeText } from "./text.ts";

export const fieldNames = [
  "hash",
  "name",
  "description",
  "experiment",
  "tags",
  "status",
  "created",
  "finished",
  "duration",
] as const;
export type FieldName = (typeof fieldNames)[number];

export type RunColumn =
  | { readonly kind: "field"; readonly field: FieldName }
  | { readonly kind: "metric"; readonly metric: MetricRef; readonly title: string }
  | { readonly kind: "param"; readonly path: string };

/** `hash,name,metric:loss{subset=val},param:hparams.lr`. @throws MatyanError `usage` naming the columns that there are. */
export function parseColumns(text: string): RunColumn[] {
  return splitOutsideBraces(text).map((name) => {
    if (name.startsWith("metric:") && name.length > 7) {
      const title = name.slice(7);
      return { kind: "metric", metric: parseMetric(title), title };
    }
    if (name.startsWith("param:") && name.length > 6) return { kind: "param", path: name.slice(6) };
    const field = fieldNames.find((known) => known === name);
    if (field !== undefined) return { kind: "field", field };
    const near = nearestNames(name, [...fieldNames, "metric:NAME", "param:PATH"], 1)[0];
    throw new MatyanError("usage", `there is no column '${name}'`, {
      hint: `${near === undefined ? "" : `Did you mean ${near}? `}Columns: ${fieldNames.join(", ")}, metric:NAME, param:PATH.`,
    });
  });
}

function splitOutsideBraces(text: string): string[] {
  return (text.match(/(?:\{[^}]*\}|[^,])+/g) ?? []).map((name) => name.trim()).filter((name) => name !== "");
}

export function columnTitle(column: RunColumn): string {
  if (column.kind === "field") return column.field;
  return column.kind === "metric" ? column.title : column.path;
}

/** Importance and smallest width of a column in a table that must fit. */
const fieldLayout: Readonly<Record<FieldName, Pick<Column, "importance" | "min" | "align" | "cut">>> = {
  hash: { importance: 100 },
  name: { importance: 90, min: 12, cut: "middle" },
  status: { importance: 70 },
  created: { importance: 65 },
  experiment: { importance: 60, min: 8 },
  duration: { importance: 45, align: "right" },
  tags: { importance: 50, min: 8 },
  finished: { importance: 40 },
  description: { importance: 30, min: 12 },
};

/** The first metrics matter more than tags and durations, the others less. */
const metricImportance = [68, 48, 35, 34];

/** Table columns in the same order. `asked` columns were named by the user: they shrink before any of them is dropped. */
export function tableColumns(columns: readonly RunColumn[], asked: boolean): Column[] {
  let metrics = 0;
  return columns.map((column) => {
    const title = safeText(columnTitle(column));
    if (column.kind === "field") {
      const layout = fieldLayout[column.field];
      return { title, ...layout, ...(asked && layout.min !== undefined ? { min: 3 } : {}) };
    }
    if (column.kind === "metric") return { title, importance: metricImportance[metrics++] ?? 20 };
    return { title, importance: 55, min: 4 };
  });
}

export interface CellOptions {
  readonly style: Style;
  /** Seconds since the epoch, for times as people read them; undefined: ISO times. */
  readonly now: number | undefined;
  readonly shortHashes: ReadonlyMap<string, string>;
}

const statusPaint: Readonly<Record<RunStatus, (style: Style) => Paint | undefined>> = {
  active: (style) => style.green,
  finished: () => undefined,
  archived: (style) => style.dim,
  deleting: (style) => style.red,
};

/** A cell of the table, safe to print. Of metrics only the value: its sparkline costs reading and comes later. */
export function tableCell(run: RunSummary, column: RunColumn, { style, now, shortHashes }: CellOptions): Cell {
  if (column.kind === "metric") return { text: safeText(shortValue(findMetric(run, column.metric)?.last)) };
  if (column.kind === "param") return { text: safeText(paramText(paramAt(run.attrs ?? new Map(), column.path))) };
  const moment = (seconds: number | undefined) =>
    seconds === undefined ? "" : now === undefined ? (isoTime(seconds) ?? "") : relativeTime(seconds, now);
  switch (column.field) {
    case "hash":
      return { text: safeText(shortHashes.get(run.hash) ?? run.hash), paint: style.yellow };
    case "status":
      return { text: run.status, paint: statusPaint[run.status](style) };
    case "tags":
      return { text: safeText(run.tags.join(", ")), paint: style.cyan };
    case "created":
      return { text: moment(run.createdAt) };
    case "finished":
      return { text: moment(run.finishedAt) };
    case "duration":
      return { text: run.duration === undefined ? "" : shortDuration(run.duration) };
    case "experiment":
      return { text: safeText(run.experiment ?? "") };
    case "name":
    case "description":
      return { text: safeText(run[column.field]) };
  }
}

/** The same in full for CSV: whole hashes, ISO times, seconds, unrounded numbers. */
export function csvField(run: RunSummary, column: RunColumn): string {
  if (column.kind === "metric") return exactText(findMetric(run, column.metric)?.last);
  if (column.kind === "param") return exactText(paramAt(run.attrs ?? new Map(), column.path));
  switch (column.field) {
    case "hash":
    case "name":
    case "description":
    case "status":
      return run[column.field];
    case "experiment":
      return run.experiment ?? "";
    case "tags":
      return run.tags.join(";");
    case "created":
      return run.createdAt === undefined ? "" : (isoTime(run.createdAt) ?? String(run.createdAt));
    case "finished":
      return run.finishedAt === undefined ? "" : (isoTime(run.finishedAt) ?? String(run.finishedAt));
    case "duration":
      return run.duration === undefined ? "" : String(run.duration);
  }
}

function paramText(value: Value | undefined): string {
  if (value === undefined) return "";
  return typeof value === "string"
    ? value
    : isMap(value) || Array.isArray(value)
      ? formatJson(value)
      : exactText(value);
}

function exactText(value: Value | undefined): string {
  if (value === undefined || value === null) return "";
  if (typeof value === "number" && !Number.isFinite(value))
    return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  return typeof value === "string" ? value : formatJson(value);
}
