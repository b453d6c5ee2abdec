// A stored line of somebody's terminal as that terminal showed it in the end: progress bars write over themselves, colours
// may stay, and nothing else that it says to a terminal reaches ours.
import { safeText } from "./text.ts";

/** Control sequences (ECMA-48), strings to the terminal (OSC, DCS, SOS, PM, APC) with or without their end, other escapes. */
const sequence =
  /\u001b\[([0-?]*)[ -/]*([@-~])|\u001b[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\|$)|\u001b[ -/]*[0-~]|[\r\b\t]/g;

const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });
const special = /[\u001b\r\b\t]/;
/** A cursor that is sent further right than this stays: nobody's terminal is wider, and memory is not the line's to take. */
const mostColumns = 4_096;

interface Cell {
  text: string;
  /** Colours in which it was written: parameters of SGR, `""` for none. */
  sgr: string;
}

/** @param color whether colours may pass; else the text is plain */
export function shownLine(line: string, color: boolean): string {
  if (!special.test(line)) return safeText(line);
  const screen = new LineScreen();
  let from = 0;
  for (const match of line.matchAll(sequence)) {
    screen.print(line.slice(from, match.index));
    from = match.index + match[0].length;
    if (match[0] === "\r") screen.moveTo(0);
    else if (match[0] === "\b") screen.moveTo(screen.column - 1);
    else if (match[0] === "\t") screen.moveTo((Math.floor(screen.column / 8) + 1) * 8);
    else if (match[2] !== undefined) screen.control(match[2], match[1]!);
  }
  screen.print(line.slice(from));
  return screen.text(color);
}

class LineScreen {
  column = 0;
  readonly #cells: Cell[] = [];
  readonly #colors = new Colors();

  print(text: string): void {
    if (text === "") return;
    const sgr = this.#colors.parameters();
    for (const { segment } of segmenter.segment(text)) {
      while (this.#cells.length < this.column) this.#cells.push({ text: " ", sgr: "" });
      this.#cells[this.column++] = { text: segment, sgr };
    }
  }

  moveTo(column: number): void {
    this.column = Math.max(0, Math.min(column, Math.max(mostColumns, this.#cells.length)));
  }

  control(final: string, parameters: string): void {
    const count = Number.parseInt(parameters, 10) || 0;
    if (final === "m") this.#colors.apply(parameters);
    else if (final === "K") this.#erase(count);
    else if (final === "C") this.moveTo(this.column + Math.max(1, count));
    else if (final === "D") this.moveTo(this.column - Math.max(1, count));
    else if (final === "G") this.moveTo(Math.max(1, count) - 1);
  }

  /** 0: from the cursor on, 1: up to it, 2: all. */
  #erase(what: number): void {
    if (what === 0) this.#cells.length = Math.min(this.#cells.length, this.column);
    else if (what === 2) this.#cells.length = 0;
    else for (let i = 0; i <= this.column && i < this.#cells.length; i++) this.#cells[i] = { text: " ", sgr: "" };
  }

  text(color: boolean): string {
    let text = "";
    let open = "";
    for (const cell of this.#cells) {
      if (color && cell.sgr !== open) {
        // Begun anew, so that no colour has to be undone.
        text += `${open === "" ? "" : "\u001b[0m"}${cell.sgr === "" ? "" : `\u001b[${cell.sgr}m`}`;
        open = cell.sgr;
      }
      text += safeText(cell.text);
    }
    return (open === "" ? text : `${text}\u001b[0m`).replace(/ +$/, "");
  }
}

/** Attributes that a line may have: bold, dim, italic, underlined, inverse, struck out. Not hidden, and nothing that blinks. */
const attributes = new Set([1, 2, 3, 4, 7, 9]);
const endsOf: Readonly<Record<number, readonly number[]>> = { 22: [1, 2], 23: [3], 24: [4], 27: [7], 29: [9] };

/** What SGR sequences have set so far (ECMA-48 8.3.117, and the colours of ITU-T T.416). */
class Colors {
  readonly #on = new Set<number>();
  #front = "";
  #back = "";
  #parameters: string | undefined = "";

  parameters(): string {
    this.#parameters ??= [...this.#on, this.#front, this.#back].filter((part) => part !== "").join(";");
    return this.#parameters;
  }

  apply(text: string): void {
    if (!/^[0-9;:]*$/.test(text)) return;
    this.#parameters = undefined;
    const codes = text.split(/[;:]/).map(Number);
    for (let i = 0; i < codes.length; i++) {
      const code = codes[i]!;
      if (code === 38 || code === 48) {
        const length = codes[i + 1] === 5 ? 3 : codes[i + 1] === 2 ? 5 : 1;
        const color = length === 1 ? "" : codes.slice(i, i + length).join(";");
        i += length - 1;
        if (code === 38) this.#front = color;
        else this.#back = color;
      } else this.#applyCode(code);
    }
  }

  #applyCode(code: number): void {
    if (code === 0) {
      this.#on.clear();
      this.#front = this.#back = "";
    } else if (attributes.has(code)) this.#on.add(code);
    else if (endsOf[code] !== undefined) for (const ended of endsOf[code]) this.#on.delete(ended);
    else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) this.#front = String(code);
    else if ((code >= 40 && code <= 47) || (code >= 100 && code <= 107)) this.#back = String(code);
    else if (code === 39) this.#front = "";
    else if (code === 49) this.#back = "";
  }
}
