// The ink side of `matyan top`: puts lines on the whole screen, and gives keys and new sizes of the terminal on.
import { Box, type Key, render, Text, useInput } from "ink";
import { suspendJob } from "../interrupts.ts";

interface TopViewProps {
  /** Coloured lines, already cut to the terminal. */
  readonly lines: readonly string[];
  readonly onKey: (key: string) => void;
}

export function TopView({ lines, onKey }: TopViewProps) {
  useInput((input, key) => {
    for (const name of keysOf(input, key)) onKey(name);
  });
  return (
    <Box flexDirection="column">
      {lines.map((line, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a row of the screen is its own identity
        <Text key={row} wrap="truncate">
          {line === "" ? " " : line}
        </Text>
      ))}
    </Box>
  );
}

const named = [
  ["upArrow", "up"],
  ["downArrow", "down"],
  ["leftArrow", "left"],
  ["rightArrow", "right"],
  ["pageUp", "pageup"],
  ["pageDown", "pagedown"],
  ["home", "home"],
  ["end", "end"],
  ["return", "enter"],
  ["escape", "escape"],
  ["tab", "tab"],
  ["backspace", "backspace"],
  ["delete", "backspace"],
] as const;

/** A key by its name, or what was typed, character by character: what is pasted comes at once. */
function keysOf(input: string, key: Key): string[] {
  const special = named.find(([field]) => key[field]);
  if (special !== undefined) return [special[1]];
  if (key.ctrl) return input === "c" || input === "z" ? [`ctrl-${input}`] : [];
  if (key.meta) return [];
  return [...input].map((character) => (character === "\r" || character === "\n" ? "enter" : character));
}

export interface MountedTop {
  draw(lines: readonly string[]): void;
  /** Gives the terminal back as it was. */
  unmount(): Promise<void>;
}

/** Where terminal and program disagree on how wide a character is, a line that is too wide must not take two rows. */
const wrapping = { off: "\x1b[?7l", on: "\x1b[?7h" } as const;

/** Takes the whole terminal of stdout and stdin; Ctrl-Z gives it back until the shell lets the program go on. */
export function mountTop(onKey: (key: string) => void): MountedTop {
  let lines: readonly string[] = [];
  const view = () => <TopView lines={lines} onKey={(key) => (key === "ctrl-z" ? void suspend() : onKey(key))} />;
  const mount = () => {
    process.stdout.write(wrapping.off);
    return render(view(), {
      patchConsole: false,
      exitOnCtrlC: false,
      interactive: true,
      alternateScreen: true,
      incrementalRendering: true,
    });
  };
  let instance: ReturnType<typeof render> | undefined = mount();
  let isOver = false;
  const unmount = async () => {
    const mounted = instance;
    instance = undefined;
    mounted?.unmount();
    await mounted?.waitUntilExit();
    process.stdout.write(wrapping.on);
  };
  const suspend = async () => {
    await unmount();
    await suspendJob();
    if (!isOver) instance = mount();
  };
  return {
    draw: (drawn) => {
      lines = drawn;
      instance?.rerender(view());
    },
    unmount: () => {
      isOver = true;
      return unmount();
    },
  };
}
