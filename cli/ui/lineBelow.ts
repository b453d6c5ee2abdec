// A line below all others of a terminal, which changes until it becomes one of them: somebody's progress bar, seen from here.
import { writeSync } from "node:fs";
import type { Output } from "../output.ts";
import { cutText } from "./text.ts";

const erase = "\r\u001b[K";

export class LineBelow {
  readonly #out: Output;
  #text = "";

  /** Without a terminal that can move its cursor, nothing is ever drawn. */
  constructor(out: Output) {
    this.#out = out;
    if (!out.json && out.terminal.stdout && out.settings.cursor)
      out.attach({
        above: (write) => {
          if (this.#text !== "") writeSync(1, erase);
          write();
          this.#draw();
        },
      });
  }

  /** @param text one harmless line without colours; `""` for none */
  show(text: string): void {
    if (this.#out.json || !this.#out.terminal.stdout || !this.#out.settings.cursor || text === this.#text) return;
    if (this.#text !== "") writeSync(1, erase);
    this.#text = text;
    this.#draw();
  }

  #draw(): void {
    // The last column stays free: terminals go on to the next line there.
    if (this.#text !== "") writeSync(1, this.#out.style.dim(cutText(this.#text, this.#out.columns - 1)));
  }
}
