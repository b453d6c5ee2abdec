// What the first bytes of an image or a sound say of it. Sources: the PNG, JFIF, GIF89a, BMP, WebP and RIFF/WAVE specifications.

export interface ImageFacts {
  /** In upper case, as the Python client has it. */
  readonly format: "PNG" | "JPEG" | "GIF" | "BMP" | "WEBP";
  /** Pixels; null where the header could not be read. */
  readonly width: number | null;
  readonly height: number | null;
}

/** Bytes of a file's beginning that hold what is asked here; in a JPEG the size may come later, behind a thumbnail. */
export const headerBytes = 256 * 1024;

/** Undefined when the bytes are the beginning of no known kind of image. Never fails. */
export function imageFacts(head: Uint8Array): ImageFacts | undefined {
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const ascii = (at: number, length: number) => String.fromCharCode(...head.subarray(at, at + length));
  if (head.length >= 24 && ascii(1, 3) === "PNG" && ascii(12, 4) === "IHDR")
    return { format: "PNG", width: view.getUint32(16), height: view.getUint32(20) };
  if (head.length >= 10 && /^GIF8[79]a$/.test(ascii(0, 6)))
    return { format: "GIF", width: view.getUint16(6, true), height: view.getUint16(8, true) };
  if (head.length >= 26 && ascii(0, 2) === "BM")
    return { format: "BMP", width: view.getInt32(18, true), height: Math.abs(view.getInt32(22, true)) };
  if (head.length >= 30 && ascii(0, 4) === "RIFF" && ascii(8, 4) === "WEBP")
    return { format: "WEBP", ...webpSize(view, ascii(12, 4)) };
  if (head.length >= 4 && head[0] === 0xff && head[1] === 0xd8 && head[2] === 0xff)
    return { format: "JPEG", ...jpegSize(view) };
  return undefined;
}

const unknownSize = { width: null, height: null };

function webpSize(view: DataView, chunk: string): Pick<ImageFacts, "width" | "height"> {
  const u24 = (at: number) => view.getUint16(at, true) + view.getUint8(at + 2) * 0x1_0000;
  if (chunk === "VP8X") return { width: u24(24) + 1, height: u24(27) + 1 };
  if (chunk === "VP8 ") return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
  if (chunk !== "VP8L") return unknownSize;
  const bits = view.getUint32(21, true);
  return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
}

/** Walks the segments to the frame header (SOF0 to SOF15, without DHT, JPG and DAC). */
function jpegSize(view: DataView): Pick<ImageFacts, "width" | "height"> {
  for (let at = 2; at + 9 <= view.byteLength; ) {
    if (view.getUint8(at) !== 0xff) return unknownSize;
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) {
      at++;
      continue;
    }
    if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc)
      return { width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
    at += 2 + view.getUint16(at + 2);
  }
  return unknownSize;
}

/** The sampling rate of a WAV file, in hertz, or undefined. */
export function waveRate(head: Uint8Array): number | undefined {
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const ascii = (at: number) => String.fromCharCode(...head.subarray(at, at + 4));
  if (head.length < 28 || ascii(0) !== "RIFF" || ascii(8) !== "WAVE") return undefined;
  for (let at = 12; at + 16 <= head.length; at += 8 + view.getUint32(at + 4, true) + (view.getUint32(at + 4, true) & 1))
    if (ascii(at) === "fmt ") return view.getUint32(at + 12, true);
  return undefined;
}
