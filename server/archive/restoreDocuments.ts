// Attributes, contexts and traces of a run on their way into the store, in transactions of bounded size.
import type { ValueMap } from "../../formats/value.ts";
import type { Transaction } from "../kv/index.ts";
import { attrsTree, deleteAttrs } from "../store/attrs.ts";
import { writeContext } from "../store/contexts.ts";
import type { Store } from "../store/index.ts";
import { openValues, StagedValue, type Storable, stageValue } from "../store/largeValues.ts";
import { writeTrace } from "../store/traces.ts";
import { flatten, rangeAt } from "../store/tree.ts";
import type { RunDocuments } from "./archivedRun.ts";
import { valueBytes } from "./valueBytes.ts";

/** Runs `body` in a transaction of the restore, which fails when the run is no longer this restore's. */
export type Commit = (body: (tx: Transaction) => Promise<void>) => Promise<void>;

export interface DocumentWork {
  readonly store: Store;
  readonly hash: string;
  readonly commit: Commit;
  readonly signal: AbortSignal | undefined;
}

/** What one transaction writes at most, about, in bytes. */
const batchBytes = 2_000_000;
/** Values over this many bytes are stored in transactions of their own. */
const stagedBytes = 1_000_000;

/** Attributes, contexts and traces in bounded transactions, each of which may be done again. */
export async function writeDocuments(work: DocumentWork, { attrs, contexts, traces }: RunDocuments): Promise<void> {
  const { store, hash } = work;
  await writeAttrs(work, attrs);
  const batch = new Batch(work.commit);
  for (const [id, context] of contexts)
    await batch.add(100 + hash.length + valueBytes(context), (tx) => writeContext(tx, store, hash, id, context));
  for (const { contextId, name, dtype, last, lastStep } of traces) {
    const trace = {
      contextId,
      name,
      dtype,
      ...(last === undefined ? {} : { last }),
      ...(lastStep === undefined ? {} : { lastStep }),
    };
    const bytes = 3 * (80 + hash.length + name.length * 3) + valueBytes(last ?? null);
    await batch.add(bytes, (tx) => writeTrace(tx, store, hash, trace, { index: false }));
  }
  await batch.flush();
}

/** What an interrupted restore or messages on their way left is replaced. The index follows at the end. */
async function writeAttrs(work: DocumentWork, attrs: ValueMap): Promise<void> {
  const { store, hash } = work;
  const tree = attrsTree(store, hash);
  const left = await store.database.snapshot((tx) => tx.firstOfEach([rangeAt(tree, [])]));
  if (left[0] !== undefined) await work.commit((tx) => deleteAttrs(tx, store, hash, [], { index: false }));
  if (attrs.size === 0) return;
  let puts: [Uint8Array, Storable][] = [];
  let bytes = 0;
  const flush = async () => {
    const ready = puts;
    puts = [];
    bytes = 0;
    await work.commit(async (tx) => {
      const values = await openValues(tx, tree);
      for (const [key, value] of ready) await values.put(key, value, () => tree.name);
    });
  };
  for (const [key, value] of flatten(tree, [], attrs)) {
    work.signal?.throwIfAborted();
    const size = value instanceof StagedValue ? 0 : valueBytes(value);
    const large = size > stagedBytes && !(value instanceof StagedValue);
    puts.push([key, large ? await stageValue(store.database, tree, key, value) : value]);
    bytes += 2 * key.length + (large ? 200 : size);
    if (bytes >= batchBytes) await flush();
  }
  if (puts.length > 0) await flush();
}

/** Gathers writes until they make a transaction. */
export class Batch {
  readonly #commit: Commit;
  #writes: ((tx: Transaction) => Promise<void>)[] = [];
  #bytes = 0;

  constructor(commit: Commit) {
    this.#commit = commit;
  }

  async add(bytes: number, write: (tx: Transaction) => Promise<void>): Promise<void> {
    if (this.#bytes > 0 && this.#bytes + bytes > batchBytes) await this.flush();
    this.#writes.push(write);
    this.#bytes += bytes;
  }

  async flush(): Promise<void> {
    const writes = this.#writes;
    if (writes.length === 0) return;
    this.#writes = [];
    this.#bytes = 0;
    await this.#commit(async (tx) => {
      for (const write of writes) await write(tx);
    });
  }
}
