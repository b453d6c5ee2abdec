// What lists of runs show of each run.
import { mapOf, toNumber, type ValueMap } from "../../formats/value.ts";
import type { ReadTransaction } from "../kv/index.ts";
import type { StoreKeys } from "../store/keys.ts";
import { readMetaFields } from "../store/metaFields.ts";

export interface RunRow {
  readonly hash: string;
  readonly name: string;
  /** Seconds since the epoch. */
  readonly createdAt: number;
  /** When it finished; null while it runs. */
  readonly endTime: number | null;
  readonly isArchived: boolean;
  readonly isActive: boolean;
}

const fields = ["created_at", "pending_deletion", "name", "finalized_at", "duration", "is_archived", "active"];

/** The rows of those `hashes` that exist and are not to be deleted, in the same order. */
export async function readRunRows(tx: ReadTransaction, store: StoreKeys, hashes: readonly string[]): Promise<RunRow[]> {
  const rows = await readMetaFields(tx, store, hashes, fields);
  return hashes.flatMap((hash, i) => {
    const [created, pending, name, finalized, duration, archived, active] = rows[i]!;
    const createdAt = toNumber(created);
    if (createdAt === undefined || pending === true) return [];
    return {
      hash,
      name: typeof name === "string" ? name : "",
      createdAt,
      endTime: endTimeOf(createdAt, toNumber(duration), toNumber(finalized)),
      isArchived: archived === true,
      isActive: active !== false,
    };
  });
}

/** By the run's own clock where it told how long it took, else when we heard of its end. */
export function endTimeOf(
  createdAt: number,
  duration: number | undefined,
  finalized: number | undefined,
): number | null {
  return duration === undefined ? (finalized ?? null) : createdAt + duration;
}

/** As the runs of an experiment are listed. */
export function experimentRunJson(row: RunRow): ValueMap {
  return mapOf({
    run_id: row.hash,
    name: row.name,
    creation_time: row.createdAt,
    end_time: row.endTime,
    archived: row.isArchived,
  });
}
