// Many short lines in few writes: a log of thousands of requests a second must not cost one system call each.

const holdMs = 100;
const holdLength = 64 * 1024;

export class LineBuffer {
  readonly #write: (text: string) => void;
  #held: string[] = [];
  #length = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /** Written within `holdMs`, or at `flush`. */
  add(line: string): void {
    this.#held.push(line, "\n");
    this.#length += line.length + 1;
    if (this.#length >= holdLength) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), holdMs);
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#length === 0) return;
    const text = this.#held.join("");
    this.#held = [];
    this.#length = 0;
    this.#write(text);
  }
}
