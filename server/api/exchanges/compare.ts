// Test support: two answers side by side, with every difference by its path.
import { Expectation, Floats, type Node } from "./nodes.ts";

export interface Difference {
  /** Names, `[3]` for places in lists, `[id]` for entities in lists; `status`, `headers.x` and `order` are of the answer. */
  readonly path: string;
  /** Undefined where there is nothing. */
  readonly theirs: Node | undefined;
  readonly ours: Node | undefined;
}

/** What is different, in the order of the recorded answer. Number kinds count; so does the order of named members. */
export function differences(theirs: Node | undefined, ours: Node | undefined, path = ""): Difference[] {
  if (theirs instanceof Expectation) return theirs.test(ours) ? [] : [{ path, theirs, ours }];
  if (theirs instanceof Map && ours instanceof Map) return mapDifferences(theirs, ours, path);
  if (Array.isArray(theirs) && Array.isArray(ours)) return listDifferences(theirs, ours, path);
  if (theirs instanceof Floats && ours instanceof Floats)
    return theirs.values.length === ours.values.length &&
      theirs.values.every((value, i) => Object.is(value, ours.values[i]))
      ? []
      : [{ path, theirs, ours }];
  return Object.is(theirs, ours) || (theirs instanceof Uint8Array && Bun.deepEquals(theirs, ours, true))
    ? []
    : [{ path, theirs, ours }];
}

function mapDifferences(theirs: Map<string, Node>, ours: Map<string, Node>, path: string): Difference[] {
  const found: Difference[] = [];
  for (const key of new Set([...theirs.keys(), ...ours.keys()]))
    found.push(...differences(theirs.get(key), ours.get(key), path === "" ? key : `${path}/${key}`));
  return found;
}

function listDifferences(theirs: Node[], ours: Node[], path: string): Difference[] {
  const [theirIds, ourIds] = [byId(theirs), byId(ours)];
  if (theirIds !== undefined && ourIds !== undefined && (theirIds.size > 0 || ourIds.size > 0))
    return mapDifferences(theirIds, ourIds, path);
  const found: Difference[] = [];
  if (theirs.length !== ours.length)
    found.push({ path: `${path}/length`, theirs: BigInt(theirs.length), ours: BigInt(ours.length) });
  for (let i = 0; i < Math.max(theirs.length, ours.length); i++)
    found.push(...differences(theirs[i], ours[i], `${path}/[${i}]`));
  return found;
}

/** A list of entities: the existing backend has them in the order of random ids. */
function byId(list: Node[]): Map<string, Node> | undefined {
  const entities = new Map<string, Node>();
  for (const item of list) {
    const id = item instanceof Map ? item.get("id") : undefined;
    if (typeof id !== "string") return undefined;
    entities.set(`[${id}]`, item);
  }
  return entities.size === list.length ? entities : undefined;
}

/** A node in one line of at most `width` characters, for messages. */
export function shown(node: Node | undefined, width = 160): string {
  const text = textOf(node);
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

function textOf(node: Node | undefined): string {
  if (node === undefined) return "nothing";
  if (node === null) return "null";
  if (typeof node === "number") return Number.isInteger(node) ? `${node}.0` : String(node);
  if (typeof node === "string") return JSON.stringify(node);
  if (node instanceof Uint8Array) return `${node.length} bytes`;
  if (node instanceof Expectation) return `(${node.text})`;
  if (node instanceof Floats) return `floats(${node.values.join(" ")})`;
  if (Array.isArray(node)) return `[${node.map(textOf).join(", ")}]`;
  if (node instanceof Map) return `{${Array.from(node, ([key, child]) => `${key}: ${textOf(child)}`).join(", ")}}`;
  return String(node);
}
