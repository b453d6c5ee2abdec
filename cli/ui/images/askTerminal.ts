// Questions that a terminal answers itself: whether it draws sixels (primary device attributes), and how large a cell is
// (XTWINOPS 16). https://invisible-island.net/xterm/ctlseqs/ctlseqs.html
import { writeSync } from "node:fs";
import type { CellSize } from "./picture.ts";

export interface TerminalAnswer {
  readonly hasSixel: boolean;
  /** Pixels; undefined when it was not told. */
  readonly cell: CellSize | undefined;
}

/** A terminal far away (ssh) may take as long; one that knows no attributes never answers. */
const answerMs = 500;

/** Undefined without an answer. What is typed meanwhile is lost. Standard input and output must be terminals. */
export async function askTerminal(waitMs = answerMs): Promise<TerminalAnswer | undefined> {
  const { stdin } = process;
  if (!stdin.isTTY || !process.stdout.isTTY) return undefined;
  const wasRaw = stdin.isRaw;
  // Answers are not to be shown, and come without a line's end.
  stdin.setRawMode(true);
  try {
    return await new Promise((resolve) => {
      let text = "";
      const end = (answer: TerminalAnswer | undefined) => {
        clearTimeout(timer);
        stdin.off("data", take);
        stdin.pause();
        resolve(answer);
      };
      const take = (piece: Buffer | string) => {
        text += piece;
        const answer = readAnswer(text);
        if (answer !== undefined) end(answer);
      };
      const timer = setTimeout(() => end(undefined), waitMs);
      stdin.on("data", take);
      stdin.resume();
      // All terminals answer the second question, so that nobody waits for those that don't know the first.
      writeSync(1, "\u001b[16t\u001b[c");
    });
  } finally {
    stdin.setRawMode(wasRaw);
  }
}

/** What the answers say; undefined before the last of them has come. */
export function readAnswer(text: string): TerminalAnswer | undefined {
  const attributes = /\u001b\[\?([0-9;]*)c/.exec(text);
  if (attributes === null) return undefined;
  const size = /\u001b\[6;(\d+);(\d+)t/.exec(text);
  const [height, width] = [Number(size?.[1]), Number(size?.[2])];
  return {
    hasSixel: attributes[1]!.split(";").slice(1).includes("4"),
    cell: height > 0 && width > 0 ? { width, height } : undefined,
  };
}
