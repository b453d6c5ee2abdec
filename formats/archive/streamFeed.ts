// Feeds bytes into the streams of tar-stream, which are not Node's own and know no pipeline.

interface Target {
  readonly destroyed: boolean;
  write(chunk: Uint8Array): boolean;
  end(last: null): unknown;
  once(event: "drain" | "close", listener: () => void): unknown;
  off(event: "drain" | "close", listener: () => void): unknown;
}

/** Writes all of `source`, as fast as `target` takes it, and ends it. Stops without an error when `target` is destroyed. */
export async function feedAll(source: AsyncIterable<Uint8Array>, target: Target): Promise<void> {
  for await (const chunk of source) {
    if (target.destroyed) return;
    if (!target.write(chunk)) await drained(target);
  }
  if (!target.destroyed) target.end(null);
}

function drained(target: Target): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      target.off("drain", done);
      target.off("close", done);
      resolve();
    };
    target.once("drain", done);
    target.once("close", done);
    if (target.destroyed) done();
  });
}
