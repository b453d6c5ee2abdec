// Reads `Event` and `Summary.Value` messages in place, without building objects: the hot path of a conversion.
// Message layouts: tensorflow/core/util/event.proto and tensorflow/core/framework/summary.proto. Wire rules:
// https://protobuf.dev/programming-guides/encoding/

/** Members of `Event.what` by field number. */
export const What = {
  none: 0,
  fileVersion: 3,
  graphDef: 4,
  summary: 5,
  logMessage: 6,
  sessionLog: 7,
  runMetadata: 8,
  metaGraph: 9,
} as const;

/** Members of `Summary.Value.value` by field number. */
export const ValueField = { none: 0, simple: 2, oldHisto: 3, image: 4, histo: 5, audio: 6, tensor: 8 } as const;

/** Reads varints and skips fields of one byte range. `ok` turns false at the first malformed byte and stays so. */
export class Wire {
  bytes: Uint8Array;
  view: DataView;
  at = 0;
  end = 0;
  ok = true;
  /** The last varint's upper bits; `varint` returns the lower 32, unsigned. */
  high = 0;

  constructor(bytes: Uint8Array, view: DataView) {
    this.bytes = bytes;
    this.view = view;
  }

  open(start: number, end: number): this {
    this.at = start;
    this.end = end;
    this.ok = true;
    return this;
  }

  fail(): 0 {
    this.ok = false;
    this.at = this.end;
    return 0;
  }

  /** Lower 32 bits of a varint; bits 32-63 are left in `high`. */
  varint(): number {
    const { bytes, end } = this;
    let at = this.at;
    this.high = 0;
    if (at >= end) return this.fail();
    let byte = bytes[at++]!;
    if (byte < 128) {
      this.at = at;
      return byte;
    }
    let low = byte & 127;
    let shift = 7;
    for (; shift < 28; shift += 7) {
      if (at >= end) return this.fail();
      byte = bytes[at++]!;
      low |= (byte & 127) << shift;
      if (byte < 128) {
        this.at = at;
        return low;
      }
    }
    if (at >= end) return this.fail();
    byte = bytes[at++]!;
    low = (low | ((byte & 127) << 28)) >>> 0;
    let high = (byte & 127) >>> 4;
    shift = 3;
    while (byte >= 128) {
      if (at >= end || shift > 31) return this.fail();
      byte = bytes[at++]!;
      high = (high | ((byte & 127) << shift)) >>> 0;
      shift += 7;
    }
    this.at = at;
    this.high = high;
    return low;
  }

  /** The length of a length-delimited field, checked against what is left. */
  length(): number {
    const length = this.varint();
    if (this.high !== 0 || length > this.end - this.at) return this.fail();
    return length;
  }

  /** Steps over a field's value. Groups, which none of these messages has, count as malformed. */
  skip(wireType: number): void {
    switch (wireType) {
      case 0:
        this.varint();
        return;
      case 1:
        if (this.end - this.at < 8) this.fail();
        else this.at += 8;
        return;
      case 2: {
        const length = this.length();
        if (this.ok) this.at += length;
        return;
      }
      case 5:
        if (this.end - this.at < 4) this.fail();
        else this.at += 4;
        return;
      default:
        this.fail();
    }
  }
}

/** One event at a time. After `read` the fields hold what it said; ranges are offsets into the buffer. */
export class EventReader {
  readonly wire: Wire;
  wallTime = 0;
  /** The step; a bigint only where a double cannot hold it exactly. */
  step: number | bigint = 0;
  /** Which member of `what` is set: a field number of `What`. */
  what = 0;
  /** Content of that member, when it is length-delimited. */
  whatStart = 0;
  whatEnd = 0;
  /** More summaries of the same event, as pairs: a message field that occurs again is merged. */
  readonly moreSummaries: number[] = [];

  constructor(bytes: Uint8Array, view: DataView) {
    this.wire = new Wire(bytes, view);
  }

  /** False if the bytes are no `Event`. */
  read(start: number, end: number): boolean {
    const wire = this.wire.open(start, end);
    this.wallTime = 0;
    this.step = 0;
    this.what = 0;
    if (this.moreSummaries.length > 0) this.moreSummaries.length = 0;
    while (wire.at < wire.end) {
      const key = wire.varint();
      if (key === 9) {
        if (wire.end - wire.at < 8) return false;
        this.wallTime = wire.view.getFloat64(wire.at, true);
        wire.at += 8;
      } else if (key === 16) {
        const low = wire.varint();
        const high = wire.high;
        if (high === 0) this.step = low;
        else if (high < 0x200000) this.step = high * 4294967296 + low;
        else this.step = wideStep(low, high);
      } else if (key >= 26 && key <= 74 && (key & 7) === 2) {
        const length = wire.length();
        if (!wire.ok) return false;
        const what = key >>> 3;
        if (what === What.summary && this.what === What.summary) {
          this.moreSummaries.push(wire.at, wire.at + length);
        } else {
          this.moreSummaries.length = 0;
          this.what = what;
          this.whatStart = wire.at;
          this.whatEnd = wire.at + length;
        }
        wire.at += length;
      } else {
        if (key < 8 || wire.high !== 0) return false;
        wire.skip(key & 7);
      }
      if (!wire.ok) return false;
    }
    return true;
  }
}

/** int64 from its halves: negative, or beyond what a double holds exactly. */
function wideStep(low: number, high: number): number | bigint {
  const step = BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low));
  const double = Number(step);
  return Number.isSafeInteger(double) ? double : step;
}

/** The values of a summary, one at a time. */
export class ValueReader {
  readonly #outer: Wire;
  readonly #wire: Wire;
  tagStart = 0;
  tagEnd = 0;
  nodeStart = 0;
  nodeEnd = 0;
  /** Which member of `value` is set: a field number of `ValueField`. */
  field = 0;
  /** Content of that member (nothing for `simple`). */
  start = 0;
  end = 0;
  simple = 0;
  /** SummaryMetadata; `metadataStart` is -1 without. */
  metadataStart = -1;
  metadataEnd = -1;

  constructor(bytes: Uint8Array, view: DataView) {
    this.#outer = new Wire(bytes, view);
    this.#wire = new Wire(bytes, view);
  }

  open(start: number, end: number): void {
    this.#outer.open(start, end);
  }

  /** Whether the summary, as far as it was read, is well-formed. */
  get ok(): boolean {
    return this.#outer.ok;
  }

  /** Moves to the next value; false at the end or at malformed bytes (`ok` tells which). */
  next(): boolean {
    const outer = this.#outer;
    while (outer.at < outer.end) {
      const key = outer.varint();
      if (key !== 10) {
        if (key < 8 || outer.high !== 0) outer.fail();
        else outer.skip(key & 7);
        continue;
      }
      const length = outer.length();
      if (!outer.ok) return false;
      const start = outer.at;
      outer.at += length;
      if (this.#read(start, start + length)) return true;
      outer.fail();
      return false;
    }
    return false;
  }

  #read(start: number, end: number): boolean {
    const wire = this.#wire.open(start, end);
    this.tagStart = this.tagEnd = this.nodeStart = this.nodeEnd = 0;
    this.field = 0;
    this.metadataStart = -1;
    while (wire.at < wire.end) {
      const key = wire.varint();
      if (key === 21) {
        if (wire.end - wire.at < 4) return false;
        this.simple = wire.view.getFloat32(wire.at, true);
        this.field = ValueField.simple;
        wire.at += 4;
      } else if ((key & 7) === 2 && key <= 74 && key >= 10) {
        const length = wire.length();
        if (!wire.ok) return false;
        const from = wire.at;
        const to = from + length;
        wire.at = to;
        switch (key >>> 3) {
          case 1:
            this.tagStart = from;
            this.tagEnd = to;
            break;
          case 7:
            this.nodeStart = from;
            this.nodeEnd = to;
            break;
          case 9:
            this.metadataStart = from;
            this.metadataEnd = to;
            break;
          case 2:
            break;
          default:
            this.field = key >>> 3;
            this.start = from;
            this.end = to;
        }
      } else {
        if (key < 8 || wire.high !== 0) return false;
        wire.skip(key & 7);
        if (!wire.ok) return false;
      }
    }
    return wire.ok;
  }
}
