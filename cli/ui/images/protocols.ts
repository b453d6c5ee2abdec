// Pictures as what terminals understand: the kitty graphics protocol, iTerm2's OSC 1337, and sixel. Each function gives the escape
// sequences that draw one picture at the cursor.
import { decode } from "fast-png";
import { MatyanError } from "../../../formats/error.ts";
import type { Picture } from "./picture.ts";
import { encodeSixel } from "./sixel.ts";

export const imageProtocols = ["kitty", "iterm", "sixel"] as const;
export type ImageProtocol = (typeof imageProtocols)[number];

/** More than the protocol lets one escape code carry is sent in several. */
const chunkLength = 4_096;

/**
 * Transmits a PNG and shows it at once (a=T). The terminal is to answer nothing (q=2): nobody reads it.
 * https://sw.kovidgoyal.net/kitty/graphics-protocol/
 */
export function kittyText({ png, cells }: Pick<Picture, "png" | "cells">): string[] {
  const data = base64(png);
  const codes: string[] = [];
  for (let at = 0; at < data.length || at === 0; at += chunkLength) {
    const isLast = at + chunkLength >= data.length;
    const first = at === 0 ? `a=T,f=100,q=2,c=${cells.columns},r=${cells.rows},` : "";
    codes.push(`\u001b_G${first}m=${isLast ? 0 : 1};${data.slice(at, at + chunkLength)}\u001b\\`);
  }
  return codes;
}

/** A file shown inline, in as many cells. https://iterm2.com/documentation-images.html */
export function itermText({ png, cells }: Pick<Picture, "png" | "cells">, name: string): string {
  const fields = [
    `name=${base64(Buffer.from(name))}`,
    `size=${png.length}`,
    `width=${cells.columns}`,
    `height=${cells.rows}`,
    "preserveAspectRatio=1",
    "inline=1",
  ];
  return `\u001b]1337;File=${fields.join(";")}:${base64(png)}\u0007`;
}

/** Of the picture as `picture.indexed` gives it: 256 colours, dithered. */
export function sixelText(indexedPng: Uint8Array): string {
  const { width, height, data, depth, palette } = decode(indexedPng);
  if (palette === undefined) throw new MatyanError("corrupt", "a picture for sixel needs a palette");
  const pixels = depth === 8 ? data : unpacked(data, width, height, depth);
  const colors = palette.map(([red, green, blue, alpha = 255]) =>
    alpha < 128 ? undefined : ([red!, green!, blue!] as const),
  );
  return encodeSixel({ width, height, pixels, colors });
}

/** Pixels of less than a byte, whose rows begin with a byte each, the leftmost in its highest bits (RFC 2083, 2.3). */
function unpacked(data: ArrayLike<number>, width: number, height: number, depth: number): Uint8Array {
  const pixels = new Uint8Array(width * height);
  const perByte = 8 / depth;
  const rowBytes = Math.ceil(width / perByte);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const byte = data[y * rowBytes + Math.floor(x / perByte)]!;
      pixels[y * width + x] = (byte >> (8 - depth * ((x % perByte) + 1))) & (2 ** depth - 1);
    }
  return pixels;
}

/** What a tmux with `allow-passthrough` hands on to its terminal: escapes are doubled inside. */
export function throughTmux(text: string): string {
  return `\u001bPtmux;${text.replaceAll("\u001b", "\u001b\u001b")}\u001b\\`;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}
