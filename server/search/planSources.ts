// The store's indexes as the query planner wants them.
import type { ReadTransaction } from "../kv/index.ts";
import type { HashBatches, Lookup, PlanSources } from "../query/index.ts";
import { type IndexTerm, lookupCreated, lookupHparam } from "../store/indexes.ts";
import { countTerm, pageOfTerm } from "../store/indexPages.ts";
import type { StoreKeys } from "../store/keys.ts";

const pageSize = 1000;
/** Entries are counted up to here; what has more counts as having as many as asked. */
const counted = 5_000;
/** `chooseAccess` asks for this many when all matches are wanted: an estimate as large says only that there are many. */
export const unlimited = 1_000_000;

/**
 * Look-ups over `tx`. Those that ascend are read page by page, so that the snapshot behind `tx` may change between pages;
 * the others are read in one go, since whoever merges them sorts them first.
 */
export function storeSources(tx: ReadTransaction, store: StoreKeys): PlanSources {
  return {
    async estimate(lookup: Lookup, atMost: number): Promise<number> {
      // Nearly all runs are not archived: where a limit is given, counting them would only delay the first of them.
      if (lookup.kind === "archived" && !lookup.value && atMost < unlimited) return atMost;
      const limit = Math.min(atMost, counted);
      const count = await countLookup(tx, store, lookup, limit);
      return count < limit ? count : atMost;
    },
    read(lookup: Lookup): HashBatches {
      const term = termOf(lookup);
      if (term !== undefined) return { ascending: true, batches: pages(tx, store, term) };
      if (lookup.kind === "hash") return { ascending: true, batches: once(lookup.hash) };
      return { ascending: false, batches: inOneGo(tx, store, lookup) };
    },
  };
}

/** The index term whose entries answer a look-up, for those that one term answers. */
export function termOf(lookup: Lookup): IndexTerm | undefined {
  switch (lookup.kind) {
    case "tag":
    case "experiment":
    case "trace":
      return [lookup.kind, lookup.name];
    case "active":
      return ["active", true];
    case "archived":
      return ["archived", lookup.value];
    default:
      return undefined;
  }
}

async function countLookup(tx: ReadTransaction, store: StoreKeys, lookup: Lookup, limit: number): Promise<number> {
  const term = termOf(lookup);
  if (term !== undefined) return countTerm(tx, store, term, limit);
  if (lookup.kind === "hash") return 1;
  let count = 0;
  for await (const batch of inOneGo(tx, store, lookup)) {
    count += batch.length;
    if (count >= limit) return limit;
  }
  return count;
}

async function* pages(tx: ReadTransaction, store: StoreKeys, term: IndexTerm): AsyncGenerator<readonly string[], void> {
  let begin: Uint8Array | undefined;
  do {
    const page = await pageOfTerm(tx, store, term, begin, pageSize);
    if (page.hashes.length > 0) yield page.hashes;
    begin = page.next;
  } while (begin !== undefined);
}

async function* once(hash: string): AsyncGenerator<readonly string[], void> {
  yield [hash];
}

async function* inOneGo(
  tx: ReadTransaction,
  store: StoreKeys,
  lookup: Lookup,
): AsyncGenerator<readonly string[], void> {
  switch (lookup.kind) {
    case "created": {
      const { from } = lookup;
      const to = nextDouble(lookup.to);
      const range = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
      for await (const batch of lookupCreated(tx, store, range))
        if (batch.length > 0) yield batch.map(({ hash }) => hash);
      return;
    }
    case "hparamNumber": {
      for await (const { hashes } of lookupHparam(tx, store, lookup.key, lookup.op, lookup.value)) yield hashes;
      for (const value of lookup.range.booleans)
        for await (const { hashes } of lookupHparam(tx, store, lookup.key, "==", value)) yield hashes;
      return;
    }
    case "hparamText": {
      const { key, from, to } = lookup;
      // The planner asks for single texts only; of a range the lower bound alone would do, since candidates are evaluated.
      const op = from !== undefined && from === to ? "==" : ">=";
      for await (const { hashes } of lookupHparam(tx, store, key, op, from ?? "")) yield hashes;
      return;
    }
    default:
      return;
  }
}

const bits = new DataView(new ArrayBuffer(8));

/** The next double above `x`: an upper bound that is not included, for one that is. Undefined when there is none. */
function nextDouble(x: number | undefined): number | undefined {
  if (x === undefined || x === Number.POSITIVE_INFINITY || Number.isNaN(x)) return undefined;
  if (x === 0) return Number.MIN_VALUE;
  bits.setFloat64(0, x);
  bits.setBigInt64(0, bits.getBigInt64(0) + (x > 0 ? 1n : -1n));
  return bits.getFloat64(0);
}
