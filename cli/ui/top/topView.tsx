// The ink side of `matyan top`: puts lines on the whole screen, and gives keys and new sizes of the terminal on.
import { Box, type Key, render, Text, useInput } from "ink";

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
  if (key.ctrl) return input === "c" ? ["ctrl-c"] : [];
  if (key.meta) return [];
  return [...input].map((character) => (character === "\r" || character === "\n" ? "enter" : character));
}

export interface MountedTop {
  draw(lines: readonly string[]): void;
  /** Gives the terminal back as it was. */
  unmount(): Promise<void>;
}

/** Takes the whole terminal of stdout and stdin. */
export function mountTop(onKey: (key: string) => void): MountedTop {
  const instance = render(<TopView lines={[]} onKey={onKey} />, {
    patchConsole: false,
    exitOnCtrlC: false,
    interactive: true,
    alternateScreen: true,
    incrementalRendering: true,
  });
  return {
    draw: (lines) => instance.rerender(<TopView lines={lines} onKey={onKey} />),
    unmount: async () => {
      instance.unmount();
      await instance.waitUntilExit();
    },
  };
}
