// A growable buffer of JSON text with number formatting that is exact and fast: the hot path of a conversion.
// Every number it writes parses back to the identical double, and a float always looks like one.

const pairs = new Uint8Array(200);
for (let value = 0; value < 100; value++) {
  pairs[value * 2] = 48 + Math.floor(value / 10);
  pairs[value * 2 + 1] = 48 + (value % 10);
}
/** The ASCII digits of 0 to 9999, four in one little-endian word: one store writes them. */
const fours = new Int32Array(10000);
for (let value = 0; value < 10000; value++) {
  const [high, low] = [Math.floor(value / 100) * 2, (value % 100) * 2];
  fours[value] = pairs[high]! | (pairs[high + 1]! << 8) | (pairs[low]! << 16) | (pairs[low + 1]! << 24);
}
const powers = Array.from({ length: 16 }, (_, exponent) => 10 ** exponent);
const encoder = new TextEncoder();
const usualSize = 1 << 20;
/** A buffer that one large value made grow beyond this is let go. */
const keptSize = 8 << 20;
const hexDigits = encoder.encode("0123456789abcdef");

/** Bytes that a JSON string must escape, or that begin a multi-byte character. */
const plain = new Uint8Array(256);
for (let byte = 0x20; byte < 0x80; byte++) plain[byte] = byte === 0x22 || byte === 0x5c ? 0 : 1;

/** A short text that is written again and again, as words that are stored whole: what follows overwrites the excess. */
export class Phrase {
  readonly length: number;
  readonly words: Int32Array;

  constructor(text: string) {
    const bytes = encoder.encode(text);
    this.length = bytes.length;
    this.words = new Int32Array(Math.ceil(bytes.length / 4));
    new Uint8Array(this.words.buffer).set(bytes);
  }
}

export class LineBuffer {
  bytes: Uint8Array;
  readonly #allocate: (size: number) => Uint8Array;
  length = 0;
  #view: DataView;
  /** The whole seconds last written by `seconds`, and their digits with a point after them, as words. */
  #second = -1;
  readonly #secondWords = new Int32Array(3);

  /** `allocate` makes the memory, where it has to be of a kind: for worker threads it is shared. */
  constructor(bytes?: Uint8Array, allocate: (size: number) => Uint8Array = (size) => new Uint8Array(size)) {
    this.#allocate = allocate;
    this.bytes = bytes ?? allocate(usualSize);
    this.#view = viewOf(this.bytes);
  }

  /** Empties the buffer. What was written stays readable in views of it until the next write. */
  clear(): void {
    this.length = 0;
    if (this.bytes.length > keptSize) this.#use(this.#allocate(usualSize));
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    // The engine learns late of memory outside its heap: without this several outgrown buffers would be held at once.
    if (needed > keptSize) Bun.gc(true);
    const grown = this.#allocate(Math.max(needed, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.length));
    this.#use(grown);
  }

  #use(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.#view = viewOf(bytes);
  }

  text(text: string): void {
    this.reserve(text.length * 3);
    this.length += encoder.encodeInto(text, this.bytes.subarray(this.length)).written;
  }

  /** The caller has reserved its length and three bytes more. */
  phrase({ words, length }: Phrase): void {
    const view = this.#view;
    let at = this.length;
    for (let index = 0; index < words.length; index++) {
      view.setInt32(at, words[index]!, true);
      at += 4;
    }
    this.length += length;
  }

  /** A safe integer. The caller has reserved 24 bytes. */
  integer(value: number): void {
    let rest = value;
    if (rest < 0) {
      this.bytes[this.length++] = 45;
      rest = -rest;
    }
    this.length = writeInteger(this.bytes, this.length, rest);
  }

  /** A float64, `NaN` and infinities as Python's json writes them. The caller has reserved 32 bytes. */
  float(value: number): void {
    const { bytes } = this;
    const view = this.#view;
    let x = value;
    let at = this.length;
    if (x < 0 || Object.is(x, -0)) {
      bytes[at++] = 45;
      x = -x;
    }
    if (!(x >= 1e-5 && x < 1e9 && Math.fround(x) === x)) {
      this.length = at;
      this.#rareFloat(x);
      return;
    }
    const whole = Math.floor(x);
    const digitsFrom = at;
    at = writeInteger(bytes, at, whole);
    bytes[at++] = 46;
    let fraction = x - whole;
    if (fraction === 0) {
      bytes[at++] = 48;
      this.length = at;
      return;
    }
    // Decimals that make 17 significant digits. A float32 has 24 significant bits, so multiplying its fraction by 1e8
    // (19 more bits) is exact, and so is taking the integer part off: each group of eight digits is exact.
    let decimals =
      whole > 0
        ? 17 - (at - 1 - digitsFrom)
        : fraction >= 0.1
          ? 17
          : fraction >= 0.01
            ? 18
            : fraction >= 0.001
              ? 19
              : fraction >= 0.0001
                ? 20
                : 21;
    while (decimals > 8) {
      fraction *= 1e8;
      const group = Math.floor(fraction);
      fraction -= group;
      const high = (group / 10000) | 0;
      view.setInt32(at, fours[high]!, true);
      view.setInt32(at + 4, fours[group - high * 10000]!, true);
      at += 8;
      decimals -= 8;
      if (fraction === 0) break;
    }
    if (fraction !== 0) {
      const last = Math.round(fraction * powers[decimals]!);
      if (last === powers[decimals]) {
        // The rounding carries into digits already written: rare enough to start over.
        this.length = digitsFrom;
        this.#rareFloat(x);
        return;
      }
      // Padded to eight digits: trailing zeros go anyway.
      const padded = last * powers[8 - decimals]!;
      const high = (padded / 10000) | 0;
      view.setInt32(at, fours[high]!, true);
      view.setInt32(at + 4, fours[padded - high * 10000]!, true);
      at += 8;
    }
    while (bytes[at - 1] === 48) at--;
    if (bytes[at - 1] === 46) bytes[at++] = 48;
    this.length = at;
  }

  /** `x` is not negative. */
  #rareFloat(x: number): void {
    this.#ascii(String(x)); // NaN and Infinity are spelt alike in Python's JSON
    if (Number.isInteger(x) && x < 1e21) this.#ascii(".0");
  }

  #ascii(text: string): void {
    const { bytes } = this;
    let at = this.length;
    for (let index = 0; index < text.length; index++) bytes[at++] = text.charCodeAt(index);
    this.length = at;
  }

  /**
   * A wall time. Between 2^30 and 2^31 seconds doubles lie 2^-22 apart, so that 7 decimals always name one, and 6 do
   * when they are closer to it than half that distance. The caller has reserved 32 bytes.
   */
  seconds(value: number): void {
    const whole = Math.floor(value);
    if (!(whole >= 1073741824 && whole < 2147483648)) {
      this.float(value);
      return;
    }
    const { bytes } = this;
    const view = this.#view;
    const words = this.#secondWords;
    if (whole !== this.#second) {
      const high = Math.floor(whole / 1000000);
      const rest = whole - high * 1000000;
      const middle = Math.floor(rest / 100);
      words[0] = fours[high]!;
      words[1] = fours[middle]!;
      words[2] = (fours[rest - middle * 100]! >>> 16) | (46 << 16);
      this.#second = whole;
    }
    let at = this.length;
    view.setInt32(at, words[0]!, true);
    view.setInt32(at + 4, words[1]!, true);
    view.setInt32(at + 8, words[2]!, true);
    at += 11;
    const fraction = value - whole;
    const scaled = fraction * 1e6;
    const micros = Math.round(scaled);
    const error = scaled - micros;
    if (micros < 1000000 && error < 0.11 && error > -0.11) {
      const high = (micros / 10000) | 0;
      writeTwo(bytes, at, high);
      view.setInt32(at + 2, fours[micros - high * 10000]!, true);
      at += 6;
    } else {
      const tenths = Math.round(fraction * 1e7);
      if (tenths >= 10000000) {
        this.#rareFloat(value); // Rounds up to the next second: this.length is still before the digits.
        return;
      }
      const high = (tenths / 10000) | 0;
      bytes[at] = 48 + ((high / 100) | 0);
      writeTwo(bytes, at + 1, high % 100);
      view.setInt32(at + 3, fours[tenths - high * 10000]!, true);
      at += 7;
    }
    while (bytes[at - 1] === 48) at--;
    if (bytes[at - 1] === 46) bytes[at++] = 48;
    this.length = at;
  }

  /** UTF-8 bytes as a JSON string. Returns whether some were not UTF-8 and became U+FFFD. */
  utf8(source: Uint8Array, start: number, end: number): boolean {
    this.reserve((end - start) * 6 + 2);
    const { bytes } = this;
    let at = this.length;
    let replaced = false;
    bytes[at++] = 34;
    for (let index = start; index < end; ) {
      const byte = source[index]!;
      if (plain[byte]) {
        bytes[at++] = byte;
        index++;
      } else if (byte < 0x80) {
        bytes[at++] = 92;
        index++;
        const short = byte === 10 ? 110 : byte === 13 ? 114 : byte === 9 ? 116 : byte === 34 || byte === 92 ? byte : 0;
        if (short) {
          bytes[at++] = short;
        } else {
          bytes[at++] = 117;
          bytes[at++] = 48;
          bytes[at++] = 48;
          bytes[at++] = hexDigits[byte >>> 4]!;
          bytes[at++] = hexDigits[byte & 15]!;
        }
      } else {
        const size = characterSize(source, index, end);
        if (size > 0) {
          for (let copied = 0; copied < size; copied++) bytes[at++] = source[index++]!;
        } else {
          bytes[at++] = 0xef;
          bytes[at++] = 0xbf;
          bytes[at++] = 0xbd;
          replaced = true;
          index -= size;
        }
      }
    }
    bytes[at++] = 34;
    this.length = at;
    return replaced;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function writeTwo(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = pairs[value * 2]!;
  bytes[at + 1] = pairs[value * 2 + 1]!;
}

/** Writes a safe integer that is not negative; returns the offset after it. */
function writeInteger(bytes: Uint8Array, from: number, value: number): number {
  if (value < 10) {
    bytes[from] = 48 + value;
    return from + 1;
  }
  let end = from + 1;
  for (let bound = 10; value >= bound; bound *= 10) end++;
  let at = end;
  let rest = value;
  while (rest > 2147483647) {
    const next = Math.floor(rest / 10);
    bytes[--at] = 48 + (rest - next * 10);
    rest = next;
  }
  while (at - from >= 2) {
    const next = (rest / 100) | 0;
    at -= 2;
    writeTwo(bytes, at, rest - next * 100);
    rest = next;
  }
  if (at > from) bytes[from] = 48 + rest;
  return end;
}

/** Bytes of the well-formed multi-byte character at `at`; negative: that many bytes make one replacement (Unicode 3.9, maximal subparts). */
function characterSize(source: Uint8Array, at: number, end: number): number {
  const first = source[at]!;
  const size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4) return -1;
  for (let index = 1; index < size; index++) {
    const next = at + index < end ? source[at + index]! : 0;
    let low = 0x80;
    let high = 0xbf;
    if (index === 1) {
      if (first === 0xe0) low = 0xa0;
      else if (first === 0xed) high = 0x9f;
      else if (first === 0xf0) low = 0x90;
      else if (first === 0xf4) high = 0x8f;
    }
    if (next < low || next > high) return -index;
  }
  return size;
}
