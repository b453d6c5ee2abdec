// The orders in which a run search can give its runs (storage.md 5.8), and the best few of many in bounded memory.
import { compareCodePoints } from "../../formats/context.ts";
import { MatyanError } from "../../formats/error.ts";
import { parseJson } from "../../formats/json.ts";
import { isMap, type Value } from "../../formats/value.ts";
import { nameOf, type Run } from "./runReader.ts";

export const sortFields = ["run", "experiment", "hash", "date", "duration", "description", "creator"] as const;
export type SortField = (typeof sortFields)[number];

export interface SortTerm {
  readonly field: SortField;
  readonly descending: boolean;
}

/** Newest first. */
export const defaultOrder: readonly SortTerm[] = [{ field: "date", descending: true }];

/**
 * The `sort` parameter: a JSON list of `{field, order}`, the first decides. Empty, and JSON that is no list, mean the
 * default. @throws MatyanError `usage` with the text that the existing API answers with.
 */
export function parseSort(text: string): readonly SortTerm[] {
  if (text.trim() === "") return defaultOrder;
  let items: Value;
  try {
    items = parseJson(text);
  } catch (error) {
    throw new MatyanError("usage", `Invalid sort JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!Array.isArray(items) || items.length === 0) return defaultOrder;
  return items.map(parseTerm);
}

function parseTerm(item: Value): SortTerm {
  if (!isMap(item))
    throw new MatyanError("usage", "Invalid sort JSON: each item must be an object with field and order");
  const name = item.get("field") ?? "";
  const order = item.get("order") ?? "asc";
  const field = sortFields.find((known) => known === name);
  if (field === undefined) throw new MatyanError("usage", `Unknown sort field: '${textOf(name)}'`);
  if (order !== "asc" && order !== "desc") throw new MatyanError("usage", `Invalid sort order: '${textOf(order)}'`);
  return { field, descending: order === "desc" };
}

function textOf(value: Value): string {
  return typeof value === "string" || typeof value === "bigint" || typeof value === "number" ? String(value) : "";
}

/** Whether the order is that of creation alone, in which the index has the runs: then which way. */
export function creationOrder(order: readonly SortTerm[]): { readonly newestFirst: boolean } | undefined {
  const [first] = order;
  return first?.field === "date" ? { newestFirst: first.descending } : undefined;
}

/** What is kept of a run to sort it: one key for each term. */
export interface SortKey {
  readonly hash: string;
  readonly keys: readonly (string | number)[];
}

/** @param now seconds since the epoch: the end of runs that are under way. */
export async function sortKeyOf(run: Run, order: readonly SortTerm[], now: number): Promise<SortKey> {
  const keys: (string | number)[] = [];
  for (const { field } of order) keys.push(await keyOf(run, field, now));
  return { hash: run.hash, keys };
}

async function keyOf(run: Run, field: SortField, now: number): Promise<string | number> {
  switch (field) {
    case "run":
      return stringOf(run.meta.get("name"));
    case "description":
      return stringOf(run.meta.get("description"));
    case "experiment":
      return nameOf(await run.experiment()) ?? "";
    case "hash":
      return run.hash;
    case "date":
      return run.createdAt;
    case "duration":
      return (run.finishedAt ?? now) - run.createdAt;
    case "creator":
      return "";
  }
}

function stringOf(value: Value | undefined): string {
  return typeof value === "string" ? value : "";
}

/** Total: equal runs go by hash, in the direction of the index when the order is that of creation. */
export function compareBy(order: readonly SortTerm[]): (a: SortKey, b: SortKey) => number {
  const tie = creationOrder(order)?.newestFirst === true && order.length === 1 ? -1 : 1;
  return (a, b) => {
    for (let i = 0; i < order.length; i++) {
      const x = a.keys[i]!;
      const y = b.keys[i]!;
      const difference =
        typeof x === "string" && typeof y === "string" ? compareCodePoints(x, y) : Number(x) - Number(y);
      if (difference !== 0) return order[i]!.descending ? -difference : difference;
    }
    return tie * compareCodePoints(a.hash, b.hash);
  };
}

/** The `capacity` smallest of many, in memory for twice as many. */
export class Smallest<T> {
  readonly #capacity: number;
  readonly #compare: (a: T, b: T) => number;
  #items: T[] = [];
  /** When full, what is not below this cannot be among the smallest. */
  #bound: T | undefined;

  constructor(capacity: number, compare: (a: T, b: T) => number) {
    this.#capacity = capacity;
    this.#compare = compare;
  }

  add(item: T): void {
    if (this.#bound !== undefined && this.#compare(item, this.#bound) >= 0) return;
    this.#items.push(item);
    if (this.#items.length >= this.#capacity * 2 + 64) this.#trim();
  }

  /** Ascending. */
  sorted(): readonly T[] {
    this.#trim();
    return this.#items;
  }

  #trim(): void {
    this.#items.sort(this.#compare);
    if (this.#items.length < this.#capacity) return;
    this.#items.length = this.#capacity;
    this.#bound = this.#items[this.#capacity - 1];
  }
}
