// Writes image and audio values: a description in the line, the original bytes as blobs.
import { audioFacts, imageFacts } from "../media.ts";
import type { ValueContext } from "./emit.ts";
import { readMedia } from "./mediaMessage.ts";
import { Shape } from "./tensor.ts";

interface Part {
  readonly start: number;
  readonly end: number;
}

/** v1 `Image` messages, and TF2 string tensors of width, height and any number of encoded images. */
export function writeImages(context: ValueContext): true | string {
  if (context.shape === Shape.image) {
    const message = readMedia(context.bytes, context.view, context.start, context.end);
    if (message.start === message.end) return "image without bytes";
    writeImage(context, message, caption(context), message);
    return true;
  }
  const parts = context.tensor.strings();
  const count = parts.length / 2 - 2;
  if (count < 1) return "image tensor without images";
  const size = { width: asciiNumber(context, parts, 0), height: asciiNumber(context, parts, 1) };
  if (count > 1) context.out.text("[");
  for (let index = 0; index < count; index++) {
    if (index > 0) context.out.text(", ");
    const part = { start: parts[index * 2 + 4]!, end: parts[index * 2 + 5]! };
    writeImage(context, part, count === 1 ? caption(context) : `${caption(context)} #${index + 1}`, size);
  }
  if (count > 1) context.out.text("]");
  return true;
}

function writeImage(
  context: ValueContext,
  part: Part,
  text: string,
  stated: { readonly width?: number | undefined; readonly height?: number | undefined },
): void {
  const facts = imageFacts(context.bytes.subarray(part.start, part.end));
  if (facts.format === "bin") context.note("image of an unknown format, kept as .bin");
  const width = facts.width ?? stated.width ?? null;
  const height = facts.height ?? stated.height ?? null;
  const key = store(context, part, facts.format);
  context.out.text(
    `{"type": "image", "format": ${JSON.stringify(facts.format)}, "caption": ${JSON.stringify(text)}, ` +
      `"width": ${width}, "height": ${height}, "s3_key": ${JSON.stringify(key)}}`,
  );
}

/** v1 `Audio` messages, and TF2 string tensors of rows (encoded audio, label). */
export function writeAudio(context: ValueContext): true | string {
  if (context.shape === Shape.audio) {
    const message = readMedia(context.bytes, context.view, context.start, context.end);
    if (message.start === message.end) return "audio without bytes";
    writeSound(context, message, caption(context), message.contentType, message.sampleRate);
    return true;
  }
  const parts = context.tensor.strings();
  const rows = context.tensor.shape.length > 1 ? Math.max(1, context.tensor.shape[1]!) : 1;
  const count = Math.floor(parts.length / 2 / rows);
  if (count < 1) return "audio tensor without audio";
  const part = (index: number): Part => ({ start: parts[index * 2]!, end: parts[index * 2 + 1]! });
  if (count > 1) context.out.text("[");
  for (let index = 0; index < count; index++) {
    if (index > 0) context.out.text(", ");
    const sound = part(index * rows);
    const label = rows > 1 ? part(index * rows + 1) : { start: 0, end: 0 };
    const named = new TextDecoder().decode(context.bytes.subarray(label.start, label.end));
    const usual = count === 1 ? caption(context) : `${caption(context)} #${index + 1}`;
    writeSound(context, sound, named || usual);
  }
  if (count > 1) context.out.text("]");
  return true;
}

function writeSound(context: ValueContext, part: Part, text: string, contentType?: string, stated?: number): void {
  const facts = audioFacts(context.bytes.subarray(part.start, part.end), contentType);
  if (facts.format === "bin") context.note("audio of an unknown format, kept as .bin");
  const rate = stated !== undefined && stated >= 1 && stated < 2 ** 31 ? Math.trunc(stated) : (facts.rate ?? null);
  const key = store(context, part, facts.format);
  context.out.text(
    `{"type": "audio", "format": ${JSON.stringify(facts.format)}, "caption": ${JSON.stringify(text)}, ` +
      `"rate": ${rate}, "s3_key": ${JSON.stringify(key)}}`,
  );
}

/** Hands the bytes out as a blob and returns its object key. The same bytes at one step are the same blob. */
function store(context: ValueContext, part: Part, format: string): string {
  const encoded = context.bytes.subarray(part.start, part.end);
  const digest = new Bun.CryptoHasher("sha256").update(encoded).digest("hex").slice(0, 8);
  const path = `seq/${context.tag.path}/${context.step}-${digest}.${format}`;
  context.blob({ path, start: part.start, end: part.end });
  return `${context.hash}/${path}`;
}

function caption(context: ValueContext): string {
  return `${context.tag.name} step ${context.step}`;
}

function asciiNumber(context: ValueContext, parts: readonly number[], index: number): number | undefined {
  const text = Buffer.from(context.bytes.subarray(parts[index * 2], parts[index * 2 + 1])).toString("latin1");
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
