// A question before something that can't be undone.
import { createInterface } from "node:readline/promises";
import { MatyanError } from "../../formats/error.ts";
import type { Context } from "../runtime.ts";

/**
 * Whether the person at the terminal said yes; nothing typed means no. @throws MatyanError `usage` where nobody can be asked: standard
 * input or error is no terminal, or the output is for a program.
 */
export async function confirm({ out, signal }: Context, question: string): Promise<boolean> {
  if (process.stdin.isTTY !== true || !out.terminal.stderr || out.json)
    throw new MatyanError("usage", "nobody can be asked here whether to go on", {
      hint: "Add --yes to go on without a question, or --dry-run to only look.",
    });
  out.flush();
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await lines.question(`${question} [y/N] `, { signal });
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    lines.close();
  }
}
