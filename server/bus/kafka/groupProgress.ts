// How far a group of consumers is on a topic.
import type { Admin } from "kafkajs";

export interface GroupProgress {
  /** Offsets behind the last record and behind the last one that is done, summed over the partitions. */
  readonly published: bigint;
  readonly done: bigint;
  /** Records that are there and not done. */
  readonly waiting: bigint;
}

/** The topic must exist. A group that has done nothing yet begins at the first record. */
export async function groupProgress(admin: Admin, topic: string, groupId: string): Promise<GroupProgress> {
  const ends = await admin.fetchTopicOffsets(topic);
  const [committed] = await admin.fetchOffsets({ groupId, topics: [topic] });
  const offsets = new Map(committed?.partitions.map(({ partition, offset }) => [partition, BigInt(offset)]));
  let published = 0n;
  let done = 0n;
  for (const { partition, low, high } of ends) {
    const at = offsets.get(partition) ?? -1n;
    published += BigInt(high);
    done += at < 0n ? BigInt(low) : at;
  }
  return { published, done, waiting: published - done };
}
