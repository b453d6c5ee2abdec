// What was typed at a prompt, kept in a file for the next time: one line each, the oldest first.
import { appendFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/** Lines that are offered, and that the file is cut to when it has grown to twice as many. */
export const keptLines = 1_000;

export class History {
  readonly #file: string | undefined;
  readonly #lines: string[];

  private constructor(file: string | undefined, lines: string[]) {
    this.#file = file;
    this.#lines = lines;
  }

  /** @param file undefined to forget. What can't be read counts as empty. */
  static async open(file: string | undefined): Promise<History> {
    if (file === undefined) return new History(undefined, []);
    const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return "";
      throw error;
    });
    const lines = text.split("\n").filter((line) => line !== "");
    const history = new History(file, lines.slice(-keptLines));
    if (lines.length >= 2 * keptLines) await writeFile(file, `${history.#lines.join("\n")}\n`, { mode: 0o600 });
    return history;
  }

  /** The newest first, each once. */
  newestFirst(): string[] {
    return [...new Set(this.#lines.toReversed())];
  }

  /** Only its owner may read the file. The same line twice after each other is kept once. */
  async add(line: string): Promise<void> {
    const text = line.replaceAll("\n", " ").trim();
    if (text === "" || text === this.#lines.at(-1)) return;
    this.#lines.push(text);
    if (this.#lines.length > keptLines) this.#lines.shift();
    if (this.#file === undefined) return;
    await mkdir(dirname(this.#file), { recursive: true, mode: 0o700 });
    await appendFile(this.#file, `${text}\n`, { mode: 0o600 });
  }
}
