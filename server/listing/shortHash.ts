// The beginnings of hashes that people type: short, and unique in the store.
import { MatyanError } from "../../formats/error.ts";
import type { Store } from "../store/index.ts";
import { resolveHash } from "../store/runs.ts";

const shortest = 8;
/** Look-ups under way at once: each holds a snapshot, of which an engine has a limited number. */
const together = 32;

/** For each hash its shortest beginning of at least 8 characters that means no other run of the store. */
export async function shortHashes(store: Store, hashes: readonly string[]): Promise<Map<string, string>> {
  const short = new Map<string, string>();
  for (let at = 0; at < hashes.length; at += together) {
    const group = hashes.slice(at, at + together);
    const found = await Promise.all(group.map((hash) => shorten(store, hash)));
    for (const [index, hash] of group.entries()) short.set(hash, found[index]!);
  }
  return short;
}

async function shorten(store: Store, hash: string): Promise<string> {
  for (let length = shortest; length < hash.length; length += 2) {
    // Never between the halves of a surrogate pair.
    const prefix = hash.slice(0, length);
    if (prefix.isWellFormed() && (await isUnique(store, prefix))) return prefix;
  }
  return hash;
}

async function isUnique(store: Store, prefix: string): Promise<boolean> {
  try {
    await resolveHash(store, prefix);
    return true;
  } catch (error) {
    // `not_found`: the run has been deleted meanwhile; its short form then doesn't matter.
    if (error instanceof MatyanError && (error.code === "conflict" || error.code === "not_found"))
      return error.code === "not_found";
    throw error;
  }
}
