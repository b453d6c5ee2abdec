// How pictures get onto this terminal, or why they don't.
import { MatyanError } from "../../../formats/error.ts";
import type { ImageSettings } from "../../../server/config.ts";
import type { Output } from "../../output.ts";
import { askTerminal, type TerminalAnswer } from "./askTerminal.ts";
import type { CellSize } from "./picture.ts";
import { type ImageProtocol, throughTmux } from "./protocols.ts";

export type InlineChoice = ImageProtocol | "auto" | "none";

export interface Drawing {
  readonly protocol: ImageProtocol;
  readonly cell: CellSize;
  /** What an escape sequence is wrapped in on its way. */
  readonly wrap: (text: string) => string;
  /** Whether something in between does not know of the picture. */
  readonly isPassed: boolean;
}

export interface ChooseHost {
  ask(): Promise<TerminalAnswer | undefined>;
  /** tmux's option `allow-passthrough`. */
  passthrough(): Promise<string>;
}

/** What most terminals have. */
const usualCell: CellSize = { width: 10, height: 20 };

/**
 * The way, or the reason why there is none.
 * @throws MatyanError `usage` when what was asked for can't be done here.
 */
export async function chooseProtocol(
  { json, quiet, terminal, settings }: Pick<Output, "json" | "quiet" | "terminal" | "settings">,
  choice: InlineChoice,
  { protocol, multiplexer }: ImageSettings,
  host: ChooseHost = realHost,
): Promise<Drawing | string> {
  if (choice === "none" || json || quiet) return "";
  if (choice !== "auto") {
    const cell = (terminal.stdout ? await host.ask() : undefined)?.cell ?? usualCell;
    const wrap = await wrapFor(choice, multiplexer, host);
    return { protocol: choice, cell, wrap: wrap ?? asIs, isPassed: wrap !== undefined };
  }
  if (!terminal.stdout || !settings.cursor) return "";
  const answer = await host.ask();
  const cell = answer?.cell ?? usualCell;
  // A multiplexer draws the screen anew at any time, and only knows of the pictures that it draws itself.
  if (multiplexer === undefined && protocol !== undefined) return { protocol, cell, wrap: asIs, isPassed: false };
  if (answer?.hasSixel) return { protocol: "sixel", cell, wrap: asIs, isPassed: false };
  if (multiplexer === "tmux")
    return "pictures are not shown inside this tmux: it does not draw sixels itself (tmux 3.4 built with them does). Leave it, or try --inline kitty with `set -g allow-passthrough on`; -o DIR writes files.";
  if (multiplexer === "screen") return "pictures are not shown inside screen. Leave it, or write files with -o DIR.";
  return "this terminal does not say that it shows pictures: --inline kitty, iterm or sixel tries; -o DIR writes files.";
}

function asIs(text: string): string {
  return text;
}

/** What lets an escape sequence through; undefined where nothing is in its way. */
async function wrapFor(
  protocol: ImageProtocol,
  multiplexer: ImageSettings["multiplexer"],
  host: ChooseHost,
): Promise<Drawing["wrap"] | undefined> {
  if (multiplexer === undefined || protocol === "sixel") return undefined;
  if (multiplexer === "screen")
    throw new MatyanError("usage", `screen keeps ${protocol} pictures from the terminal`, {
      hint: "Leave screen, or write files with -o DIR.",
    });
  const passthrough = await host.passthrough();
  if (passthrough === "on" || passthrough === "all") return throughTmux;
  throw new MatyanError(
    "usage",
    `tmux keeps ${protocol} pictures from the terminal: allow-passthrough is ${passthrough || "not known to it"}`,
    {
      hint: "`tmux set -g allow-passthrough on` lets them through; they stay where they are drawn when the pane scrolls. Or leave tmux.",
    },
  );
}

const realHost: ChooseHost = {
  ask: () => askTerminal(),
  passthrough: async () => {
    try {
      const asked = Bun.spawn(["tmux", "show-options", "-gwv", "allow-passthrough"], { stderr: "ignore" });
      return (await asked.stdout.text()).trim();
    } catch {
      // No tmux to ask: the variables are of one elsewhere.
      return "";
    }
  },
};
