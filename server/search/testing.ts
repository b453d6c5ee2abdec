// Test support: runs made directly in a store, and a store that counts what is read of it.

import { contextId } from "../../formats/context.ts";
import type { Value, ValueMap } from "../../formats/value.ts";
import type { Database, ReadTransaction } from "../kv/index.ts";
import { addRunTag, setRunExperiment } from "../store/associations.ts";
import { replaceAttrs } from "../store/attrs.ts";
import { writeContext } from "../store/contexts.ts";
import type { Store } from "../store/index.ts";
import { createExperiment, createTag, findExperimentByName, findTagByName } from "../store/namedEntities.ts";
import { createRun, updateMeta } from "../store/runs.ts";
import { type Point, SequenceWriter } from "../store/sequences.ts";
import { writeTrace } from "../store/traces.ts";

export interface TestSequence {
  readonly name: string;
  readonly context?: ValueMap;
  /** "float" by default. */
  readonly dtype?: string;
  readonly points: readonly Point[];
}

export interface TestRun {
  readonly hash: string;
  readonly name?: string;
  readonly description?: string;
  readonly createdAt?: number;
  readonly archived?: boolean;
  readonly finishedAt?: number;
  readonly attrs?: ValueMap;
  readonly experiment?: string;
  readonly tags?: readonly string[];
  readonly sequences?: readonly TestSequence[];
}

export async function makeRun(store: Store, run: TestRun): Promise<void> {
  await store.database.transact(async (tx) => {
    const { hash, createdAt = 1_000 } = run;
    await createRun(tx, store, hash, {
      createdAt,
      ...(run.name === undefined ? {} : { name: run.name }),
      description: run.description ?? "",
    });
    const fields: ValueMap = new Map();
    if (run.archived === true) fields.set("is_archived", true);
    if (run.finishedAt !== undefined) {
      fields.set("active", false);
      fields.set("finalized_at", run.finishedAt);
    }
    if (fields.size > 0) await updateMeta(tx, store, hash, fields, createdAt);
    if (run.attrs !== undefined) await replaceAttrs(tx, store, hash, run.attrs);
    if (run.experiment !== undefined) {
      const known = await findExperimentByName(tx, store, run.experiment);
      await setRunExperiment(
        tx,
        store,
        hash,
        known ?? (await createExperiment(tx, store, { name: run.experiment }, { now: 0 })),
      );
    }
    for (const tag of run.tags ?? []) {
      const known = await findTagByName(tx, store, tag);
      await addRunTag(tx, store, hash, known ?? (await createTag(tx, store, { name: tag }, { now: 0 })));
    }
    for (const { name, context = new Map<string, Value>(), dtype = "float", points } of run.sequences ?? []) {
      const id = contextId(context);
      await writeContext(tx, store, hash, id, context);
      await new SequenceWriter(store, { hash, contextId: id, name }).write(tx, points);
      const last = points.at(-1);
      await writeTrace(tx, store, hash, {
        contextId: id,
        name,
        dtype,
        ...(last === undefined ? {} : { last: last.value, lastStep: last.step }),
      });
    }
  });
}

/** Points at steps 0, 1, … with the given values. */
export function pointsOf(...values: Value[]): Point[] {
  return values.map((value, step) => ({ step: BigInt(step), value }));
}

export interface ReadCounts {
  snapshots: number;
  open: number;
  /** Keys asked for, seeks and pairs read. */
  keys: number;
}

/** The database with its snapshot reads counted; `before` is called first and may throw. */
export function countingReads(database: Database, counts: ReadCounts, before: () => void = () => {}): Database {
  const counted = (tx: ReadTransaction): ReadTransaction => ({
    get: (key) => {
      counts.keys++;
      return tx.get(key);
    },
    getMany: (keys) => {
      counts.keys += keys.length;
      return tx.getMany(keys);
    },
    firstOfEach: (ranges, reverse) => {
      counts.keys += ranges.length;
      return tx.firstOfEach(ranges, reverse);
    },
    async *range(range, options) {
      for await (const batch of tx.range(range, options)) {
        counts.keys += batch.length;
        yield batch;
      }
    },
  });
  return {
    engine: database.engine,
    longSnapshots: database.longSnapshots,
    transact: (body) => database.transact(body),
    close: () => database.close(),
    async snapshot(body) {
      before();
      counts.snapshots++;
      counts.open++;
      try {
        return await database.snapshot((tx) => body(counted(tx)));
      } finally {
        counts.open--;
      }
    },
  };
}
