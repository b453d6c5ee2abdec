// The table of `runs ls`: laid out by its first block of runs, printed block by block.
import { toNumber } from "../../formats/value.ts";
import { findMetric } from "../../server/listing/metricName.ts";
import type { MetricSummary, RunSummary } from "../../server/listing/summary.ts";
import { type CellOptions, type RunColumn, tableCell, tableColumns } from "./runColumns.ts";
import { sparkline } from "./sparkline.ts";
import type { Style } from "./style.ts";
import { alignTexts, type Cell, type Layout, layOut, tableLine, titleLine } from "./table.ts";
import { textWidth } from "./text.ts";

export const sparkCells = 8;

export type ReadSparks = (
  run: RunSummary,
  metrics: readonly MetricSummary[],
) => Promise<readonly (readonly number[])[]>;

/** Runs whose values are asked for at one time. */
const sparksAtOnce = 8;

export interface RunTableOptions {
  readonly columns: readonly RunColumn[];
  /** Whether the user named the columns; else those that are empty everywhere are left out. */
  readonly asked: boolean;
  readonly width: number;
  readonly style: Style;
  /** Of each metric of a run about `sparkCells` values. Asked only for what is shown, once for each run. */
  readonly readSparks: ReadSparks;
}

/** Keeps the layout of the first block for the ones behind it: memory is bounded by a block, whatever the list. */
export class RunTable {
  readonly #options: RunTableOptions;
  #layout: { readonly columns: readonly RunColumn[]; readonly layout: Layout } | undefined;

  constructor(options: RunTableOptions) {
    this.#options = options;
  }

  /** Lines for the next runs; before the first ones, the titles. */
  async block(runs: readonly RunSummary[], cells: CellOptions): Promise<string[]> {
    const { asked, width, style } = this.#options;
    const first = this.#layout === undefined;
    const wanted = this.#layout?.columns ?? this.#options.columns;
    let rows = runs.map((run) => wanted.map((column) => tableCell(run, column, cells)));
    let columns = wanted;
    if (first && !asked) {
      const kept = wanted.map((_, index) => index === 0 || rows.some((row) => row[index]!.text !== ""));
      columns = wanted.filter((_, index) => kept[index]);
      rows = rows.map((row) => row.filter((_, index) => kept[index]));
    }
    columns.forEach((column, index) => {
      if (column.kind === "metric") this.#makeRoomForSparks(rows, index);
    });
    // A long name of a metric is cut before its numbers are.
    const table = tableColumns(columns, asked).map((column, index) =>
      columns[index]!.kind === "metric"
        ? { ...column, min: Math.max(1, ...rows.map((row) => textWidth(row[index]!.text))) }
        : column,
    );
    const layout = this.#layout?.layout ?? layOut(table, rows, width);
    this.#layout ??= { columns, layout };
    await this.#drawSparks(runs, columns, rows, layout);
    // Without a terminal to fit, a later block's longer texts are shown whole.
    const cut = Number.isFinite(width);
    const lines = rows.map((row) => tableLine(table, layout, row, cut));
    return first ? [titleLine(table, layout, style, cut), ...lines] : lines;
  }

  #makeRoomForSparks(rows: Cell[][], index: number): void {
    const values = alignTexts(
      rows.map((row) => row[index]!.text),
      "right",
    );
    rows.forEach((row, at) => {
      if (row[index]!.text !== "") row[index] = { text: `${values[at]} ${"▁".repeat(sparkCells)}` };
    });
  }

  async #drawSparks(
    runs: readonly RunSummary[],
    columns: readonly RunColumn[],
    rows: Cell[][],
    layout: Layout,
  ): Promise<void> {
    const metricColumns = layout.shown.filter((index) => columns[index]!.kind === "metric");
    const draw = async (run: RunSummary, row: Cell[]) => {
      const wanted = metricColumns.flatMap((index) => {
        const column = columns[index]!;
        const metric = column.kind === "metric" ? findMetric(run, column.metric) : undefined;
        return metric === undefined || row[index]!.text === "" ? [] : { index, metric };
      });
      const drawn = wanted.filter(({ metric }) => toNumber(metric.last) !== undefined);
      const values =
        drawn.length === 0
          ? []
          : await this.#options.readSparks(
              run,
              drawn.map(({ metric }) => metric),
            );
      for (const { index, metric } of wanted) {
        const spark = values[drawn.findIndex((each) => each.metric === metric)] ?? [];
        row[index] = {
          text: (row[index]!.text.slice(0, -sparkCells) + sparkline(spark.slice(0, sparkCells))).trimEnd(),
        };
      }
    };
    for (let at = 0; at < runs.length; at += sparksAtOnce)
      await Promise.all(runs.slice(at, at + sparksAtOnce).map((run, i) => draw(run, rows[at + i]!)));
  }
}
