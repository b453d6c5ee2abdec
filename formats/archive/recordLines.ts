// Reads sequences.jsonl (backup-convert.md 1.11). This is the hot path of restore and verify: lines in the shape that
// Python and we write are read straight from the bytes; any other JSON takes the general way, with the same result.
import { MatyanError, messageOf } from "../error.ts";
import { parseJson } from "../json.ts";
import { isMap, type Value } from "../value.ts";
import { maxLineBytes } from "./layout.ts";
import { Carry, isBlank } from "./lines.ts";
import type { LineRecord } from "./types.ts";

const batchRecords = 1000;
const maxContextId = 0xffff_ffffn;
const minStep = -(2n ** 63n);
const maxStep = 2n ** 63n - 1n;
/** Digits whose number is exact in a double, whatever they are. */
const exactDigits = 15;
/** Powers of ten that a double holds exactly: a quotient of two exact numbers is the correctly rounded one. */
const powersOfTen = Array.from({ length: exactDigits + 1 }, (_, exponent) => 10 ** exponent);

const ascii = (text: string) => Uint8Array.from(text, (unit) => unit.charCodeAt(0));
const contextStart = ascii('{"ctx_id": ');
const nameStart = ascii(', "name": "');
const stepStart = ascii('", "step": ');
const valueStart = ascii(', "value": ');
const epochStart = ascii(', "epoch": ');
const timeStart = ascii(', "time": ');
const words: readonly (readonly [Uint8Array, Value])[] = [
  [ascii("NaN"), Number.NaN],
  [ascii("null"), null],
  [ascii("Infinity"), Number.POSITIVE_INFINITY],
  [ascii("-Infinity"), Number.NEGATIVE_INFINITY],
];

export interface RecordParserOptions {
  /** Names the file in errors. */
  readonly file: string;
  /** Called for a bad line, which is then skipped; without it the parser throws. */
  readonly onFault?: (line: number, message: string) => void;
}

/** Turns chunks of the file into batches of at most 1000 records. Holds at most one line beyond a chunk. */
export class RecordParser {
  readonly #options: RecordParserOptions;
  readonly #carry = new Carry(maxLineBytes);
  #line = 0;
  #batch: LineRecord[] = [];
  /** The beginning of the last fast line, up to its step: sequences come in long rows of equal ones. */
  #prefix: Uint8Array = new Uint8Array(0);
  #contextId = 0;
  #name = "";
  /** Where the last scan ended. */
  #at = 0;

  constructor(options: RecordParserOptions) {
    this.#options = options;
  }

  /** Lines seen so far, blank ones too. */
  get lines(): number {
    return this.#line;
  }

  *push(chunk: Uint8Array): Generator<LineRecord[]> {
    const bytes = asBuffer(chunk);
    let start = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
      this.#line++;
      if (this.#carry.size > 0) {
        const joined = asBuffer(this.#join(bytes.subarray(start, end)));
        this.#read(joined, 0, joined.length);
      } else this.#read(bytes, start, end);
      start = end + 1;
      if (this.#batch.length >= batchRecords) yield this.#take();
    }
    this.#guard(this.#line + 1, () => this.#carry.keep(bytes.subarray(start), this.#line + 1));
  }

  /** The last line, if it has no "\n", and what is left of the last batch. */
  *end(): Generator<LineRecord[]> {
    if (this.#carry.size > 0) {
      this.#line++;
      const joined = asBuffer(this.#join(new Uint8Array(0)));
      this.#read(joined, 0, joined.length);
    }
    if (this.#batch.length > 0) yield this.#take();
  }

  #take(): LineRecord[] {
    const batch = this.#batch;
    this.#batch = [];
    return batch;
  }

  #join(rest: Uint8Array): Uint8Array {
    return this.#guard(this.#line, () => this.#carry.join(rest, this.#line));
  }

  /** An over-long line ends the reading: there is no telling how much more of it there is. */
  #guard<T>(line: number, call: () => T): T {
    try {
      return call();
    } catch (cause) {
      throw new MatyanError("too_large", `${this.#options.file}:${line}: ${messageOf(cause)}`, { cause });
    }
  }

  #read(bytes: Buffer, start: number, end: number): void {
    const record = this.#fast(bytes, start, end) ?? this.#general(bytes, start, end);
    if (record !== undefined) this.#batch.push(record);
  }

  #general(bytes: Buffer, start: number, end: number): LineRecord | undefined {
    const line = bytes.subarray(start, end);
    if (isBlank(line)) return undefined;
    let result: LineRecord | string;
    try {
      result = toRecord(parseJson(line), this.#line);
    } catch (error) {
      if (!(error instanceof MatyanError)) throw error;
      result = error.message.replace("at line 1, ", "at ");
    }
    if (typeof result !== "string") return result;
    if (this.#options.onFault === undefined) {
      throw new MatyanError("corrupt", `${this.#options.file}:${this.#line}: ${result}`, {
        hint: "`matyan verify` lists all faults of an archive.",
      });
    }
    this.#options.onFault(this.#line, result);
    return undefined;
  }

  /** The record, or undefined when the line is anything but the usual shape. */
  #fast(bytes: Buffer, start: number, end: number): LineRecord | undefined {
    if (this.#prefix.length > 0 && startsWith(bytes, start, end, this.#prefix)) this.#at = start + this.#prefix.length;
    else if (!this.#readPrefix(bytes, start, end)) return undefined;
    const step = this.#number(bytes, end);
    if (typeof step !== "bigint" || step < minStep || step > maxStep) return undefined;
    if (!this.#skip(bytes, end, valueStart)) return undefined;
    const value = this.#value(bytes, end);
    if (value === undefined) return undefined;
    let epoch: bigint | undefined;
    if (this.#skip(bytes, end, epochStart)) {
      const number = this.#number(bytes, end);
      if (typeof number !== "bigint") return undefined;
      epoch = number;
    }
    let time: number | undefined;
    if (this.#skip(bytes, end, timeStart)) {
      const number = this.#number(bytes, end);
      if (typeof number !== "number") return undefined;
      time = number;
    }
    if (this.#at !== end - 1 || bytes[this.#at] !== 0x7d) return undefined;
    const contextId = this.#contextId;
    const name = this.#name;
    const line = this.#line;
    if (epoch === undefined) {
      return time === undefined ? { contextId, name, step, value, line } : { contextId, name, step, value, time, line };
    }
    return time === undefined
      ? { contextId, name, step, value, epoch, line }
      : { contextId, name, step, value, epoch, time, line };
  }

  #readPrefix(bytes: Buffer, start: number, end: number): boolean {
    this.#prefix = new Uint8Array(0);
    this.#at = start;
    if (!this.#skip(bytes, end, contextStart)) return false;
    const id = this.#number(bytes, end);
    if (typeof id !== "bigint" || id < 0n || id > maxContextId) return false;
    if (!this.#skip(bytes, end, nameStart)) return false;
    this.#at--; // `#text` begins at the quote.
    const name = this.#text(bytes, end);
    if (name === undefined) return false;
    this.#at--;
    if (!this.#skip(bytes, end, stepStart)) return false;
    this.#contextId = Number(id);
    if (name !== this.#name) this.#name = name;
    this.#prefix = new Uint8Array(bytes.subarray(start, this.#at));
    return true;
  }

  #skip(bytes: Buffer, end: number, expected: Uint8Array): boolean {
    if (!startsWith(bytes, this.#at, end, expected)) return false;
    this.#at += expected.length;
    return true;
  }

  #value(bytes: Buffer, end: number): Value | undefined {
    const first = bytes[this.#at]!;
    if (first === 0x22) return this.#text(bytes, end);
    if ((first >= 0x30 && first <= 0x39) || (first === 0x2d && bytes[this.#at + 1] !== 0x49))
      return this.#number(bytes, end);
    for (const [word, value] of words) if (this.#skip(bytes, end, word)) return value;
    return undefined;
  }

  /** A JSON number; an integer is a bigint. Leaves odd spellings to the general way. */
  #number(bytes: Buffer, end: number): number | bigint | undefined {
    const start = this.#at;
    let at = start;
    const negative = bytes[at] === 0x2d;
    if (negative) at++;
    const first = at;
    let mantissa = 0;
    let byte = at < end ? bytes[at]! : 0;
    while (byte >= 0x30 && byte <= 0x39) {
      mantissa = mantissa * 10 + byte - 0x30;
      byte = ++at < end ? bytes[at]! : 0;
    }
    let digits = at - first;
    if (digits === 0 || (digits > 1 && bytes[first] === 0x30)) return undefined;
    let fraction = 0;
    if (byte === 0x2e) {
      const point = at;
      byte = ++at < end ? bytes[at]! : 0;
      while (byte >= 0x30 && byte <= 0x39) {
        mantissa = mantissa * 10 + byte - 0x30;
        byte = ++at < end ? bytes[at]! : 0;
      }
      fraction = at - point - 1;
      if (fraction === 0) return undefined;
      digits += fraction;
    } else if (byte !== 0x65 && byte !== 0x45) {
      this.#at = at;
      if (digits > exactDigits) return digits > 20 ? undefined : BigInt(bytes.toString("latin1", start, at));
      return BigInt(negative ? -mantissa : mantissa);
    }
    if (byte === 0x65 || byte === 0x45) {
      byte = ++at < end ? bytes[at]! : 0;
      if (byte === 0x2b || byte === 0x2d) byte = ++at < end ? bytes[at]! : 0;
      const exponent = at;
      while (byte >= 0x30 && byte <= 0x39) byte = ++at < end ? bytes[at]! : 0;
      if (at === exponent) return undefined;
      digits = Number.POSITIVE_INFINITY;
    }
    this.#at = at;
    if (digits > exactDigits) return Number(bytes.toString("latin1", start, at));
    const magnitude = mantissa / powersOfTen[fraction]!;
    return negative ? -magnitude : magnitude;
  }

  /** A string, from its quote on. */
  #text(bytes: Buffer, end: number): string | undefined {
    const start = this.#at + 1;
    let at = start;
    let high = 0;
    let byte = at < end ? bytes[at]! : 0;
    while (byte !== 0x22) {
      if (byte < 0x20 || byte === 0x5c) return undefined;
      high |= byte;
      byte = ++at < end ? bytes[at]! : 0;
    }
    this.#at = at + 1;
    if (high < 0x80) return bytes.toString("latin1", start, at);
    const text = bytes.toString("utf8", start, at);
    // Bytes that are not UTF-8 became U+FFFD: the general way tells them from one that was written.
    return text.includes("\ufffd") ? undefined : text;
  }
}

/** The record that a parsed line is, or what is wrong with it. Extra fields are ignored, null times and epochs absent. */
function toRecord(value: Value, line: number): LineRecord | string {
  if (!isMap(value)) return "not a JSON object";
  const contextId = value.get("ctx_id");
  if (typeof contextId !== "bigint") return "ctx_id is missing or not an integer";
  if (contextId < 0n || contextId > maxContextId) return `ctx_id ${contextId} is outside 0..4294967295`;
  const name = value.get("name");
  if (typeof name !== "string") return "name is missing or not a string";
  const step = value.get("step");
  if (typeof step !== "bigint") return "step is missing or not an integer";
  if (step < minStep || step > maxStep) return `step ${step} does not fit signed 64 bits`;
  const point = value.get("value");
  if (point === undefined) return "value is missing";
  const epoch = value.get("epoch") ?? undefined;
  if (epoch !== undefined && typeof epoch !== "bigint") return "epoch is not an integer";
  const time = value.get("time") ?? undefined;
  if (time !== undefined && typeof time !== "number" && typeof time !== "bigint") return "time is not a number";
  return {
    contextId: Number(contextId),
    name,
    step,
    value: point,
    ...(epoch === undefined ? {} : { epoch }),
    ...(time === undefined ? {} : { time: Number(time) }),
    line,
  };
}

function startsWith(bytes: Uint8Array, start: number, end: number, expected: Uint8Array): boolean {
  const length = expected.length;
  if (start + length > end) return false;
  // From the end: where two lines differ is most often late.
  for (let i = length - 1; i >= 0; i--) if (bytes[start + i] !== expected[i]) return false;
  return true;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
