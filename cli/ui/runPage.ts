// The page of `runs show`: what a run is, its parameters, sequences and artifacts.
import { isMap, type Value, type ValueMap } from "../../formats/value.ts";
import { contextText } from "../../server/listing/contextText.ts";
import { systemName } from "../../server/listing/params.ts";
import type { MetricSummary, RunSummary } from "../../server/listing/summary.ts";
import { type ArtifactEntry, artifactsName, artifactsOf } from "../../server/store/artifactEntries.ts";
import { isMetric } from "../../server/store/traces.ts";
import { isoTime, relativeTime, shortDuration, shortValue } from "./numbers.ts";
import { paramTree } from "./paramTree.ts";
import { sparkline } from "./sparkline.ts";
import type { Style } from "./style.ts";
import { type Cell, type Column, tableLines } from "./table.ts";
import { cutText, safeText } from "./text.ts";

export interface SequenceRow {
  readonly sequence: MetricSummary;
  readonly first: bigint | undefined;
  readonly last: bigint | undefined;
  /** Values for a sparkline; empty for what is no metric. */
  readonly spark: readonly number[];
}

export interface PageOptions {
  readonly width: number;
  readonly style: Style;
  /** Seconds since the epoch, to say how long ago things were; undefined: only when. */
  readonly now: number | undefined;
  /** Everything: system parameters, and values whole. */
  readonly all: boolean;
}

/** Attributes that are parameters: not the references to files. */
export function paramsOf(attrs: ValueMap): ValueMap {
  return new Map([...attrs].filter(([name]) => name !== artifactsName));
}

export function runPage(run: RunSummary, sequences: readonly SequenceRow[], options: PageOptions): string[] {
  const attrs = run.attrs ?? new Map<string, Value>();
  const sections = [
    header(run, options),
    parameters(attrs, options),
    sequenceTable(sequences, options),
    imagesHint(run, options),
    artifactTable(artifactsOf(attrs.get(artifactsName)), options),
  ];
  return sections.filter((lines) => lines.length > 0).flatMap((lines, index) => (index === 0 ? lines : ["", ...lines]));
}

function header(run: RunSummary, { width, style, now }: PageOptions): string[] {
  const moment = (seconds: number | undefined) => {
    if (seconds === undefined) return "";
    const iso = isoTime(seconds) ?? String(seconds);
    const relative = now === undefined ? "" : relativeTime(seconds, now);
    return relative === "" || iso.startsWith(relative) ? iso : `${iso} (${relative})`;
  };
  const fields: [string, string][] = [
    ["hash", run.hash],
    ["experiment", run.experiment ?? ""],
    ["tags", run.tags.join(", ")],
    ["status", run.archived && run.active ? `${run.status}, not finished` : run.status],
    ["created", moment(run.createdAt)],
    ["finished", moment(run.finishedAt)],
    ["duration", run.duration === undefined ? "" : shortDuration(run.duration)],
    ["description", run.description],
  ];
  const label = Math.max(...fields.map(([name]) => name.length)) + 2;
  return [
    style.bold(cutText(safeText(run.name), width)),
    ...fields
      .filter(([, value]) => value !== "")
      .map(([name, value]) => style.dim(name.padEnd(label)) + cutText(safeText(value), width - label)),
  ];
}

function parameters(attrs: ValueMap, { width, style, all }: PageOptions): string[] {
  const params = paramsOf(attrs);
  const system = params.get(systemName);
  if (!all) params.delete(systemName);
  const lines =
    params.size === 0
      ? []
      : [style.bold("Parameters"), ...paramTree(params, all ? Number.POSITIVE_INFINITY : Math.min(width, 160), style)];
  if (all || system === undefined) return lines;
  const hidden = `${countLeaves(system)} values of the machine and its software: --all shows them`;
  return [...(lines.length === 0 ? [style.bold("Parameters")] : lines), style.dim(cutText(hidden, width))];
}

function countLeaves(value: Value): number {
  if (isMap(value)) return [...value.values()].reduce<number>((sum, child) => sum + countLeaves(child), 0);
  return Array.isArray(value) ? value.reduce<number>((sum, child) => sum + countLeaves(child), 0) : 1;
}

function sequenceTable(rows: readonly SequenceRow[], { width, style }: PageOptions): string[] {
  if (rows.length === 0) return [];
  const columns: Column[] = [
    { title: "sequence", importance: 100, min: 12 },
    { title: "context", importance: 70, min: 8 },
    { title: "type", importance: 40 },
    { title: "steps", importance: 60, align: "right" },
    { title: "last", importance: 90, align: "right" },
    { title: "", importance: 80 },
  ];
  const sorted = rows.toSorted(
    (a, b) => Number(isMetric(b.sequence)) - Number(isMetric(a.sequence)) || compareSequences(a, b),
  );
  const cells = sorted.map(({ sequence, first, last, spark }): (string | Cell)[] => {
    const metric = isMetric(sequence);
    return [
      safeText(sequence.name),
      safeText(contextText(sequence.context)),
      { text: safeText(sequence.dtype), paint: style.dim },
      first === undefined ? "" : first === last ? String(first) : `${first} – ${last}`,
      metric ? safeText(shortValue(sequence.last)) : "",
      metric ? sparkline(spark) : "",
    ];
  });
  return [style.bold("Sequences"), ...tableLines(columns, cells, width, { ...style, bold: style.dim })];
}

/** A page shows no pictures, but says how they are seen. */
function imagesHint({ hash, sequences }: RunSummary, { width, style }: PageOptions): string[] {
  if (!sequences.some(({ dtype }) => dtype === "image")) return [];
  return [style.dim(cutText(`Images are shown by: matyan runs images ${safeText(hash)}`, width))];
}

function compareSequences(a: SequenceRow, b: SequenceRow): number {
  const key = ({ sequence }: SequenceRow) => `${sequence.name}\0${contextText(sequence.context)}`;
  return key(a) < key(b) ? -1 : 1;
}

function artifactTable(artifacts: readonly ArtifactEntry[], { width, style }: PageOptions): string[] {
  if (artifacts.length === 0) return [];
  const columns: Column[] = [
    { title: "path", importance: 100, min: 12 },
    { title: "type", importance: 60, min: 8 },
    { title: "blob", importance: 40, min: 12 },
  ];
  const rows = artifacts.map(({ path, contentType, key }) => [safeText(path), safeText(contentType), safeText(key)]);
  return [style.bold("Artifacts"), ...tableLines(columns, rows, width, { ...style, bold: style.dim })];
}
