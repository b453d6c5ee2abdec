// What `runs tail` prints: lines and records as they come, and metrics as one line for each step.
import { isMap, toNumber, type Value } from "../../formats/value.ts";
import { contextText } from "../../server/listing/contextText.ts";
import type { NewPoints } from "../../server/listing/followRun.ts";
import type { LiveSequence } from "../../server/listing/liveRun.ts";
import type { Point } from "../../server/store/sequences.ts";
import { Stored } from "../json.ts";
import type { Output } from "../output.ts";
import { LineBelow } from "./lineBelow.ts";
import { isoTime, shortValue } from "./numbers.ts";
import { shownLine } from "./terminalLine.ts";
import { safeText } from "./text.ts";

/** The values of one step in one context. */
interface StepLine {
  readonly step: bigint;
  readonly context: string;
  readonly values: [name: string, value: Value][];
}

/** A line that may still change: the Python client stores what has no end yet, and later the whole at the same step. */
interface OpenLine {
  readonly step: bigint;
  readonly value: Value;
  /** Milliseconds: when it was first seen like this. */
  readonly since: number;
  readonly isPrinted: boolean;
}

/** A line that stays the same for so long counts as whole. The Python client stores changes every second. */
const settledMs = 2_500;

export class TailPrinter {
  readonly #out: Output;
  readonly #now: () => number;
  readonly #below: LineBelow;
  #open: OpenLine | undefined;
  /** Steps whose other metrics may still come, by context and step. */
  #held = new Map<string, StepLine>();

  /** @param now milliseconds of a clock that only goes forward */
  constructor(out: Output, now: () => number = () => performance.now()) {
    this.#out = out;
    this.#now = now;
    this.#below = new LineBelow(out);
  }

  /**
   * Prints what came at one time. The newest step of each context is held until the next call (`isLast`: it is not), so that
   * metrics that are logged one after another come on one line.
   * @param mostSteps of what was there before: lines of metrics at most, the last ones, and none held
   */
  print(news: readonly NewPoints[], isLast: boolean, mostSteps?: number): void {
    for (const { sequence, points } of news)
      if (sequence.kind !== "metric")
        for (const point of points)
          if (sequence.kind === "record") this.#record(point);
          else this.#lineCame(point);
    this.#settle(isLast);
    this.#metricsCame(news, isLast, mostSteps);
  }

  /** Prints what is still held, of the terminal at least. */
  end(): void {
    this.#settle(true);
  }

  #metricsCame(news: readonly NewPoints[], isLast: boolean, mostSteps: number | undefined): void {
    const metrics = news.filter(({ sequence }) => sequence.kind === "metric");
    if (this.#out.json) {
      for (const { sequence, points } of metrics)
        for (const { step, value } of points)
          this.#out.record({
            ...{ type: "metric", step, metric: sequence.name, context: sequence.context, value: new Stored(value) },
          });
      return;
    }
    const due = new Set(this.#held.keys());
    for (const { sequence, points } of metrics) for (const point of points) this.#hold(sequence, point);
    const newest = new Map<string, bigint>();
    for (const { step, context } of this.#held.values())
      if (step > (newest.get(context) ?? step - 1n)) newest.set(context, step);
    const shown = [...this.#held].filter(
      ([key, { step, context }]) => isLast || mostSteps !== undefined || due.has(key) || step < newest.get(context)!,
    );
    for (const [key] of shown) this.#held.delete(key);
    const lines = shown.map(([, line]) => line).sort((a, b) => Number(a.step - b.step));
    for (const line of lines.slice(-(mostSteps ?? lines.length))) this.#metrics(line);
  }

  #hold(sequence: LiveSequence, { step, value }: Point): void {
    const context = contextText(sequence.context);
    const key = `${step} ${context}`;
    const line = this.#held.get(key) ?? { step, context, values: [] };
    line.values.push([sequence.name, value]);
    this.#held.set(key, line);
  }

  #metrics({ step, context, values }: StepLine): void {
    const { style } = this.#out;
    const parts = [
      style.dim(`step ${step}`),
      ...values.map(([name, value]) => `${safeText(name)} ${style.cyan(safeText(shortValue(value) || "none"))}`),
      ...(context === "" ? [] : [style.dim(safeText(context))]),
    ];
    this.#out.line(parts.join("  "));
  }

  #lineCame({ step, value }: Point): void {
    if (this.#open?.isPrinted === false && this.#open.step !== step) this.#line(this.#open);
    this.#open = { step, value, since: this.#now(), isPrinted: false };
  }

  /** The newest line is printed when nothing more is to come of it; until then it stands below. */
  #settle(isLast: boolean): void {
    const open = this.#open;
    if (open === undefined || open.isPrinted) return;
    const isSettled = isLast || this.#now() - open.since >= settledMs;
    this.#below.show(isSettled ? "" : shownLine(shortValue(open.value), false));
    // What has no beginning yet, either, is none.
    if (!isSettled || open.value === "") return;
    this.#open = { ...open, isPrinted: true };
    this.#line(open);
  }

  #line({ step, value }: Pick<OpenLine, "step" | "value">): void {
    this.#below.show("");
    this.#out.record({ type: "line", step, line: typeof value === "string" ? value : new Stored(value) });
    this.#lines("", shortValue(value));
  }

  #record({ step, value }: Point): void {
    const record = isMap(value) ? value : new Map<string, Value>([["message", value]]);
    const [message, time] = [record.get("message"), toNumber(record.get("timestamp"))];
    const level = levelText(record.get("log_level"));
    const args = record.get("args") ?? null;
    this.#out.record({
      ...{ type: "record", step, level, time: time ?? null },
      ...{ message: typeof message === "string" ? message : new Stored(message ?? null), args: new Stored(args) },
    });
    const { style } = this.#out;
    const paint = { ERROR: style.red, CRITICAL: style.red, WARNING: style.yellow }[level] ?? style.green;
    const moment = time === undefined ? undefined : isoTime(Math.floor(time));
    this.#lines(
      `${moment === undefined ? "" : `${style.dim(moment)} `}${paint(safeText(level))} `,
      shortValue(message),
    );
  }

  /** A text of one line or more, none of which can do anything to the terminal. */
  #lines(head: string, text: string): void {
    const [first = "", ...more] = text.replace(/\r?\n$/, "").split("\n");
    this.#out.line(head + shownLine(first, this.#out.color));
    for (const line of more) this.#out.line((head === "" ? "" : "  ") + shownLine(line, this.#out.color));
  }
}

const levels: Readonly<Record<string, string>> = {
  10: "DEBUG",
  20: "INFO",
  30: "WARNING",
  40: "ERROR",
  50: "CRITICAL",
};

/** The names of Python's logging; words stay as they are. */
function levelText(level: Value | undefined): string {
  return typeof level === "string" ? level : (levels[String(level)] ?? "INFO");
}
