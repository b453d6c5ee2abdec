// Strict UTF-8 for byte codecs: text never changes on its way through, and what is not text is refused.
import { MatyanError } from "./error.ts";

const encoder = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Below this many bytes, joining characters beats a call into native code. */
const shortText = 8;

/**
 * The text of `bytes[start, end)`. A byte order mark is kept as a character.
 * Throws `corrupt` on overlong forms, surrogates and cut sequences; `what` names the thing in the message.
 */
export function decodeUtf8(bytes: Uint8Array, start: number, end: number, what: string): string {
  if (end - start < shortText) {
    let text = "";
    let at = start;
    for (; at < end; at++) {
      const byte = bytes[at]!;
      if (byte >= 0x80) break;
      text += String.fromCharCode(byte);
    }
    if (at === end) return text;
  }
  try {
    return strict.decode(bytes.subarray(start, end));
  } catch (cause) {
    throw new MatyanError("corrupt", `${what} at byte ${start} is not valid UTF-8`, { cause });
  }
}

/** The text of `bytes[start, end)`, all of which the caller knows to be ASCII. */
export function decodeAscii(bytes: Uint8Array, start: number, end: number): string {
  if (end - start >= shortText) return strict.decode(bytes.subarray(start, end));
  let text = "";
  for (let at = start; at < end; at++) text += String.fromCharCode(bytes[at]!);
  return text;
}

/** The UTF-8 form of `text`. Throws `usage` on a lone surrogate. */
export function encodeUtf8(text: string): Uint8Array {
  if (!text.isWellFormed()) throw loneSurrogate(text);
  return encoder.encode(text);
}

/**
 * Writes the UTF-8 form of `text` at `target[at...]` and returns the position behind it. The caller has made room for
 * 3 bytes per UTF-16 unit. Throws `usage` on a lone surrogate, which no stored text can hold.
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

export function loneSurrogate(text: string): MatyanError {
  const shown = JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}...` : text);
  return new MatyanError("usage", `the text ${shown} holds half of a surrogate pair, which UTF-8 cannot express`, {
    hint: "Replace the broken character in the text.",
  });
}
