// What a plan needs from whoever keeps the indexes. The store's side is written elsewhere; this is the whole of the contract.
import type { Lookup } from "./nodes.ts";

export interface HashBatches {
  /** Whether the hashes ascend in code point order over all batches; otherwise they are sorted in memory. */
  readonly ascending: boolean;
  /** Non-empty batches of run hashes; a hash may come twice. Stopping early must be free. */
  readonly batches: AsyncIterable<readonly string[]>;
}

/**
 * Index look-ups. What a look-up yields must contain every listed run whose row would give the value asked for, with the
 * defaults of `RunRow` for fields that are not stored; it may yield more.
 */
export interface PlanSources {
  /** About how many runs the look-up yields; may stop counting at `atMost` and then return that. Must be cheap. */
  estimate(lookup: Lookup, atMost: number): Promise<number>;
  read(lookup: Lookup): HashBatches;
}
