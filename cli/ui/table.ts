// Tables of text that fit the terminal: columns shrink, then go, the least important first.
import type { Paint, Style } from "./style.ts";
import { cutMiddle, cutText, padText, textWidth } from "./text.ts";

export interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
  /** Where there is too little room, columns of low importance lose theirs first. The first column never goes. */
  readonly importance: number;
  /** Cells that the column may shrink to; undefined: it is shown whole or not at all. */
  readonly min?: number;
  /** Where texts that are too long lose something; their end unless told. */
  readonly cut?: "end" | "middle";
}

export interface Cell {
  readonly text: string;
  readonly paint?: Paint | undefined;
}

export type Row = readonly (string | Cell)[];

/** Columns that are shown, and the cells each has. */
export interface Layout {
  readonly shown: readonly number[];
  readonly widths: readonly number[];
}

const gap = 2;

/** Gives each column its place in lines of `width` cells (infinite: as wide as needed). Texts are free of colours. */
export function layOut(columns: readonly Column[], rows: readonly Row[], width: number): Layout {
  const widths = columns.map((column, index) => {
    let natural = textWidth(column.title);
    for (const row of rows) natural = Math.max(natural, textWidth(textOf(row[index])));
    return natural;
  });
  let shown = columns.map((_, index) => index);
  const byImportance = columns.map((_, index) => index).sort((a, b) => columns[a]!.importance - columns[b]!.importance);
  const excess = () => shown.reduce((sum, index) => sum + widths[index]!, 0) + gap * (shown.length - 1) - width;

  // What no shrinking can make room for goes first; columns are then shrunk only for those that stay.
  const least = () =>
    shown.reduce((sum, index) => sum + Math.min(widths[index]!, columns[index]!.min ?? widths[index]!), 0) +
    gap * (shown.length - 1);
  for (const index of byImportance) {
    if (least() <= width) break;
    if (index !== 0) shown = shown.filter((other) => other !== index);
  }
  for (const index of byImportance) {
    const over = excess();
    if (over <= 0) break;
    const min = columns[index]!.min;
    if (min !== undefined && shown.includes(index))
      widths[index] = Math.max(Math.min(widths[index]!, min), widths[index]! - over);
  }
  if (excess() > 0) widths[shown[0]!] = Math.max(0, width);
  return { shown, widths: shown.map((index) => widths[index]!) };
}

/** One line of the table, without trailing spaces. `cut` is false where lines may be longer than the layout foresaw. */
export function tableLine(columns: readonly Column[], layout: Layout, row: Row, cut = true): string {
  let line = "";
  // Padding is held back until another cell follows it.
  let pending = "";
  layout.shown.forEach((index, position) => {
    const width = layout.widths[position]!;
    const cell = row[index];
    const plain = textOf(cell);
    const shorten = columns[index]!.cut === "middle" ? cutMiddle : cutText;
    const text = cut ? shorten(plain, width) : plain;
    const padding = " ".repeat(Math.max(0, width - textWidth(text)));
    const right = columns[index]!.align === "right";
    if (right) pending += padding;
    if (text !== "") {
      const paint = typeof cell === "object" ? cell.paint : undefined;
      line += pending + (paint === undefined ? text : paint(text));
      pending = "";
    }
    if (!right) pending += padding;
    pending += " ".repeat(gap);
  });
  return line;
}

export function titleLine(columns: readonly Column[], layout: Layout, style: Style, cut = true): string {
  return tableLine(
    columns,
    layout,
    columns.map(({ title }) => ({ text: title, paint: style.bold })),
    cut,
  );
}

/** All lines of a table: titles, then rows. */
export function tableLines(columns: readonly Column[], rows: readonly Row[], width: number, style: Style): string[] {
  const layout = layOut(columns, rows, width);
  return [titleLine(columns, layout, style), ...rows.map((row) => tableLine(columns, layout, row))];
}

/** Pads texts of one column to a common width, so that what follows them inside the cell lines up. */
export function alignTexts(texts: readonly string[], align: "left" | "right"): string[] {
  const width = Math.max(0, ...texts.map(textWidth));
  return texts.map((text) => padText(text, width, align));
}

function textOf(cell: string | Cell | undefined): string {
  return cell === undefined ? "" : typeof cell === "string" ? cell : cell.text;
}
