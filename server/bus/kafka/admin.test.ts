import { expect, test } from "bun:test";
import { KafkaJSConnectionError, KafkaJSProtocolError } from "kafkajs";
import { openAdmin, topicOffsets } from "./admin.ts";
import { createClient } from "./client.ts";
import { testKafka, testSettings } from "./testing.ts";

const address = await testKafka();

test.skipIf(address === undefined)(
  "questions that overlap are all answered, about topics that were never asked about",
  async () => {
    const settings = testSettings(address!);
    const client = await createClient(settings, "test", () => undefined);
    const options = { brokers: settings.brokers, retries: 3, maxRetryTime: 500 };
    const topics = Object.values(settings.topics);
    const maker = await openAdmin(client, options);
    await maker.createTopics({ topics: topics.map((topic) => ({ topic, numPartitions: 2 })), waitForLeaders: true });
    const round = async () => {
      const admin = await openAdmin(client, options);
      const offsetsOf = async (topic: string) => {
        const [ends, committed] = await Promise.all([
          admin.fetchTopicOffsets(topic),
          admin.fetchOffsets({ groupId: "nobody", topics: [topic] }),
          admin.describeGroups(["nobody"]),
        ]);
        expect([ends.length, committed[0]?.partitions.length]).toEqual([2, 2]);
      };
      const about = async (topic: string) => {
        const { topics: found } = await admin.fetchTopicMetadata({ topics: [topic] });
        expect(found[0]?.partitions.length).toBe(2);
      };
      const inTurn = async (work: (topic: string) => Promise<void>) => {
        await admin.listTopics();
        for (const topic of topics) await work(topic);
      };
      try {
        await Promise.all([admin.describeCluster(), inTurn(offsetsOf), inTurn(about)]);
      } finally {
        await admin.disconnect();
      }
    };
    try {
      for (let i = 0; i < 100; i++) await round();
    } finally {
      await maker.deleteTopics({ topics });
      await maker.disconnect();
    }
  },
  60_000,
);

test("offsets of a topic whose leader changed are asked for over new connections, which are closed again", async () => {
  const notLeader = Object.assign(new KafkaJSProtocolError("not the leader"), { retriable: true });
  const offsets = [{ partition: 0, offset: "5", high: "5", low: "0" }];
  let open = 0;
  const opened: (typeof offsets | Error)[] = [notLeader, offsets];
  const answering = (answer: typeof offsets | Error) => ({
    fetchTopicOffsets: async () => {
      if (answer instanceof Error) throw answer;
      return answer;
    },
    disconnect: async () => void open--,
  });
  const reopen = async () => {
    open++;
    return answering(opened.shift()!);
  };
  expect(await topicOffsets(answering(notLeader), "t", reopen, 0)).toBe(offsets);
  expect([open, opened.length]).toEqual([0, 0]);
  // What does not pass by itself is told at once, and what does not pass in the end too.
  const refused = new KafkaJSConnectionError("refused");
  Object.assign(refused, { retriable: false });
  expect(topicOffsets(answering(refused), "t", reopen, 0)).rejects.toBe(refused);
  let asked = 0;
  const never = async () => {
    asked++;
    open++;
    return answering(notLeader);
  };
  await expect(topicOffsets(answering(notLeader), "t", never, 0)).rejects.toBe(notLeader);
  expect([open, asked]).toEqual([0, 7]);
});
