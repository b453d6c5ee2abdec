// How a command's end becomes an exit code.
import { afterEach, expect, spyOn, test } from "bun:test";
import { MatyanError } from "../formats/error.ts";
import { createOutput } from "./output.ts";
import { execute, reportError } from "./runtime.ts";

afterEach(() => {
  process.exitCode = 0;
});

const settings = { color: "never", cursor: true, ci: true, columns: undefined } as const;

test("Ctrl-C aborts the command's signal, and its end is exit code 130", async () => {
  const action = execute<[], object>(async ({ signal }) => {
    process.emit("SIGINT");
    expect(signal.aborted).toBe(true);
    signal.throwIfAborted();
  });
  await action({ json: true, quiet: true }, undefined);
  expect(process.exitCode).toBe(130);
});

test("two signals at once are one, so that what is in use is let go of", async () => {
  const exit = spyOn(process, "exit").mockImplementation(() => {
    throw new Error("ended at once");
  });
  let isReleased = false;
  const action = execute<[], object>(async ({ signal }) => {
    process.emit("SIGTERM");
    process.emit("SIGTERM");
    await using _lock = {
      [Symbol.asyncDispose]: async () => {
        isReleased = true;
      },
    };
    signal.throwIfAborted();
  });
  await action({ json: true }, undefined);
  exit.mockRestore();
  expect(isReleased).toBe(true);
});

test("an aborted call's own error counts as the stop that it is", async () => {
  const action = execute<[], object>(async ({ signal }) => {
    process.emit("SIGTERM");
    expect(signal.aborted).toBe(true);
    throw new DOMException("The operation was aborted.", "AbortError");
  });
  await action({ json: true }, undefined);
  expect(process.exitCode).toBe(130);
});

test("a command may choose its exit code, and listeners are gone behind it", async () => {
  const before = process.listenerCount("SIGINT");
  await execute<[string], object>(async (_context, _options, word) => (word === "x" ? 1 : 0))("x", {}, undefined);
  expect(process.exitCode).toBe(1);
  expect(process.listenerCount("SIGINT")).toBe(before);
});

test("of two failures the first is told, not that of letting go of things behind it", async () => {
  const action = execute<[], object>(async () => {
    await using _lock = { [Symbol.asyncDispose]: () => Promise.reject(new Error("second")) };
    throw new MatyanError("interrupted", "first");
  });
  await action({ json: true, quiet: true }, undefined);
  expect(process.exitCode).toBe(130);
});

test("errors map to exit codes: usage 2, known and unknown ones 1, a reader that went away 0", () => {
  const out = createOutput({ json: true }, settings);
  const error = spyOn(out, "error").mockImplementation(() => undefined);
  expect(reportError(new MatyanError("usage", "x"), out, false)).toBe(2);
  expect(reportError(new MatyanError("corrupt", "x"), out, false)).toBe(1);
  expect(reportError(new Error("x"), out, false)).toBe(1);
  expect(error).toHaveBeenLastCalledWith(
    "unexpected failure: x",
    expect.objectContaining({ code: "internal", stack: undefined }),
  );
  expect(reportError(Object.assign(new Error("EPIPE"), { code: "EPIPE" }), out, false)).toBe(0);
  expect(error).toHaveBeenCalledTimes(3);
});
