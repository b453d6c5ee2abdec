// The command line in a terminal of its own, for tests: what it draws there, and what somebody types.
import { mainFile, type Surroundings } from "./testing.ts";

export interface TestTerminal {
  /** All that was written to it so far, as it came. */
  readonly text: () => string;
  type(keys: string): void;
  /** With SIGTERM. */
  kill(): void;
  /** Until the text holds it, from `from` on; gives the place behind it. @throws Error with the text when the program ends before. */
  until(part: string | RegExp, from?: number): Promise<number>;
  readonly ended: Promise<number>;
}

export function startInTerminal(
  args: readonly string[],
  { cwd, env }: Surroundings,
  { columns = 80, rows = 24 }: { readonly columns?: number; readonly rows?: number } = {},
): TestTerminal {
  let text = "";
  const decoder = new TextDecoder();
  const child = Bun.spawn([process.execPath, mainFile, ...args], {
    cwd,
    env: { PATH: process.env["PATH"] ?? "", TERM: "xterm-256color", ...env },
    terminal: {
      cols: columns,
      rows,
      data: (_terminal, bytes) => {
        text += decoder.decode(bytes, { stream: true });
      },
    },
  });
  const find = (part: string | RegExp, from: number): number => {
    const rest = text.slice(from);
    if (typeof part === "string") return rest.includes(part) ? from + rest.indexOf(part) + part.length : -1;
    const match = part.exec(rest);
    return match === null ? -1 : from + match.index + match[0].length;
  };
  return {
    text: () => text,
    type: (keys) => void child.terminal!.write(keys),
    kill: () => child.kill(),
    until: async (part, from = 0) => {
      for (;;) {
        const at = find(part, from);
        if (at >= 0) return at;
        if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}, without '${part}': ${text}`);
        await Bun.sleep(20);
      }
    },
    ended: child.exited.then((code) => {
      child.terminal!.close();
      return code;
    }),
  };
}
