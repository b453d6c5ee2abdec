// The assignor that the Python workers offer, under its name on the wire, so that both kinds can share a group (pipeline.md 2.2).
import { AssignerProtocol, type PartitionAssigner } from "kafkajs";

const { MemberMetadata, MemberAssignment } = AssignerProtocol;
const version = 0;

/** Partitions go to the members in turn, both sorted: every leader decides the same way. */
export const roundRobin: PartitionAssigner = ({ cluster }) => ({
  name: "roundrobin",
  version,
  async assign({ members, topics }) {
    const ids = members.map(({ memberId }) => memberId).sort();
    const shares = new Map(ids.map((id) => [id, {} as Record<string, number[]>]));
    let turn = 0;
    for (const topic of [...topics].sort()) {
      const partitions = cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId);
      for (const partition of partitions.sort((a, b) => a - b)) {
        const share = shares.get(ids[turn++ % ids.length]!)!;
        share[topic] ??= [];
        share[topic].push(partition);
      }
    }
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
