// The ink side of the progress display: draws lines at the bottom of the terminal and takes them away again.
import { writeSync } from "node:fs";
import { Writable } from "node:stream";
import { Box, render, Text } from "ink";

export interface ProgressViewProps {
  /** Coloured lines, already cut to the terminal. */
  readonly lines: readonly string[];
}

export function ProgressView({ lines }: ProgressViewProps) {
  return (
    <Box flexDirection="column">
      {lines.map((line, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a row of the screen is its own identity
        <Text key={row} wrap="truncate">
          {line}
        </Text>
      ))}
    </Box>
  );
}

export interface MountedProgress {
  draw(lines: readonly string[]): void;
  /** Takes the lines off the screen; the next `draw` puts them below whatever was written since. */
  clear(): void;
  unmount(): void;
}

/** Mounts the view on stderr. Every call draws at once, also in the middle of work that never yields to the event loop. */
export function mountProgress(size: { readonly columns: number; readonly rows: number }): MountedProgress {
  const instance = render(<ProgressView lines={[]} />, {
    stdout: terminalStream(size),
    patchConsole: false,
    exitOnCtrlC: false,
    interactive: true,
    // The caller paces the drawing; ink's own throttle would need timers, which busy work starves.
    maxFps: 1000,
  });
  return {
    draw: (lines) => instance.rerender(<ProgressView lines={lines} />),
    clear: () => instance.clear(),
    unmount: () => {
      instance.rerender(<ProgressView lines={[]} />);
      instance.clear();
      instance.unmount();
    },
  };
}

/** stderr for ink, written synchronously: what ink draws and what we write around it keep their order. */
function terminalStream(size: { readonly columns: number; readonly rows: number }): Writable {
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      try {
        for (let rest = chunk; rest.length > 0; ) rest = rest.subarray(writeSync(2, rest));
        done();
      } catch (error) {
        // A terminal that cannot take more now (EAGAIN) or is gone only loses a frame.
        done((error as NodeJS.ErrnoException).code === "EAGAIN" ? null : (error as Error));
      }
    },
  });
  stream.on("error", () => undefined);
  return Object.assign(stream, { isTTY: true, columns: size.columns, rows: size.rows });
}
