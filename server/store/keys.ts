// How keys are built and taken apart. The catalogue of key shapes is docs/data-model.md (storage.md 1.2, 1.5).
import { MatyanError } from "../../formats/error.ts";
import { rangeOf, type TupleElement, TupleWriter, unpack } from "../../formats/tuple.ts";
import { type KeyRange, limits } from "../kv/index.ts";

/** The byte prefixes of the three directories. All functions of this room need no more of a store than this. */
export interface StoreKeys {
  readonly dirs: { readonly runs: Uint8Array; readonly indexes: Uint8Array; readonly system: Uint8Array };
}

/** The last element of a tree key: what stands at that place of the tree. */
export const leaf = "__leaf__";
export const emptyDict = "__empty_dict__";
export const emptyList = "__empty_list__";

const writer = new TupleWriter(1024);

/** The key of a tuple within a directory. */
export function packKey(dir: Uint8Array, elements: readonly TupleElement[]): Uint8Array {
  writer.reset().raw(dir);
  for (const element of elements) writer.element(element);
  return writer.finish();
}

export function runKey(store: StoreKeys, ...elements: TupleElement[]): Uint8Array {
  return packKey(store.dirs.runs, elements);
}

export function indexKey(store: StoreKeys, ...elements: TupleElement[]): Uint8Array {
  return packKey(store.dirs.indexes, elements);
}

export function systemKey(store: StoreKeys, ...elements: TupleElement[]): Uint8Array {
  return packKey(store.dirs.system, elements);
}

/** All keys whose tuple begins with `elements` and is longer. */
export function runRange(store: StoreKeys, ...elements: TupleElement[]): KeyRange {
  return rangeOf(packKey(store.dirs.runs, elements));
}

export function indexRange(store: StoreKeys, ...elements: TupleElement[]): KeyRange {
  return rangeOf(packKey(store.dirs.indexes, elements));
}

export function systemRange(store: StoreKeys, ...elements: TupleElement[]): KeyRange {
  return rangeOf(packKey(store.dirs.system, elements));
}

/** The smallest key behind `key`: where a scan goes on. */
export function after(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}

/** The last element of a key as text: the run hash of an index entry, the id of an association. */
export function lastString(key: Uint8Array, dir: Uint8Array): string {
  const last = unpack(key, dir.length).at(-1);
  if (typeof last !== "string")
    throw new MatyanError("corrupt", `the key ${key.toHex()} does not end with a name`, {
      hint: "`matyan inspect` shows the keys around it.",
    });
  return last;
}

/**
 * Refuses a key that no engine takes, before anything is written.
 * @throws MatyanError `too_large` naming the thing and the size in bytes.
 */
export function checkKey(key: Uint8Array, what: () => string): Uint8Array {
  if (key.length > limits.keyBytes)
    throw new MatyanError("too_large", `the key of ${what()} has ${key.length} bytes`, {
      hint: `A key holds at most ${limits.keyBytes} bytes: use shorter names.`,
    });
  return key;
}

/** A path as people write it, cut when it is very long. */
export function pathText(path: readonly TupleElement[]): string {
  const text = path.map((element) => (typeof element === "string" ? element : String(element))).join("/");
  return text.length <= 200 ? text : `${text.slice(0, 197)}...`;
}

export function cutText(text: string): string {
  return text.length <= 200 ? text : `${text.slice(0, 197)}...`;
}
