// Ctrl-C while somebody else is to have it: a pager, or one of several things that are done after each other. And Ctrl-Z
// where the program reads keys itself.

/** Until it is disposed of, `onInterrupt` is called in place of what ends the command. */
export function takeInterrupts(onInterrupt: () => void): Disposable {
  const handlers = process.listeners("SIGINT") as (() => void)[];
  process.removeAllListeners("SIGINT").on("SIGINT", onInterrupt);
  return {
    [Symbol.dispose]: () => {
      process.off("SIGINT", onInterrupt);
      for (const handler of handlers) process.on("SIGINT", handler);
    },
  };
}

/** Longer than it takes a signal to arrive, milliseconds. */
const arrivalMs = 100;

/**
 * Stops all of the job, as the terminal does, until the shell lets it go on; where there is no shell that could, nothing is
 * stopped. The terminal must be as it was before, and is to be taken again.
 */
export async function suspendJob(): Promise<void> {
  process.kill(0, "SIGTSTP");
  await Bun.sleep(arrivalMs);
}
