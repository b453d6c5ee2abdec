// Every key and value of the store in readable form, whatever they are: for operators, and for comparing with dumps.
import { MatyanError, messageOf } from "../../formats/error.ts";
import { parseJson } from "../../formats/json.ts";
import { decodeValue } from "../../formats/msgpack.ts";
import { pack, type TupleElement, unpack } from "../../formats/tuple.ts";
import { Extension, mapOf, type Value } from "../../formats/value.ts";
import { type KeyRange, type KeyValue, prefixRange, type ReadTransaction } from "../kv/index.ts";
import type { Store } from "./index.ts";
import { after } from "./keys.ts";
import { largeValueType, readPointer } from "./largeValues.ts";

export const inspectDirectories = ["runs", "indexes", "system", "directories"] as const;
/** "directories" is the directory layer's own node space (FE). */
export type InspectDirectory = (typeof inspectDirectories)[number];

export interface InspectedEntry {
  readonly dir: InspectDirectory;
  /** The key within its directory; absent when it is no tuple. */
  readonly key?: TupleElement[];
  /** The bytes of the key within its directory, and of the value. */
  readonly khex: string;
  readonly vhex: string;
  /** The decoded value: "" for no bytes, `{"$large": {...}}` for a pointer to a large value. */
  readonly value?: Value;
  /** What is wrong with key or value. */
  readonly error?: string;
}

const nodeSpace = Uint8Array.of(0xfe);

/** Decodes one pair. Never throws for what is stored: `error` says what cannot be read. */
export function inspectPair(dir: InspectDirectory, key: Uint8Array, value: Uint8Array): InspectedEntry {
  const errors: string[] = [];
  const attempt = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      errors.push(messageOf(error));
      return undefined;
    }
  };
  const elements = attempt(() => decodeKey(key));
  // The directory layer's values are packed tuples and little-endian numbers, not msgpack.
  const decoded = dir === "directories" ? value : attempt(() => readableValue(value));
  return {
    dir,
    ...(elements === undefined ? {} : { key: elements }),
    khex: key.toHex(),
    vhex: value.toHex(),
    ...(decoded === undefined ? {} : { value: decoded }),
    ...(errors.length === 0 ? {} : { error: errors.join("; ") }),
  };
}

/** The elements of a key within its directory. @throws MatyanError `corrupt` when it is no tuple. */
export function decodeKey(key: Uint8Array): TupleElement[] {
  return unpack(key);
}

function readableValue(bytes: Uint8Array): Value {
  if (bytes.length === 0) return "";
  const value = decodeValue(bytes);
  const pointer = value instanceof Extension && value.type === largeValueType ? readPointer(value) : undefined;
  if (pointer === undefined) return value;
  const { size, chunks, sha256 } = pointer;
  return mapOf({ $large: mapOf({ size: BigInt(size), chunks: BigInt(chunks), sha256: sha256.toHex() }) });
}

export interface InspectOptions {
  /** See `parsePrefix`. */
  readonly prefix?: string | undefined;
  readonly limit?: number | undefined;
}

/**
 * The pairs of a directory in key order, in the engine's batches: each is a snapshot of its own, so that the reader may take its
 * time. @throws MatyanError `usage` for a prefix.
 */
export async function* inspectStore(
  store: Store,
  dir: InspectDirectory,
  options: InspectOptions = {},
): AsyncGenerator<InspectedEntry[]> {
  const prefix = dir === "directories" ? nodeSpace : store.dirs[dir];
  let rest = prefixedRange(prefix, options.prefix ?? "");
  for (let left = options.limit ?? Number.POSITIVE_INFINITY; left > 0; ) {
    const batch = await store.database.snapshot((tx) => firstBatch(tx, rest, left));
    if (batch.length === 0) return;
    yield batch.map(([key, value]) => inspectPair(dir, key.subarray(prefix.length), value));
    left -= batch.length;
    rest = { begin: after(batch.at(-1)![0]), end: rest.end };
  }
}

async function firstBatch(tx: ReadTransaction, range: KeyRange, limit: number): Promise<readonly KeyValue[]> {
  for await (const batch of tx.range(range, limit === Number.POSITIVE_INFINITY ? {} : { limit })) return batch;
  return [];
}

/**
 * The keys that a written prefix means: elements separated by `/`. The first element of a key is text; further ones are
 * an integer (`3`, `-1`), a float (`0.5`, `1e-3`, `nan`), `true` or `false` where they look like one, else text. Text in
 * double quotes is always text, with JSON's escapes, and may hold `/`. A `*` at the end of the last text matches any
 * text that begins so: `0a1b*`, `HASH/seqs/*` is `HASH/seqs`.
 * @throws MatyanError `usage`
 */
export function prefixedRange(dir: Uint8Array, text: string): KeyRange {
  if (text === "") return prefixRange(dir);
  const parts = splitPath(text.endsWith("/") ? text.slice(0, -1) : text);
  const open = parts.at(-1)!.endsWith("*") && !parts.at(-1)!.startsWith('"');
  const last = open ? parts.pop()!.slice(0, -1) : "";
  const elements = parts.map(readElement);
  if (!open) return withSelf(dir, pack(elements));
  if (last === "") return elements.length === 0 ? prefixRange(dir) : withSelf(dir, pack(elements));
  const begin = concat(dir, pack([...elements, last]).subarray(0, -1));
  return prefixRange(begin);
}

/** The key itself too: contexts and entity fields have keys that are also prefixes on paper. */
function withSelf(dir: Uint8Array, packed: Uint8Array): KeyRange {
  const begin = concat(dir, packed);
  const end = after(begin);
  end[end.length - 1] = 0xff;
  return { begin, end };
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}

function splitPath(text: string): string[] {
  const parts: string[] = [];
  for (const match of text.matchAll(/("(?:[^"\\]|\\.)*"|[^/]*)(\/|$)/gy)) {
    parts.push(match[1]!);
    if (match[2] === "") return parts;
  }
  throw badQuote(text);
}

function readElement(part: string, position: number): TupleElement {
  if (part.startsWith('"')) return readQuoted(part);
  if (position === 0) return part;
  if (part === "true" || part === "false") return part === "true";
  if (/^-?\d+$/.test(part)) return BigInt(part);
  if (/^-?(\d+\.\d*|\.\d+|\d+(?=e))(e[+-]?\d+)?$/i.test(part)) return Number(part);
  if (/^nan$/i.test(part)) return Number.NaN;
  if (/^-?inf(inity)?$/i.test(part)) return part.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return part;
}

function readQuoted(part: string): string {
  try {
    return String(parseJson(part));
  } catch (error) {
    throw badQuote(part, error);
  }
}

function badQuote(text: string, cause?: unknown): MatyanError {
  return new MatyanError("usage", `the prefix '${text}' has a quote in the middle of an element or without its end`, {
    hint: 'Quote whole elements, with the escapes of JSON: HASH/attrs/"a/b".',
    cause,
  });
}
