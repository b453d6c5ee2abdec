// The events that make up nearly all of most logs, recognised by their bytes: one scalar, fields in the usual order.
import { Shape } from "./tensor.ts";

/** After `match` the fields hold what the event said. Anything of another form is left to `EventReader`. */
export class ScalarEvent {
  wallTime = 0;
  step = 0;
  tagStart = 0;
  tagEnd = 0;
  value = 0;
  /** `Shape.simple` for a simple_value, `Shape.number` for a tensor of rank 0. */
  shape = 0;
  /** SummaryMetadata; `metadataStart` is -1 without. */
  metadataStart = -1;
  metadataEnd = -1;

  /**
   * Whether bytes [start, end) are exactly: wall_time, step below 2^28 or none, a summary of one value of a tag and a
   * simple_value or a float or double tensor without dimensions, perhaps metadata; all lengths under 128. A few bytes
   * after `end` must be readable.
   */
  match(bytes: Uint8Array, view: DataView, start: number, end: number): boolean {
    if (end - start < 18 || bytes[start] !== 9) return false;
    let at = start + 9;
    let step = 0;
    if (bytes[at] === 16) {
      let byte = bytes[at + 1]!;
      at += 2;
      step = byte & 127;
      for (let shift = 7; byte >= 128; shift += 7) {
        if (shift > 21) return false;
        byte = bytes[at++]!;
        step |= (byte & 127) << shift;
      }
    }
    // summary { value { tag ... } }: both lengths say that they reach to the end
    if (
      end - at > 129 ||
      bytes[at] !== 42 ||
      bytes[at + 1] !== end - at - 2 ||
      bytes[at + 2] !== 10 ||
      bytes[at + 3] !== end - at - 4 ||
      bytes[at + 4] !== 10
    )
      return false;
    const tagStart = at + 6;
    const tagEnd = tagStart + bytes[at + 5]!;
    if (tagEnd + 5 === end && bytes[tagEnd] === 21) {
      this.value = view.getFloat32(tagEnd + 1, true);
      this.shape = Shape.simple;
      this.metadataStart = -1;
    } else if (!this.#matchTensor(bytes, view, tagEnd, end)) {
      return false;
    }
    this.wallTime = view.getFloat64(start + 1, true);
    this.step = step;
    this.tagStart = tagStart;
    this.tagEnd = tagEnd;
    return true;
  }

  /** tensor { dtype, empty shape, content or list of one element }, metadata: as TensorFlow 2 writes a scalar. */
  #matchTensor(bytes: Uint8Array, view: DataView, at: number, end: number): boolean {
    if (at + 12 > end || bytes[at] !== 66 || bytes[at + 2] !== 8 || bytes[at + 4] !== 18 || bytes[at + 5] !== 0)
      return false;
    const dtype = bytes[at + 3]!;
    const size = dtype === 1 ? 4 : 8;
    const field = bytes[at + 6];
    if (
      (dtype !== 1 && dtype !== 2) ||
      (field !== 34 && field !== (dtype === 1 ? 42 : 50)) ||
      bytes[at + 1] !== size + 6 ||
      bytes[at + 7] !== size
    )
      return false;
    const after = at + 8 + size;
    this.metadataStart = -1;
    if (after !== end) {
      if (after + 2 > end || bytes[after] !== 74 || bytes[after + 1] !== end - after - 2) return false;
      this.metadataStart = after + 2;
      this.metadataEnd = end;
    }
    this.value = dtype === 1 ? view.getFloat32(at + 8, true) : view.getFloat64(at + 8, true);
    this.shape = Shape.number;
    return after <= end;
  }
}
