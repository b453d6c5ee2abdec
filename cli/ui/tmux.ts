// Test support: a program in a real terminal, which is tmux's; keys, sizes, and what is seen.
import { expect } from "bun:test";
import { randomUUID } from "node:crypto";

/** Undefined where tmux is not installed: tests that need it are skipped by that name. */
export const tmuxPath = Bun.which("tmux") ?? undefined;

export interface TmuxTerminal extends AsyncDisposable {
  /** What is on the screen, without colours. */
  screen(): Promise<string>;
  /** Waits until the screen has that. @returns the screen */
  until(what: string | RegExp): Promise<string>;
  /** Names of keys as tmux knows them (`Down`, `Enter`), or text. */
  press(...keys: readonly string[]): Promise<void>;
  resize(columns: number, rows: number): Promise<void>;
}

/** Runs a line of shell; what it leaves on the screen stays there when it ends. */
export async function openTmux(
  line: string,
  { columns, rows, cwd }: { readonly columns: number; readonly rows: number; readonly cwd?: string },
): Promise<TmuxTerminal> {
  // A server of its own, without the settings and the environment of whoever runs the tests: a CI job has no live screens.
  const env = { PATH: process.env["PATH"] ?? "", LC_ALL: "C.UTF-8" };
  const socket = `matyan-test-${randomUUID()}`;
  const run = async (...args: readonly string[]): Promise<string> => {
    const child = Bun.spawn(["tmux", "-u", "-L", socket, "-f", "/dev/null", ...args], {
      ...(cwd === undefined ? {} : { cwd }),
      env,
      stdout: "pipe",
      stderr: "inherit",
    });
    const out = await child.stdout.text();
    expect(await child.exited).toBe(0);
    return out;
  };
  await run("new-session", "-d", "-s", "test", "-x", `${columns}`, "-y", `${rows}`, `${line}; sleep 600`);
  const screen = () => run("capture-pane", "-p", "-t", "test");
  return {
    screen,
    until: async (what) => {
      let before: string | undefined;
      for (let wait = 0; wait < 400; wait++) {
        const seen = await screen();
        // Twice the same: what is half drawn does not count.
        if (seen === before && (typeof what === "string" ? seen.includes(what) : what.test(seen))) return seen;
        before = seen;
        await Bun.sleep(50);
      }
      throw new Error(`'${what}' did not come: ${await screen()}`);
    },
    press: async (...keys) => void (await run("send-keys", "-t", "test", ...keys)),
    resize: async (width, height) =>
      void (await run("resize-window", "-t", "test", "-x", `${width}`, "-y", `${height}`)),
    [Symbol.asyncDispose]: async () => void (await run("kill-server")),
  };
}
