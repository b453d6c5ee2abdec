// The event that makes up nearly all of most logs, recognised by its bytes: one `simple_value`, fields in the usual order.

/** After `match` the fields hold what the event said. Anything of another form is left to `EventReader`. */
export class ScalarEvent {
  wallTime = 0;
  step = 0;
  tagStart = 0;
  tagEnd = 0;
  value = 0;

  /**
   * Whether bytes [start, end) are exactly: wall_time, step below 2^28 or none, a summary of one value of a tag and a
   * simple_value, all of it under 128 bytes. A few bytes after `end` must be readable.
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
    // summary { value { tag simple_value } }: each length says that it reaches to the end
    const tagStart = at + 6;
    const tagEnd = end - 5;
    if (
      tagStart > tagEnd ||
      end - at > 129 ||
      bytes[at] !== 42 ||
      bytes[at + 1] !== end - at - 2 ||
      bytes[at + 2] !== 10 ||
      bytes[at + 3] !== end - at - 4 ||
      bytes[at + 4] !== 10 ||
      bytes[at + 5] !== tagEnd - tagStart ||
      bytes[tagEnd] !== 21
    )
      return false;
    this.wallTime = view.getFloat64(start + 1, true);
    this.step = step;
    this.tagStart = tagStart;
    this.tagEnd = tagEnd;
    this.value = view.getFloat32(tagEnd + 1, true);
    return true;
  }
}
