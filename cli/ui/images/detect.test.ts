// Which terminals get pictures, and how.
import { expect, test } from "bun:test";
import { readImageSettings } from "../../../server/config.ts";
import { readAnswer } from "./askTerminal.ts";
import { type ChooseHost, chooseProtocol, type InlineChoice } from "./chooseProtocol.ts";

test("the environment names terminals that show pictures, and what stands before them", () => {
  const cases: [Record<string, string>, string][] = [
    [{ TERM: "xterm-kitty", KITTY_WINDOW_ID: "1" }, "kitty undefined"],
    [{ TERM: "xterm-ghostty" }, "kitty undefined"],
    [{ TERM: "xterm-256color", TERM_PROGRAM: "iTerm.app" }, "iterm undefined"],
    [{ TERM: "xterm-256color", TERM_PROGRAM: "WezTerm" }, "iterm undefined"],
    [{ TERM: "xterm-256color", LC_TERMINAL: "iTerm2" }, "iterm undefined"],
    [{ TERM: "tmux-256color", TERM_PROGRAM: "tmux", TMUX: "/tmp/s,1,0", KITTY_WINDOW_ID: "1" }, "kitty tmux"],
    [{ TERM: "screen.xterm-256color", STY: "1.pts" }, "undefined screen"],
    [{ TERM: "xterm-256color" }, "undefined undefined"],
    [{}, "undefined undefined"],
  ];
  for (const [env, expected] of cases) {
    const { protocol, multiplexer } = readImageSettings(env);
    expect([env, `${protocol} ${multiplexer}`]).toEqual([env, expected]);
  }
});

test("a terminal's answers are read once the last of them is there", () => {
  expect(readAnswer("\u001b[6;20;10t")).toBeUndefined();
  expect(readAnswer("\u001b[6;20;10t\u001b[?62;4;22c")).toEqual({ hasSixel: true, cell: { width: 10, height: 20 } });
  expect(readAnswer("\u001b[?64;1;2;6;22c")).toEqual({ hasSixel: false, cell: undefined });
  // The first number is the terminal's class: VT4xx is no sixel.
  expect(readAnswer("x\u001b[?4c")).toEqual({ hasSixel: false, cell: undefined });
});

const output = (stdout: boolean) => ({
  ...{ json: false, quiet: false, terminal: { stdout, stderr: stdout } },
  settings: { color: "auto", cursor: true, ci: false, columns: undefined } as const,
});

async function choose(
  choice: InlineChoice,
  env: Record<string, string>,
  { hasSixel = false, passthrough = "off", stdout = true, silent = false } = {},
): Promise<string> {
  const host: ChooseHost = {
    ask: async () => (silent ? undefined : { hasSixel, cell: { width: 8, height: 16 } }),
    passthrough: async () => passthrough,
  };
  const chosen = await chooseProtocol(output(stdout), choice, readImageSettings(env), host);
  return typeof chosen === "string"
    ? chosen
    : `${chosen.protocol} ${chosen.cell.width} ${JSON.stringify(chosen.wrap("\u001bx"))}`;
}

test("pictures are shown where they are safe, and the reason is told where not", async () => {
  const kitty = { TERM: "xterm-kitty" };
  const tmux = { ...kitty, TMUX: "/tmp/s,1,0" };
  const plain = '"\\u001bx"';
  expect(await choose("auto", kitty)).toBe(`kitty 8 ${plain}`);
  expect(await choose("auto", kitty, { silent: true })).toBe(`kitty 10 ${plain}`);
  expect(await choose("auto", { TERM: "xterm" }, { hasSixel: true })).toBe(`sixel 8 ${plain}`);
  expect(await choose("auto", { TERM: "xterm" })).toContain("does not say that it shows pictures");
  expect(await choose("auto", kitty, { stdout: false })).toBe("");
  expect(await choose("none", kitty)).toBe("");
  expect(await choose("auto", tmux)).toContain("inside this tmux");
  expect(await choose("auto", tmux, { hasSixel: true })).toBe(`sixel 8 ${plain}`);
  expect(await choose("auto", { TERM: "screen" })).toContain("inside screen");
  expect(await choose("kitty", tmux, { passthrough: "on" })).toBe('kitty 8 "\\u001bPtmux;\\u001b\\u001bx\\u001b\\\\"');
  await expect(choose("kitty", tmux)).rejects.toThrow("allow-passthrough is off");
  await expect(choose("iterm", { STY: "1.pts" })).rejects.toThrow("screen keeps iterm pictures");
  expect(await choose("sixel", {}, { stdout: false })).toBe(`sixel 10 ${plain}`);
});
