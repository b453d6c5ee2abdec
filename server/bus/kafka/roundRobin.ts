// The assignor that the Python workers offer, under its name on the wire, so that both kinds can share a group (pipeline.md 2.2).
import { AssignerProtocol, type PartitionAssigner } from "kafkajs";

const { MemberMetadata, MemberAssignment } = AssignerProtocol;
const version = 0;

export interface GroupMemberTopics {
  readonly id: string;
  readonly topics: readonly string[];
}

/**
 * Partitions by topic for every member, some with none. All partitions in order go to the members in turn, each to the next one
 * that asked for its topic: every leader decides the same way.
 */
export function shareOut(
  members: readonly GroupMemberTopics[],
  partitionsOf: (topic: string) => readonly number[],
): Map<string, Record<string, number[]>> {
  const sorted = members.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const shares = new Map(sorted.map(({ id }) => [id, {} as Record<string, number[]>]));
  let turn = 0;
  for (const topic of [...new Set(sorted.flatMap(({ topics }) => topics))].sort())
    for (const partition of partitionsOf(topic).toSorted((a, b) => a - b)) {
      while (!sorted[turn % sorted.length]!.topics.includes(topic)) turn++;
      const share = shares.get(sorted[turn++ % sorted.length]!.id)!;
      share[topic] ??= [];
      share[topic].push(partition);
    }
  return shares;
}

export const roundRobin: PartitionAssigner = ({ cluster }) => ({
  name: "roundrobin",
  version,
  async assign({ members }) {
    const wishes = members.map(({ memberId, memberMetadata }) => ({
      id: memberId,
      topics: MemberMetadata.decode(memberMetadata)?.topics ?? [],
    }));
    await cluster.addMultipleTargetTopics([...new Set(wishes.flatMap(({ topics }) => topics))]);
    const shares = shareOut(wishes, (topic) =>
      cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId),
    );
    // A member with nothing is told so: the Python client takes no assignment at all for a fault.
    return [...shares].map(([memberId, assignment]) => ({
      memberId,
      memberAssignment: MemberAssignment.encode({ version, assignment, userData: Buffer.alloc(0) }),
    }));
  },
  protocol: ({ topics }) => ({
    name: "roundrobin",
    metadata: MemberMetadata.encode({ version, topics, userData: Buffer.alloc(0) }),
  }),
});
