// What an image or a sound says of itself in its first bytes. Nothing is decoded: the originals are kept as they are.
// Formats: PNG (RFC 2083), GIF89a, JPEG (ITU T.81 B.2), WebP (RFC 9649), BMP, RIFF WAVE.

export interface ImageFacts {
  /** Lower-case name, also the file extension; `bin` when it is none of those known. */
  readonly format: string;
  /** Pixels; absent where the header does not say. */
  readonly width?: number;
  readonly height?: number;
}

/** `bytes` may be the file's beginning only. Never fails. */
export function imageFacts(bytes: Uint8Array): ImageFacts {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const starts = (at: number, text: string) =>
    at + text.length <= bytes.length && [...text].every((char, index) => bytes[at + index] === char.charCodeAt(0));
  if (starts(0, "\x89PNG\r\n\x1a\n"))
    return bytes.length >= 24
      ? { format: "png", width: view.getUint32(16), height: view.getUint32(20) }
      : { format: "png" };
  if (starts(0, "GIF87a") || starts(0, "GIF89a"))
    return bytes.length >= 10
      ? { format: "gif", width: view.getUint16(6, true), height: view.getUint16(8, true) }
      : { format: "gif" };
  if (starts(0, "\xff\xd8\xff")) return { format: "jpeg", ...jpegSize(view) };
  if (starts(0, "RIFF") && starts(8, "WEBP")) return { format: "webp", ...webpSize(view, starts) };
  if (starts(0, "BM") && bytes.length >= 26)
    return { format: "bmp", width: view.getInt32(18, true), height: Math.abs(view.getInt32(22, true)) };
  return { format: "bin" };
}

/** The frame header (SOF) is the first of the segments that have a size in it. */
function jpegSize(view: DataView): { width?: number; height?: number } {
  for (let at = 2; at + 9 <= view.byteLength && view.getUint8(at) === 0xff; ) {
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) at++;
    else if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc)
      return { height: view.getUint16(at + 5), width: view.getUint16(at + 7) };
    else at += 2 + view.getUint16(at + 2);
  }
  return {};
}

function webpSize(view: DataView, starts: (at: number, text: string) => boolean): { width?: number; height?: number } {
  if (view.byteLength < 30) return {};
  const three = (at: number) => view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
  if (starts(12, "VP8X")) return { width: three(24) + 1, height: three(27) + 1 };
  if (starts(12, "VP8 "))
    return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
  if (starts(12, "VP8L")) {
    const bits = view.getUint32(21, true);
    return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
  }
  return {};
}

export interface AudioFacts {
  readonly format: string;
  /** Samples per second. */
  readonly rate?: number;
}

/** As `imageFacts`. @param contentType what the writer said, for sounds that do not say it themselves */
export function audioFacts(bytes: Uint8Array, contentType = ""): AudioFacts {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 64)).toString("latin1");
  if (head.startsWith("RIFF") && head.slice(8, 12) === "WAVE") return { format: "wav", ...waveRate(bytes) };
  if (head.startsWith("OggS")) return { format: "ogg" };
  if (head.startsWith("fLaC")) return { format: "flac" };
  if (head.startsWith("ID3") || /^\xff[\xe2-\xff]/.test(head)) return { format: "mp3" };
  const named = /^audio\/(?:x-)?([a-z0-9]{1,8})$/.exec(contentType)?.[1];
  return { format: named ?? "bin" };
}

/** Chunks lie at even offsets: one of an odd size is followed by a byte that is not counted. */
function waveRate(bytes: Uint8Array): { rate?: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 12; at + 16 <= bytes.length; ) {
    if (view.getUint32(at) === 0x666d7420) return { rate: view.getUint32(at + 12, true) };
    const size = view.getUint32(at + 4, true);
    at += 8 + size + (size & 1);
  }
  return {};
}
