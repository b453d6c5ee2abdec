// Literals of a condition, as far as indexes hold them.
import type { Node } from "../ast.ts";

/**
 * Longest name plus text of an hparam that is surely in the index, bytes. Index keys hold the name, the value and the run's hash
 * twice, and what does not fit into a key is not indexed; a longer literal is compared by evaluation alone.
 */
const indexedBytes = 1000;

/** A literal that indexes can hold; undefined for anything that is not such a literal. */
export type PlanLiteral = string | bigint | number | boolean | null | undefined;

export function isNumber(value: PlanLiteral): value is bigint | number | boolean {
  return typeof value === "bigint" || typeof value === "number" || typeof value === "boolean";
}

export function asNumber(value: bigint | number | boolean): bigint | number {
  return typeof value === "boolean" ? (value ? 1n : 0n) : value;
}

/** Constants, and numbers behind one sign. */
export function literalOf(node: Node): PlanLiteral {
  if (node.kind === "unary" && (node.op === "-" || node.op === "+")) {
    const value = literalOf(node.operand);
    if (!isNumber(value)) return undefined;
    const number = asNumber(value);
    return node.op === "-" ? -number : number;
  }
  if (node.kind !== "constant") return undefined;
  const { value } = node;
  if (typeof value === "object" && value !== null) return undefined;
  return value;
}

/** The literals of a display, or undefined when it holds anything else. */
export function literalsOf(node: Node): PlanLiteral[] | undefined {
  if (node.kind !== "list" && node.kind !== "tuple" && node.kind !== "set") return undefined;
  const values = node.elements.map(literalOf);
  return values.includes(undefined) ? undefined : values;
}

export function isTruthyConstant(node: Extract<Node, { kind: "constant" }>): boolean {
  const { value } = node;
  if (value === null || value === undefined) return false;
  if (typeof value === "object") return "imaginary" in value ? value.imaginary !== 0 : value.length > 0;
  return typeof value === "number" ? value !== 0 : Boolean(value);
}

/** Whether an hparam of this name and text has an index entry for sure. */
export function isIndexed(key: string, value: string): boolean {
  if (!key.isWellFormed() || !value.isWellFormed()) return false;
  let bytes = 0;
  // Escaped NULs take two bytes; three bytes per UTF-16 unit is the most that UTF-8 needs.
  for (const text of [key, value]) bytes += text.length * 3;
  return bytes <= indexedBytes || new TextEncoder().encode(key + value).length * 2 <= indexedBytes;
}
