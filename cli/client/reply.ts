// What a frontier's reply says of each item of a frame (pipeline.md 4.2).

import { tryParseJson } from "../../formats/json.ts";
import { isMap } from "../../formats/value.ts";

export type Verdict =
  | { readonly kind: "ok" }
  /** Some items were refused, by their place in the frame; the others are stored. */
  | { readonly kind: "refused"; readonly reasons: ReadonlyMap<number, string> }
  /** Something was refused, and nobody knows what became of the rest. */
  | { readonly kind: "unclear"; readonly reason: string }
  /** The server could not store it now. */
  | { readonly kind: "failed"; readonly reason: string }
  /** This is no reply: the other side does not speak the protocol. */
  | { readonly kind: "nonsense"; readonly reason: string };

/**
 * Reads a reply to a frame of `count` items. Our frontier names each refused item; the existing one stops at the first,
 * stores those before it and does not say which it was: that is `unclear` unless the frame had one item.
 */
export function readReply(data: unknown, count: number): Verdict {
  const reply = typeof data === "string" ? tryParseJson(data) : undefined;
  const status = isMap(reply) ? reply.get("status") : undefined;
  if (!isMap(reply) || (status !== "ok" && status !== "error"))
    return { kind: "nonsense", reason: `an answer that is no reply: ${String(data).slice(0, 100)}` };
  if (status === "ok") return { kind: "ok" };
  const error = reply.get("error");
  const reason = typeof error === "string" && error !== "" ? error : "refused without a reason";
  if (reason.startsWith("internal publish error")) return { kind: "failed", reason };
  if (count === 1) return { kind: "refused", reasons: new Map([[0, reason]]) };
  const reasons = namedItems(reason, count);
  return reasons === undefined ? { kind: "unclear", reason } : { kind: "refused", reasons };
}

/** `2 of 5 items refused, ...` and a part `item N: reason` for each, if it names all of them. */
function namedItems(text: string, count: number): ReadonlyMap<number, string> | undefined {
  const head = /^(\d+) of (\d+) items refused, [^\n]*/.exec(text);
  if (head === null || Number(head[2]) !== count) return undefined;
  const parts = text.slice(head[0].length).split(/\nitem (\d+): /);
  const reasons = new Map<number, string>();
  for (let i = 1; i + 1 < parts.length; i += 2) {
    const index = Number(parts[i]);
    if (index >= count) return undefined;
    reasons.set(index, parts[i + 1]!);
  }
  return reasons.size === Number(head[1]) ? reasons : undefined;
}
