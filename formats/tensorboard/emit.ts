// Pass 2 over a run's events: writes them as lines of `sequences.jsonl` and hands out blobs. The hot path of a conversion.
import { parsePythonFloat } from "../floatText.ts";
import { writeAudio, writeImages } from "./emitMedia.ts";
import { writeDistribution, writeFigure, writeText } from "./emitTensor.ts";
import { EventReader, ValueField, ValueReader, What } from "./event.ts";
import { LineBuffer, Phrase } from "./lines.ts";
import { Kind, kindOf, type RunPlan, shapeCount, unconvertedNames } from "./plan.ts";
import { isPurged, type Purges } from "./restart.ts";
import { ScalarEvent } from "./scalarEvent.ts";
import type { Arena } from "./source.ts";
import { TagTable } from "./tags.ts";
import { Shape, TensorReader } from "./tensor.ts";

/** A blob to be stored: a header, if any, and bytes of the segment, which has not been copied. */
export interface Blob {
  /** Below the run's `blobs/`. */
  readonly path: string;
  readonly header?: Uint8Array;
  /** Range in the arena. */
  readonly start: number;
  readonly end: number;
}

/** A stretch of a file whose bytes [start, end) lie in the arena and are sound records, one after the other. */
export interface Segment {
  /** Pairs start, end. */
  readonly spans: readonly number[];
  /** Position of its first event within the run. */
  readonly position: number;
  /** Restarts that concern it. */
  readonly purges: Purges;
  readonly purgesOfTag: ReadonlyMap<number, Purges>;
}

/** What emission found, summed over segments. Plain data: it also comes from worker threads. */
export interface Tally {
  records: number;
  /** Per series: number of points; highest step and, for floats, the value written last at it. */
  readonly points: Float64Array;
  readonly lastSteps: Float64Array;
  readonly lastValues: Float64Array;
  /** Last steps that a double cannot hold exactly. */
  readonly wideSteps: Map<number, bigint>;
  /** Per tag: values that a restart made obsolete. */
  readonly dropped: Float64Array;
  /** Values without a place in the archive, and what was changed on the way, by kind. */
  readonly unconverted: Map<string, number>;
  readonly notes: Map<string, number>;
  /** Wall times of the kept points; infinite while there are none. */
  firstTime: number;
  lastTime: number;
}

export function emptyTally(plan: RunPlan): Tally {
  return {
    records: 0,
    points: new Float64Array(plan.series.length),
    lastSteps: new Float64Array(plan.series.length).fill(Number.NEGATIVE_INFINITY),
    lastValues: new Float64Array(plan.series.length),
    wideSteps: new Map(),
    dropped: new Float64Array(plan.tags.length),
    unconverted: new Map(),
    notes: new Map(),
    firstTime: Number.POSITIVE_INFINITY,
    lastTime: Number.NEGATIVE_INFINITY,
  };
}

/** Adds the tally of a later segment. */
export function addTally(sum: Tally, part: Tally): void {
  sum.records += part.records;
  for (let series = 0; series < part.points.length; series++) {
    if (part.points[series] === 0) continue;
    sum.points[series] = sum.points[series]! + part.points[series]!;
    const before = sum.wideSteps.get(series) ?? sum.lastSteps[series]!;
    const wide = part.wideSteps.get(series);
    if ((wide ?? part.lastSteps[series]!) < before) continue;
    sum.lastSteps[series] = part.lastSteps[series]!;
    sum.lastValues[series] = part.lastValues[series]!;
    if (wide === undefined) sum.wideSteps.delete(series);
    else sum.wideSteps.set(series, wide);
  }
  for (let tag = 0; tag < part.dropped.length; tag++) sum.dropped[tag] = sum.dropped[tag]! + part.dropped[tag]!;
  for (const [kind, count] of part.unconverted) sum.unconverted.set(kind, (sum.unconverted.get(kind) ?? 0) + count);
  for (const [kind, count] of part.notes) sum.notes.set(kind, (sum.notes.get(kind) ?? 0) + count);
  sum.firstTime = Math.min(sum.firstTime, part.firstTime);
  sum.lastTime = Math.max(sum.lastTime, part.lastTime);
}

/** Everything a line's writer may need of the value at hand. */
export interface ValueContext {
  readonly out: LineBuffer;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly tensor: TensorReader;
  readonly hash: string;
  readonly tag: { readonly name: string; readonly plugin: string; readonly path: string };
  readonly step: number | bigint;
  readonly shape: number;
  /** Content of the value's field. */
  readonly start: number;
  readonly end: number;
  blob(blob: Blob): void;
  note(kind: string): void;
}

/** Writes a value; false (or a reason) if it cannot be one, in which case what it wrote is taken back. */
export type ValueWriter = (context: ValueContext) => true | string;

/** Room for a line of a float beside its prefix: step, value, time, punctuation. */
const lineRoom = 160;
const valuePhrase = new Phrase(', "value": ');
const timePhrase = new Phrase(', "time": ');

export class Emitter {
  out = new LineBuffer();
  tally: Tally;
  blobs: Blob[] = [];

  readonly #plan: RunPlan;
  readonly #arena: Arena;
  readonly #scalar = new ScalarEvent();
  readonly #event: EventReader;
  readonly #values: ValueReader;
  readonly #tensor: TensorReader;
  readonly #tags = new TagTable();
  /** Per series: `{"ctx_id": 0, "name": ..., "step": `. */
  readonly #prefixes: Phrase[];

  constructor(plan: RunPlan, arena: Arena) {
    this.#plan = plan;
    this.#arena = arena;
    this.#event = new EventReader(arena.bytes, arena.view);
    this.#values = new ValueReader(arena.bytes, arena.view);
    this.#tensor = new TensorReader(arena.bytes, arena.view);
    for (const { bytes } of plan.tags)
      this.#tags.intern(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length);
    this.#prefixes = plan.series.map(
      ({ name }) => new Phrase(`{"ctx_id": 0, "name": ${JSON.stringify(name)}, "step": `),
    );
    this.tally = emptyTally(plan);
  }

  /** Hands over what was written since the last call. The lines are good until the next `emit`. */
  take(): { readonly lines: Uint8Array; readonly tally: Tally; readonly blobs: readonly Blob[] } {
    const taken = { lines: this.out.bytes.subarray(0, this.out.length), tally: this.tally, blobs: this.blobs };
    this.out.clear();
    this.tally = emptyTally(this.#plan);
    this.blobs = [];
    return taken;
  }

  /** Writes the lines of a segment. False if its bytes are not what pass 1 saw: the file was changed meanwhile. */
  emit(segment: Segment): boolean {
    const event = this.#event;
    const { view } = this.#arena;
    let { position } = segment;
    for (let index = 0; index < segment.spans.length; index += 2) {
      const end = segment.spans[index + 1]!;
      for (let at = segment.spans[index]!; at < end; position++) {
        const payload = at + 12;
        const payloadEnd = payload + view.getUint32(at, true);
        at = payloadEnd + 4;
        if (at > end) return false;
        if (this.#scalar.match(this.#arena.bytes, view, payload, payloadEnd) && this.#simple(position, segment))
          continue;
        if (!event.read(payload, payloadEnd)) return false;
        if (event.what !== What.summary) continue;
        if (!this.#summary(event.whatStart, event.whatEnd, position, segment)) return false;
        const more = event.moreSummaries;
        for (let pair = 0; pair < more.length; pair += 2)
          if (!this.#summary(more[pair]!, more[pair + 1]!, position, segment)) return false;
      }
    }
    return true;
  }

  /** The short way of the commonest events; false if this one needs the long way. */
  #simple(position: number, { purges, purgesOfTag }: Segment): boolean {
    const { tagStart, tagEnd, step, wallTime, value, shape } = this.#scalar;
    const tag = this.#tags.find(this.#arena.bytes, this.#arena.view, tagStart, tagEnd);
    if (tag < 0) return false;
    const series = this.#plan.seriesOf[tag * shapeCount + shape]!;
    if (series < 0) return false;
    if (
      (purges.positions.length > 0 || purgesOfTag.size > 0) &&
      this.#isDropped(purges, purgesOfTag.get(tag), tag, shape, position, step)
    )
      return true;
    this.#begin(series, step);
    this.out.float(value);
    this.#finish(series, step, wallTime, value);
    return true;
  }

  #summary(start: number, end: number, position: number, segment: Segment): boolean {
    const values = this.#values;
    const { seriesOf } = this.#plan;
    const { bytes, view } = this.#arena;
    const { step, wallTime } = this.#event;
    const { purges, purgesOfTag } = segment;
    const restarted = purges.positions.length > 0 || purgesOfTag.size > 0;
    values.open(start, end);
    while (values.next()) {
      const named = values.tagEnd > values.tagStart || values.field !== ValueField.tensor;
      const tag = named
        ? this.#tags.find(bytes, view, values.tagStart, values.tagEnd)
        : this.#tags.find(bytes, view, values.nodeStart, values.nodeEnd);
      if (tag < 0) return false;
      let value = 0;
      let shape: number = Shape.simple;
      if (values.field === ValueField.simple) value = values.simple;
      else shape = this.#shape();
      if (restarted && this.#isDropped(purges, purgesOfTag.get(tag), tag, shape, position, step)) continue;
      const series = seriesOf[tag * shapeCount + shape]!;
      if (series < 0) {
        const kind = unconvertedNames[series];
        if (kind !== undefined) this.#count(this.tally.unconverted, kind);
        continue;
      }
      if (shape !== Shape.simple) {
        const kind = kindOf(this.#plan.tags[tag]!.plugin, shape);
        if (kind !== Kind.float) {
          this.#object(kind, shape, tag, series, step, wallTime);
          continue;
        }
        const scalar = shape === Shape.numberText ? this.#numberOfText() : this.#tensor.scalar();
        if (scalar === undefined) {
          this.#count(this.tally.unconverted, "tensor whose bytes do not fit its shape");
          continue;
        }
        value = scalar;
      }
      const { out } = this;
      this.#begin(series, step);
      out.float(value);
      this.#finish(series, step, wallTime, value);
    }
    return values.ok;
  }

  #shape(): number {
    const { field, start, end } = this.#values;
    switch (field) {
      case ValueField.tensor:
        return this.#tensor.read(start, end) ? this.#tensor.classify() : Shape.opaque;
      case ValueField.image:
        return Shape.image;
      case ValueField.audio:
        return Shape.audio;
      case ValueField.histo:
        return Shape.histo;
      case ValueField.oldHisto:
        return Shape.oldHisto;
      default:
        return Shape.none;
    }
  }

  #isDropped(
    purges: Purges,
    ofTag: Purges | undefined,
    tag: number,
    shape: number,
    position: number,
    step: number | bigint,
  ): boolean {
    const dropped = isPurged(purges, position, step) || (ofTag !== undefined && isPurged(ofTag, position, step));
    if (dropped && this.#plan.seriesOf[tag * shapeCount + shape]! >= 0)
      this.tally.dropped[tag] = this.tally.dropped[tag]! + 1;
    return dropped;
  }

  #numberOfText(): number | undefined {
    const [start, end] = this.#tensor.strings();
    return parsePythonFloat(Buffer.from(this.#arena.bytes.subarray(start, end)).toString("latin1"));
  }

  #object(kind: number, shape: number, tag: number, series: number, step: number | bigint, wallTime: number): void {
    const { out } = this;
    const from = out.length;
    const blobs = this.blobs.length;
    this.#begin(series, step);
    const { start, end } = this.#values;
    const result = writers[kind]!({
      out,
      bytes: this.#arena.bytes,
      view: this.#arena.view,
      tensor: this.#tensor,
      hash: this.#plan.hash,
      tag: this.#plan.tags[tag]!,
      step,
      shape,
      start,
      end,
      blob: (blob) => {
        this.blobs.push(blob);
      },
      note: (note) => this.#count(this.tally.notes, note),
    });
    if (result === true) {
      this.#finish(series, step, wallTime, 0);
    } else {
      out.length = from;
      this.blobs.length = blobs;
      this.#count(this.tally.unconverted, result);
    }
  }

  #begin(series: number, step: number | bigint): void {
    const { out } = this;
    const prefix = this.#prefixes[series]!;
    out.reserve(prefix.length + lineRoom);
    out.phrase(prefix);
    if (typeof step === "number") out.integer(step);
    else out.text(step.toString());
    out.phrase(valuePhrase);
  }

  #finish(series: number, step: number | bigint, wallTime: number, value: number): void {
    const { out, tally } = this;
    out.reserve(64);
    out.phrase(timePhrase);
    out.seconds(wallTime);
    out.bytes[out.length++] = 125;
    out.bytes[out.length++] = 10;
    tally.records++;
    tally.points[series] = tally.points[series]! + 1;
    if (wallTime < tally.firstTime && wallTime !== Number.NEGATIVE_INFINITY) tally.firstTime = wallTime;
    if (wallTime > tally.lastTime && wallTime !== Number.POSITIVE_INFINITY) tally.lastTime = wallTime;
    if (typeof step === "bigint" || tally.wideSteps.size > 0) {
      this.#finishWide(series, step, value);
    } else if (step >= tally.lastSteps[series]!) {
      tally.lastSteps[series] = step;
      tally.lastValues[series] = value;
    }
  }

  #finishWide(series: number, step: number | bigint, value: number): void {
    const { tally } = this;
    const before = tally.wideSteps.get(series) ?? tally.lastSteps[series]!;
    if (step < before) return;
    tally.lastSteps[series] = Number(step);
    tally.lastValues[series] = value;
    if (typeof step === "bigint") tally.wideSteps.set(series, step);
    else tally.wideSteps.delete(series);
  }

  #count(counts: Map<string, number>, kind: string): void {
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
}

const writers: Readonly<Record<number, ValueWriter>> = {
  [Kind.image]: writeImages,
  [Kind.audio]: writeAudio,
  [Kind.text]: writeText,
  [Kind.distribution]: writeDistribution,
  [Kind.figure]: writeFigure,
};
