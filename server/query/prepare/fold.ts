// `datetime(2026, 3, 10)` in a query means midnight where the person sits: storage.md 5.2 step 4, with the sign of browsers.
import { type Node, transform } from "../ast.ts";
import { timestampOf } from "../evaluate/calendar.ts";

const minutesPerDay = 1440;

/**
 * Replaces calls of the bare name `datetime` with literal arguments by seconds since the epoch (a float constant).
 * `offsetMinutes` is what `Date.getTimezoneOffset()` gives, positive west of Greenwich: local time + offset = UTC.
 * A call that cannot be folded stays a call.
 */
export function foldDatetimes(root: Node, offsetMinutes: number, bound: ReadonlySet<string>): Node {
  if (bound.has("datetime") || Math.abs(offsetMinutes) >= minutesPerDay) return root;
  return transform(root, (node) => {
    if (node.kind !== "call" || node.callee.kind !== "name" || node.callee.id !== "datetime") return node;
    if (node.keywords.length > 0) return node;
    const parts: number[] = [];
    for (const [index, argument] of node.positional.entries()) {
      if (argument.kind !== "constant") return node;
      const { value } = argument;
      if (index === 7 && value === null) continue;
      if (typeof value === "bigint") parts.push(Number(value));
      else if (typeof value === "boolean") parts.push(Number(value));
      else return node;
    }
    const seconds = timestampOf(parts, offsetMinutes);
    return seconds === undefined ? node : { kind: "constant", value: seconds, start: node.start, end: node.end };
  });
}
