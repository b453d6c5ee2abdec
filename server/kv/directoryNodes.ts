// Keys of the FoundationDB directory layer 1.0.0, and the allocator of its short prefixes.
import { pack, rangeOf, unpack } from "../../formats/tuple.ts";
import type { Key, KeyRange, Transaction } from "./index.ts";

const nodeSpace = Uint8Array.of(0xfe);
const text = new TextEncoder();

/** The node of the directory whose contents start with `prefix`. */
export function nodeOf(prefix: Uint8Array): Uint8Array {
  return join(nodeSpace, pack([prefix]));
}

/** The node that stands for the node space itself: root directory, version and allocator. */
export const rootNode = nodeOf(nodeSpace);
export const versionKey = join(rootNode, pack([text.encode("version")]));
/** All nodes, and only nodes. */
export const allNodes: KeyRange = rangeOf(nodeSpace);

/** The prefix of the node that a key of the node space belongs to. */
export function prefixOfNodeKey(key: Key): Uint8Array {
  return unpack(key, nodeSpace.length)[0] as Uint8Array;
}

export function layerKey(node: Uint8Array): Uint8Array {
  return join(node, pack([text.encode("layer")]));
}

/** Holds the prefix of the subdirectory of that name. */
export function subdirectoryKey(node: Uint8Array, name: string): Uint8Array {
  return join(node, pack([0n, name]));
}

export function subdirectories(node: Uint8Array): KeyRange {
  return rangeOf(join(node, pack([0n])));
}

/** The name in a key of `subdirectories(node)`. */
export function subdirectoryName(node: Uint8Array, key: Key): string {
  return unpack(key, node.length)[1] as string;
}

const allocator = join(rootNode, pack([text.encode("hca")]));
const counters = join(allocator, pack([0n]));
const recent = join(allocator, pack([1n]));

function counterKey(start: number): Uint8Array {
  return join(counters, pack([BigInt(start)]));
}

function recentKey(candidate: number): Uint8Array {
  return join(recent, pack([BigInt(candidate)]));
}

/** An integer in begin <= n < end. */
export type Draw = (begin: number, end: number) => number;

/**
 * The high-contention allocator: a packed integer that it never gave before and never gives again, about as short as can be.
 * Candidates are drawn from a window that moves on when it is half full, so that concurrent callers seldom meet.
 * Where the official layer suppresses the write conflicts of the next mutation, ours keeps them: stricter, same data.
 */
export async function allocatePrefix(tx: Transaction, draw: Draw): Promise<Uint8Array> {
  for (;;) {
    let start = await latestWindow(tx);
    for (let advanced = false; ; advanced = true) {
      if (advanced) {
        tx.clearRange({ begin: counters, end: counterKey(start) });
        tx.clearRange({ begin: recent, end: recentKey(start) });
      }
      // The addition and its read belong together: nothing may be awaited between them.
      tx.add(counterKey(start), 1n);
      const count = await tx.snapshot.get(counterKey(start));
      if (count === undefined || readCount(count) * 2 < windowSize(start)) break;
      start += windowSize(start);
    }
    for (;;) {
      const candidate = draw(start, start + windowSize(start));
      const key = recentKey(candidate);
      const latest = latestWindow(tx);
      const taken = tx.get(key);
      tx.set(key, new Uint8Array(0));
      if ((await latest) > start) break;
      if ((await taken) === undefined) {
        tx.addWriteConflictKey(key);
        return pack([BigInt(candidate)]);
      }
    }
  }
}

/** Where the newest window starts. */
async function latestWindow(tx: Transaction): Promise<number> {
  const [latest] = await tx.snapshot.firstOfEach([rangeOf(counters)], true);
  return latest === undefined ? 0 : Number(unpack(latest[0], counters.length)[0]);
}

function readCount(value: Uint8Array): number {
  return Number(new DataView(value.buffer, value.byteOffset, value.byteLength).getBigInt64(0, true));
}

function windowSize(start: number): number {
  return start < 255 ? 64 : start < 65_535 ? 1024 : 8192;
}

function join(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
