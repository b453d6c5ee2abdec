// Test support: the form of an expected difference. It turns a recorded answer into the right one, with which ours is then
// compared in full: a difference is never skipped, only the expectation is another.
import type { Facts } from "./facts.ts";
import type { Model } from "./model.ts";
import { Expectation, type Node } from "./nodes.ts";
import type { Exchange } from "./recording.ts";

export interface Amendment {
  /** The name under which fixtures/exchanges/differences.md says why ours is right. */
  readonly name: string;
  /** The exchanges it is for; without it, every one that holds what is to be amended. */
  readonly only?: readonly number[];
  /** Changes the answer in place. False when there was nothing to change. */
  readonly amend: (right: Model, exchange: Exchange, facts: Facts) => boolean;
}

export function textLike(pattern: RegExp): Expectation {
  return new Expectation(`a text like ${pattern}`, (ours) => typeof ours === "string" && pattern.test(ours));
}

const codes: Record<number, string> = { 400: "bad_request", 404: "not_found", 422: "validation_error" };

/** Makes the answer an error. `message` is the one for programs; a pattern where it is not of theirs. */
export function refuse(right: Model, status: number, message: string | RegExp): true {
  const text: Node = typeof message === "string" ? message : textLike(message);
  right.status = BigInt(status);
  right.headers.clear();
  right.headers.set("content-type", "application/json");
  right.body = new Map<string, Node>([
    [
      "error",
      new Map<string, Node>([
        ["code", codes[status]!],
        ["message", text],
      ]),
    ],
    ["detail", text],
    ["message", textLike(/\S/)],
  ]);
  right.order = undefined;
  right.progress = undefined;
  return true;
}

/** The query of a request, decoded. */
export function queryOf({ request }: Exchange): URLSearchParams {
  return new URL(request?.path ?? "/", "http://localhost").searchParams;
}

/** Visits every object in a tree, the outer ones first. */
export function eachMap(node: Node | undefined, visit: (map: Map<string, Node>) => void): void {
  if (node instanceof Map) {
    visit(node);
    for (const child of node.values()) eachMap(child, visit);
  } else if (Array.isArray(node)) for (const child of node) eachMap(child, visit);
}

/** Sets what is there already. False when it was not, or was the same. */
export function set(map: Map<string, Node> | undefined, name: string, value: Node): boolean {
  if (map === undefined || !map.has(name) || Object.is(map.get(name), value)) return false;
  map.set(name, value);
  return true;
}
