import { expect, test } from "bun:test";
import { openAdmin } from "./admin.ts";
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
