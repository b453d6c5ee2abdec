// Strict UTF-8 for byte codecs: text never changes on its way through, and what is not text is refused.
import { MatyanError } from "./error.ts";

const encoder = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Below this many bytes, joining characters beats a call into native code. */
const shortText = 10;

/**
 * The text of `bytes[start, end)`. A byte order mark is kept as a character.
 * @throws MatyanError `corrupt` on overlong forms, surrogates and cut sequences; `what` names the thing in the message.
 */
export function decodeUtf8(bytes: Uint8Array, start: number, end: number, what: string): string {
  let at = start;
  if (end - start <= 64) {
    while (at < end && bytes[at]! < 0x80) at++;
    if (at === end) return decodeAscii(bytes, start, end);
  }
  const part = bytes.subarray(start, end);
  try {
    return strict.decode(part);
  } catch (cause) {
    throw new MatyanError("corrupt", `${what} is not valid UTF-8 at byte ${start + validLength(part)}`, { cause });
  }
}

/**
 * Short texts seen before, by a hash of a few bytes. Records and keys repeat a few names without end: finding one here
 * saves making and hashing a new string. Bounded by its slots; an entry counts only if it equals what was read.
 */
const internedLimit = 32;
const interned = new Array<string>(1024).fill("");

/** The text of `bytes[start, end)`, all of which the caller knows to be ASCII. For names and the like, that come again. */
export function decodeAscii(bytes: Uint8Array, start: number, end: number): string {
  const length = end - start;
  if (length === 0) return "";
  if (length > internedLimit) return sliceAscii(bytes, start, end);
  const slot = (length * 31 + bytes[start]! * 7 + bytes[end - 1]! * 3 + bytes[start + (length >> 1)]! * 17) & 1023;
  const known = interned[slot]!;
  if (known.length === length) {
    let same = 0;
    while (same < length && known.charCodeAt(same) === bytes[start + same]) same++;
    if (same === length) return known;
  }
  const text = sliceAscii(bytes, start, end);
  interned[slot] = text;
  return text;
}

/** The text of `bytes[start, end)`, all of which the caller knows to be ASCII. For texts that are not likely to come again. */
export function sliceAscii(bytes: Uint8Array, start: number, end: number): string {
  // Bun's Buffer methods work on any Uint8Array, and wrapping it first would cost more than the decoding.
  if (end - start >= shortText) return Buffer.prototype.toString.call(bytes, "latin1", start, end);
  let text = "";
  for (let at = start; at < end; at++) text += String.fromCharCode(bytes[at]!);
  return text;
}

/** The length of the longest prefix of `bytes` that is UTF-8 and ends with a whole character. For error messages. */
export function validLength(bytes: Uint8Array): number {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  let at = 0;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    // A replacement character is either one that was written (ef bf bd) or stands for the first bad byte.
    if (code === 0xfffd && !(bytes[at] === 0xef && bytes[at + 1] === 0xbf && bytes[at + 2] === 0xbd)) break;
    at += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return at;
}

/** The UTF-8 form of `text`. @throws MatyanError `usage` on a lone surrogate. */
export function encodeUtf8(text: string): Uint8Array {
  if (!text.isWellFormed()) throw loneSurrogate(text);
  return encoder.encode(text);
}

/**
 * Writes the UTF-8 form of `text` at `target[at...]` and returns the position behind it. The caller has made room for
 * 3 bytes per UTF-16 unit. @throws MatyanError `usage` on a lone surrogate, which no stored text can hold.
 */
export function writeUtf8(text: string, target: Uint8Array, at: number): number {
  const length = text.length;
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) target[at++] = unit;
    else if (unit < 0x800) {
      target[at++] = 0xc0 | (unit >> 6);
      target[at++] = 0x80 | (unit & 0x3f);
    } else if (unit < 0xd800 || unit > 0xdfff) {
      target[at++] = 0xe0 | (unit >> 12);
      target[at++] = 0x80 | ((unit >> 6) & 0x3f);
      target[at++] = 0x80 | (unit & 0x3f);
    } else {
      const point = text.codePointAt(i)!;
      if (point < 0x10000) throw loneSurrogate(text);
      i++;
      target[at++] = 0xf0 | (point >> 18);
      target[at++] = 0x80 | ((point >> 12) & 0x3f);
      target[at++] = 0x80 | ((point >> 6) & 0x3f);
      target[at++] = 0x80 | (point & 0x3f);
    }
  }
  return at;
}

function loneSurrogate(text: string): MatyanError {
  const shown = JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}...` : text);
  return new MatyanError("usage", `the text ${shown} holds half of a surrogate pair, which UTF-8 cannot express`, {
    hint: "Replace the broken character in the text.",
  });
}
