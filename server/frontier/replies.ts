// What the frontier answers to a frame: exactly one JSON object (pipeline.md 4.2).

/** One item of a frame that was not stored. */
export interface RefusedItem {
  /** Its place in the frame. */
  readonly index: number;
  readonly reason: string;
}

export const okReply = '{"status":"ok","error":null}';

export function errorReply(error: string, length: number): string {
  const shown = error.length <= length ? error : `${error.slice(0, length).toWellFormed()}...`;
  return JSON.stringify({ status: "error", error: shown });
}

/** The text that names what was refused. A frame of one item is answered with that item's reason alone. */
export function describeRefused(refused: readonly RefusedItem[], total: number): string {
  const sorted = [...refused].sort((a, b) => a.index - b.index);
  if (total === 1) return sorted[0]?.reason ?? "";
  const lines = sorted.map(({ index, reason }) => `item ${index}: ${reason}`);
  const stored = total - sorted.length;
  const others =
    stored === 0 ? "none is stored" : stored === 1 ? "the other one is stored" : `the other ${stored} are stored`;
  return [`${sorted.length} of ${total} items refused, ${others}`, ...lines].join("\n");
}
