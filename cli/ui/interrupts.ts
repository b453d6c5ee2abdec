// Ctrl-C while somebody else is to have it: a pager, or one of several things that are done after each other.

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
