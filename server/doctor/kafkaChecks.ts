// What doctor looks at in Kafka: brokers, topics and partitions, how far the workers are behind, dead letters.
import type { Admin } from "kafkajs";
import { openAdmin } from "../bus/kafka/admin.ts";
import { createClient } from "../bus/kafka/client.ts";
import { groupProgress } from "../bus/kafka/groupProgress.ts";
import type { KafkaSettings } from "../config.ts";
import { openBus } from "../stack.ts";
import { controlGroup } from "../workers/control/controlWorker.ts";
import { readDeadLetters } from "../workers/deadLetters.ts";
import { ingestGroup } from "../workers/ingestion/ingestWorker.ts";
import { type Check, type Finding, failure, ok, skipped, warning } from "./checks.ts";

/** Messages that wait without being a worry. */
const calmLag = 10_000n;
/** Letters read before it is only said that there are more. */
const countedLetters = 1_000;

/** `defer` takes what is to be closed in the end. */
export function kafkaChecks(kafka: KafkaSettings, defer: (close: () => Promise<void>) => void): Check[] {
  const topics = [kafka.topics.ingestion, kafka.topics.control];
  let opening: Promise<Admin> | undefined;
  const open = () => {
    opening ??= connect(kafka, defer);
    return opening;
  };
  const onAdmin = (look: (admin: Admin) => Promise<Finding[]>) => async () => {
    let admin: Admin;
    try {
      admin = await open();
    } catch {
      // The check "kafka" tells the reason.
      return [skipped("Kafka does not answer")];
    }
    return look(admin);
  };
  return [
    {
      name: "kafka",
      run: async () => {
        const { brokers, clusterId } = await (await open()).describeCluster();
        return [ok(`${counted(brokers.length, "broker")}, cluster ${clusterId}`)];
      },
    },
    { name: "topics", run: onAdmin((admin) => topicFindings(admin, topics)) },
    {
      name: "workers",
      run: onAdmin(async (admin) => {
        const found = new Set(await admin.listTopics());
        return [
          await lag(admin, found, kafka.topics.ingestion, ingestGroup, "ingest"),
          await lag(admin, found, kafka.topics.control, controlGroup, "control"),
        ];
      }),
    },
    {
      name: "dead letters",
      run: onAdmin(async () => [await letters(kafka, topics, defer)]),
    },
  ];
}

async function connect(kafka: KafkaSettings, defer: (close: () => Promise<void>) => void): Promise<Admin> {
  const client = await createClient(kafka, "matyan-doctor", () => undefined);
  const admin = await openAdmin(client, { brokers: kafka.brokers, retries: 3, maxRetryTime: 500 });
  defer(() => admin.disconnect());
  return admin;
}

async function topicFindings(admin: Admin, topics: readonly string[]): Promise<Finding[]> {
  const found = new Set(await admin.listTopics());
  const findings: Finding[] = [];
  for (const topic of topics) {
    if (!found.has(topic)) {
      findings.push(
        failure(
          `there is no topic '${topic}'`,
          "Create it, with six partitions for ingestion and one for control events.",
        ),
      );
      continue;
    }
    const { topics: described } = await admin.fetchTopicMetadata({ topics: [topic] });
    const partitions = described[0]?.partitions ?? [];
    const leaderless = partitions.filter(({ leader }) => leader < 0).length;
    const text = `${topic}: ${counted(partitions.length, "partition")}`;
    findings.push(
      leaderless > 0 ? failure(`${text}, ${leaderless} without a leader`, "Are all brokers up?") : ok(text),
    );
  }
  return findings;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

async function lag(
  admin: Admin,
  found: ReadonlySet<string>,
  topic: string,
  groupId: string,
  worker: string,
): Promise<Finding> {
  if (!found.has(topic)) return skipped(`${groupId}: there is no topic '${topic}'`);
  const { waiting } = await groupProgress(admin, topic, groupId);
  const described = await admin.describeGroups([groupId]);
  const members = described.groups[0]?.members.length ?? 0;
  const text = `${groupId}: ${counted(members, "worker")}, ${waiting === 1n ? "1 message waits" : `${waiting} messages wait`}`;
  if (members === 0) return warning(text, `Start one: matyan worker ${worker}.`);
  return waiting > calmLag ? warning(text, "Start more workers, up to one for each partition.") : ok(text);
}

async function letters(
  kafka: KafkaSettings,
  topics: readonly string[],
  defer: (close: () => Promise<void>) => void,
): Promise<Finding> {
  const bus = await openBus({ kafka }, { clientId: "matyan-doctor" });
  if (bus === undefined) return skipped("no bus");
  defer(() => bus.close());
  let open = 0;
  let read = 0;
  reading: for (const topic of topics)
    for await (const { done } of readDeadLetters(bus, topic)) {
      if (done === undefined) open++;
      if (++read >= countedLetters) break reading;
    }
  if (open === 0) return ok(read >= countedLetters ? `none of the first ${read} is open` : "none");
  return warning(
    `${read >= countedLetters ? "at least " : ""}${open} wait for a decision`,
    "`matyan dlq ls` shows them; retry or drop them.",
  );
}
