// What a program writes, as lines.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { captureTerminal, LineCutter } from "./terminalCapture.ts";

function linesOf(parts: readonly string[]): string[] {
  const lines: string[] = [];
  const cutter = new LineCutter((line) => lines.push(line));
  for (const part of parts) cutter.write(part);
  cutter.end();
  return lines;
}

test("lines come out the same however they were written in parts", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: fc.constantFrom("a", "b", "\n", " ") })), (parts) => {
      const text = parts.join("");
      const expected = text.split("\n");
      if (expected.at(-1) === "") expected.pop();
      expect(linesOf(parts)).toEqual(expected);
    }),
  );
});

test("colours go, and of a line that wrote over itself the last state stays", () => {
  expect(linesOf(["\u001b[31mred\u001b[0m\n", " 10%\r 50%\r100%\n", "windows\r\n", "\u001b]0;title\u0007x"])).toEqual([
    "red",
    "100%",
    "windows",
    "x",
  ]);
  expect(linesOf(["x".repeat(200_000)]).length).toBe(1);
});

test("streams and the console write as before while they are copied, and no longer when it is over", () => {
  const written: unknown[] = [];
  const stream = {
    write(chunk: unknown): boolean {
      written.push(chunk);
      return true;
    },
  };
  const printed: unknown[][] = [];
  const print = (...parts: unknown[]) => void printed.push(parts);
  const terminal = { log: print, info: print, debug: print, warn: print, error: print };
  const lines: string[] = [];
  const before = { write: stream.write, log: terminal.log };
  const stop = captureTerminal((line) => lines.push(line), [stream], terminal);
  stream.write("one\ntw");
  stream.write(new TextEncoder().encode("o\n"));
  terminal.log("three %d", 3, { a: 1 });
  stream.write("four");
  const late = terminal.log;
  stop();
  late("five");
  stream.write("six\n");
  expect(lines).toEqual(["one", "two", "three 3 { a: 1 }", "four"]);
  expect(written).toHaveLength(4);
  expect(printed).toEqual([["three %d", 3, { a: 1 }], ["five"]]);
  expect(stream.write).toBe(before.write);
  expect(terminal.log).toBe(before.log);
});
