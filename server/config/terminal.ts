// What the environment says of the terminal; whether there is one at all is asked of the streams themselves.
import type { Environment } from "./types.ts";

export interface TerminalSettings {
  /** `never` by NO_COLOR or TERM=dumb, `always` by FORCE_COLOR, else `auto`: where a terminal is. */
  readonly color: "auto" | "never" | "always";
  /** Whether the terminal can move its cursor (TERM is not `dumb`). */
  readonly cursor: boolean;
  /** Whether a continuous-integration job is running us: nobody watches, everything is kept as a log. */
  readonly ci: boolean;
  /** COLUMNS, for streams that do not know their width. */
  readonly columns: number | undefined;
}

/** Reads NO_COLOR (no-color.org), FORCE_COLOR, TERM, CI and COLUMNS. Never fails: odd values count as unset. */
export function readTerminalSettings(env: Environment): TerminalSettings {
  const dumb = env["TERM"] === "dumb";
  const columns = Number(env["COLUMNS"]);
  return {
    color: env["NO_COLOR"] ? "never" : isSet(env["FORCE_COLOR"]) ? "always" : dumb ? "never" : "auto",
    cursor: !dumb,
    ci: isSet(env["CI"]),
    columns: Number.isInteger(columns) && columns > 0 ? columns : undefined,
  };
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== "" && value !== "0" && value.toLowerCase() !== "false";
}

/** What the environment says of pictures in the terminal. */
export interface ImageSettings {
  /** The protocol of the terminal that is named; undefined where only the terminal itself can tell. */
  readonly protocol: "kitty" | "iterm" | undefined;
  /** What stands between us and the terminal: what is said of the terminal may be of another one then. */
  readonly multiplexer: "tmux" | "screen" | undefined;
}

/** Reads TERM, TERM_PROGRAM, LC_TERMINAL, KITTY_WINDOW_ID, KONSOLE_VERSION, TMUX and STY. */
export function readImageSettings(env: Environment): ImageSettings {
  const term = env["TERM"] ?? "";
  const program = (env["TERM_PROGRAM"] ?? "").toLowerCase();
  const isKitty =
    isSet(env["KITTY_WINDOW_ID"]) ||
    isSet(env["KONSOLE_VERSION"]) ||
    /kitty|ghostty/.test(term) ||
    program === "ghostty";
  const isIterm = ["iterm.app", "wezterm"].includes(program) || env["LC_TERMINAL"] === "iTerm2";
  const isScreen = isSet(env["STY"]) || term.startsWith("screen");
  return {
    protocol: isKitty ? "kitty" : isIterm ? "iterm" : undefined,
    multiplexer: isSet(env["TMUX"]) || program === "tmux" ? "tmux" : isScreen ? "screen" : undefined,
  };
}

export interface Pager {
  /** A program and its arguments, as a shell reads them. */
  readonly command: string;
  /** Whether PAGER names it: then it has to be there. */
  readonly isChosen: boolean;
}

/** What long lists are read with: PAGER, else less; undefined for none (PAGER is empty or `cat`, or the terminal is too simple). */
export function readPager(env: Environment): Pager | undefined {
  const chosen = env["PAGER"]?.trim();
  if (env["TERM"] === "dumb" || chosen === "" || chosen === "cat") return undefined;
  return { command: chosen ?? "less", isChosen: chosen !== undefined };
}

/** Where commands remember what was typed, below XDG_STATE_HOME (XDG Base Directory Specification); undefined without a home. */
export function readHistoryFile(env: Environment): string | undefined {
  const state = env["XDG_STATE_HOME"];
  // Relative paths are to be ignored, says the specification.
  if (state?.startsWith("/")) return `${state}/matyan/history`;
  return env["HOME"] ? `${env["HOME"]}/.local/state/matyan/history` : undefined;
}
