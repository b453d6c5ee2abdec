// Writes texts, histograms and all other tensors: as text, distribution and figure values, with every element kept.
import type { ValueContext } from "./emit.ts";
import { type Distribution, distributionOfHistogram, distributionOfRows } from "./histogram.ts";
import type { LineBuffer } from "./lines.ts";
import { decodeMessage, type HistogramMessage } from "./messages.ts";
import { npyHeader } from "./npy.ts";
import { Shape } from "./tensor.ts";

const misfit = "tensor whose bytes do not fit its shape";
/** Tensors with more elements go into a blob of numpy's format: a line must stay one that readers can hold. */
const maxInlineElements = 100_000;

/** One string is the text; several are a Markdown table, and kept one by one beside it. */
export function writeText(context: ValueContext): true | string {
  const { out, tensor, bytes } = context;
  const strings = tensor.strings();
  const count = strings.length / 2;
  let replaced = false;
  out.text('{"type": "text", "data": ');
  if (count === 1 || tensor.shape.length === 0) {
    replaced = out.utf8(bytes, strings[0] ?? 0, strings[1] ?? 0);
    out.text("}");
  } else {
    const fits = tensor.count === count;
    const shape = fits ? tensor.shape : [count];
    const cells: string[] = [];
    for (let index = 0; index < count; index++)
      cells.push(new TextDecoder().decode(bytes.subarray(strings[index * 2], strings[index * 2 + 1])));
    out.text(JSON.stringify(markdownTable(cells, shape.length === 1 ? 1 : shape.at(-1)!)));
    out.text(`, "shape": [${shape.join(", ")}], "cells": [`);
    for (let index = 0; index < count; index++) {
      if (index > 0) out.text(", ");
      replaced = out.utf8(bytes, strings[index * 2]!, strings[index * 2 + 1]!) || replaced;
    }
    out.text("]}");
  }
  if (replaced) context.note("text that is not UTF-8: bytes replaced by U+FFFD");
  return true;
}

/** A table without headings; Markdown wants a heading row, which stays empty. */
function markdownTable(cells: readonly string[], columns: number): string {
  if (cells.length === 0) return "";
  const row = (items: readonly string[]) => `| ${items.join(" | ")} |`;
  const escaped = cells.map((cell) => cell.replaceAll("|", "\\|").replace(/\r?\n/g, "<br>"));
  const lines = [row(Array<string>(columns).fill("")), row(Array<string>(columns).fill("---"))];
  for (let at = 0; at < escaped.length; at += columns) lines.push(row(escaped.slice(at, at + columns)));
  return lines.join("\n");
}

/** `HistogramProto`, and TF2's tensor of rows (left, right, count). */
export function writeDistribution(context: ValueContext): true | string {
  if (context.shape === Shape.histo) {
    const message = decodeMessage("Histogram", context.bytes.slice(context.start, context.end));
    if (message === undefined) return "histogram that cannot be read";
    writeBuckets(context.out, distributionOfHistogram(message), message);
    return true;
  }
  const numbers = context.tensor.numbers();
  if (numbers === undefined) return misfit;
  writeBuckets(context.out, distributionOfRows(numbers.map(Number)));
  return true;
}

function writeBuckets(out: LineBuffer, { counts, edges }: Distribution, message?: HistogramMessage): void {
  out.text(`{"type": "distribution", "bin_count": ${counts.length}, "range": `);
  writeList(out, [edges[0] ?? 0, edges.at(-1) ?? 0]);
  out.text(', "data": ');
  writeList(out, counts);
  out.text(', "edges": ');
  writeList(out, edges);
  if (message !== undefined) {
    const { min = 0, max = 0, num = 0, sum = 0, sumSquares = 0 } = message;
    for (const [name, value] of Object.entries({ min, max, num, sum, sum_squares: sumSquares })) {
      out.text(`, "${name}": `);
      writeNumber(out, value);
    }
  }
  out.text("}");
}

/** Plotly JSON to look at, and what the tensor was: dtype, shape, plugin. */
export function writeFigure(context: ValueContext): true | string {
  const { out, tensor, tag } = context;
  const complex = tensor.dtypeName.startsWith("complex");
  const shape = complex ? [...tensor.shape, 2] : tensor.shape;
  const facts = `"tensor": {"dtype": "${tensor.dtypeName}", "shape": [${tensor.shape.join(", ")}], "plugin": ${JSON.stringify(tag.plugin)}`;
  if (tensor.count > maxInlineElements) return writeLargeTensor(context, facts);
  const elements = tensor.numbers();
  if (elements === undefined) return misfit;
  const numbers = tensor.integer ? elements.map(BigInt) : elements;
  out.text('{"type": "figure", "data": {"data": [');
  if (tag.plugin === "pr_curves" && shape.length === 2 && shape[0] === 6) writePrCurve(out, numbers, shape[1]!);
  else if (shape.length < 2) {
    out.text('{"type": "scatter", "mode": "lines", "y": ');
    writeList(out, numbers);
    out.text("}");
  } else {
    const columns = shape.at(-1)!;
    out.text('{"type": "heatmap", "z": [');
    for (let at = 0; at < numbers.length; at += columns) {
      if (at > 0) out.text(", ");
      writeList(out, numbers, at, at + columns);
    }
    out.text("]}");
  }
  out.text(`], "layout": {"title": {"text": ${JSON.stringify(tag.name)}}}}, ${facts}}}`);
  return true;
}

/** Rows of the tensor: true positives, false positives, true negatives, false negatives, precision, recall. */
function writePrCurve(out: LineBuffer, numbers: readonly (number | bigint)[], thresholds: number): void {
  out.text('{"type": "scatter", "mode": "lines", "x": ');
  writeList(out, numbers, thresholds * 5, thresholds * 6);
  out.text(', "y": ');
  writeList(out, numbers, thresholds * 4, thresholds * 5);
  out.text(', "customdata": [');
  for (let index = 0; index < thresholds; index++) {
    if (index > 0) out.text(", ");
    const counts = [0, 1, 2, 3].map((row) => numbers[row * thresholds + index]!);
    writeList(out, [...counts, thresholds > 1 ? index / (thresholds - 1) : 0]);
  }
  out.text(
    '], "hovertemplate": "recall %{x}<br>precision %{y}<br>TP %{customdata[0]}, FP %{customdata[1]}, ' +
      'TN %{customdata[2]}, FN %{customdata[3]}<br>threshold %{customdata[4]}"}',
  );
}

function writeLargeTensor(context: ValueContext, facts: string): true | string {
  const { out, tensor, bytes } = context;
  const range = tensor.rawRange();
  const type = tensor.numpyType;
  if (range === undefined) return "tensor of more than 100,000 elements in an unusual encoding";
  const raw = bytes.subarray(range.start, range.end);
  const digest = new Bun.CryptoHasher("sha256").update(raw).digest("hex").slice(0, 8);
  const path = `seq/${context.tag.path}/${context.step}-${digest}.${type === undefined ? "bin" : "npy"}`;
  context.blob({ path, ...range, ...(type === undefined ? {} : { header: npyHeader(type, tensor.shape) }) });
  context.note("tensor of more than 100,000 elements, kept as a blob");
  out.text(
    `{"type": "figure", "data": {"data": [], "layout": {"title": {"text": ${JSON.stringify(`${context.tag.name}: too large to draw`)}}}}, ` +
      `${facts}}, "s3_key": ${JSON.stringify(`${context.hash}/${path}`)}}`,
  );
  return true;
}

function writeList(out: LineBuffer, numbers: readonly (number | bigint)[], from = 0, to = numbers.length): void {
  out.text("[");
  for (let index = from; index < to; index++) {
    if (index > from) out.text(", ");
    writeNumber(out, numbers[index]!);
  }
  out.text("]");
}

function writeNumber(out: LineBuffer, value: number | bigint): void {
  if (typeof value === "bigint") {
    out.text(value.toString());
  } else {
    out.reserve(32);
    out.float(value);
  }
}
