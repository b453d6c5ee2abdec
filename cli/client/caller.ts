// Where in the user's program a log record was made, as Python's loggers say it.

/** File and line of the code that called the client; `["", 0]` when it can't be told. */
export function callerOf(ownFunction: (...args: never[]) => unknown): readonly [file: string, line: number] {
  const holder: { stack?: string } = {};
  Error.captureStackTrace(holder, ownFunction);
  const frames = (holder.stack ?? "").split("\n").slice(1);
  // The first frame is the public method (logInfo and so on); the one before it is the program.
  for (const frame of frames.slice(1)) {
    const match = /\(?((?:file:\/\/)?[^()\s][^()]*):(\d+):\d+\)?$/.exec(
      frame.replace(/^\s*at (?:async )?/, "").replace(/^.*\((?=[^()]*\)$)/, "("),
    );
    if (match !== null) return [match[1]!.replace(/^file:\/\//, ""), Number(match[2])];
  }
  return ["", 0];
}
