// `Summary.Image` and `Summary.Audio` read in place: their bytes may be many megabytes and are never copied.
// Layout: tensorflow/core/framework/summary.proto.
import { Wire } from "./event.ts";

/** Both messages have their encoded bytes in field 4; the rest are numbers, but for the audio's content type (5). */
export interface MediaMessage {
  /** Range of the encoded bytes; empty when there are none. */
  readonly start: number;
  readonly end: number;
  /** Image: height (1) and width (2). */
  readonly height: number | undefined;
  readonly width: number | undefined;
  /** Audio: samples per second (1), MIME type (5). */
  readonly sampleRate: number | undefined;
  readonly contentType: string;
}

/** Reads bytes [from, to), which pass 1 found well-formed. */
export function readMedia(bytes: Uint8Array, view: DataView, from: number, to: number): MediaMessage {
  const wire = new Wire(bytes, view).open(from, to);
  let [start, end] = [0, 0];
  let height: number | undefined;
  let width: number | undefined;
  let sampleRate: number | undefined;
  let contentType = "";
  while (wire.at < wire.end) {
    const key = wire.varint();
    if (key === 34 || key === 42) {
      const length = wire.length();
      if (key === 34) [start, end] = [wire.at, wire.at + length];
      else contentType = Buffer.from(bytes.subarray(wire.at, wire.at + length)).toString();
      wire.at += length;
    } else if (key === 8) height = wire.varint();
    else if (key === 16) width = wire.varint();
    else if (key === 13 && wire.end - wire.at >= 4) {
      sampleRate = view.getFloat32(wire.at, true);
      wire.at += 4;
    } else wire.skip(key & 7);
  }
  return { start, end, height, width, sampleRate, contentType };
}
