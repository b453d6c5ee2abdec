// How many records a run has logged, without counting all of them at each poll of the UI (every 3 s).
import type { ReadTransaction } from "../kv/index.ts";
import type { StoreKeys } from "../store/keys.ts";
import { bounds, countPoints, type SequenceRef } from "../store/sequences.ts";

const keptRuns = 1_000;

/** What was counted: `count` records from the step `first` to `last`. */
interface Counted {
  readonly first: bigint;
  readonly last: bigint;
  readonly count: number;
}

/** Remembers counts by run: records are only ever added behind the last one, so a poll counts what is new. */
export class LogCounts {
  readonly #kept = new Map<string, Counted>();

  async count(tx: ReadTransaction, store: StoreKeys, ref: SequenceRef): Promise<number> {
    const now = await bounds(tx, store, ref);
    if (now === undefined) {
      this.#kept.delete(ref.hash);
      return 0;
    }
    const kept = this.#kept.get(ref.hash);
    const known = kept?.first === now.first && kept.last <= now.last ? kept : undefined;
    const from = known === undefined ? now.first : known.last + 1n;
    const count = (known?.count ?? 0) + (from > now.last ? 0 : await countPoints(tx, store, ref, { from }));
    this.#kept.delete(ref.hash);
    this.#kept.set(ref.hash, { ...now, count });
    if (this.#kept.size > keptRuns) this.#kept.delete(this.#kept.keys().next().value!);
    return count;
  }
}
