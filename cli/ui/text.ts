// Text in terminal cells: how wide it is, cut to a width, padded, made safe to print.

const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });
const printableAscii = /^[\x20-\x7e]*$/;

/** Cells that `text` takes: East Asian and emoji count two, combining marks and colour codes none. */
export function textWidth(text: string): number {
  return printableAscii.test(text) ? text.length : Bun.stringWidth(text);
}

/**
 * `text` in at most `width` cells; what is cut off is marked by an ellipsis, never inside a grapheme.
 * The text must be free of colour codes: paint after cutting.
 */
export function cutText(text: string, width: number): string {
  if (width <= 0) return "";
  if (textWidth(text) <= width) return text;
  let kept = "";
  let used = 0;
  for (const { segment } of segmenter.segment(text)) {
    // Width is not the sum of its graphemes' for every script; measuring what is kept is always right.
    const next = textWidth(kept + segment);
    if (next > width - 1) break;
    kept += segment;
    used = next;
  }
  return used <= width - 1 ? `${kept}…` : kept;
}

/** As `cutText`, but in the middle: where many names begin alike, their ends tell them apart. */
export function cutMiddle(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let end = "";
  // Of a very long text its last part holds more than is shown.
  for (const { segment } of Array.from(segmenter.segment(text.slice(-20 * width))).reverse()) {
    if (textWidth(segment + end) > (width - 1) / 2) break;
    end = segment + end;
  }
  return cutText(text, width - textWidth(end)) + end;
}

export function padText(text: string, width: number, align: "left" | "right" = "left"): string {
  const missing = width - textWidth(text);
  if (missing <= 0) return text;
  return align === "left" ? text + " ".repeat(missing) : " ".repeat(missing) + text;
}

// C0, DEL, C1, line separators, and the marks that reorder text: a run's name must not move the cursor or lie.
const unsafe = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;
const shortEscapes: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Makes each line of a text harmless, and keeps the lines. */
export function safeLines(text: string): string {
  return text.split("\n").map(safeText).join("\n");
}

/** Makes stored text one harmless line: control and reordering characters become visible escapes. */
export function safeText(text: string): string {
  return printableAscii.test(text)
    ? text
    : text
        .toWellFormed()
        .replace(
          unsafe,
          (character) =>
            shortEscapes[character] ??
            (character.charCodeAt(0) < 0x100
              ? `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`
              : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`),
        );
}
