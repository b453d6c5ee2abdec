// The topics of a cluster: made in development, where nobody else does.
import type { Bus } from "./bus/index.ts";
import type { Config } from "./config.ts";

export type TopicName = "ingestion" | "control";

/** Those of the existing deployment. */
const partitions: Readonly<Record<TopicName, number>> = { ingestion: 6, control: 1 };

/** Makes topics that are missing, in development. @throws MatyanError `io` */
export async function makeTopics(
  bus: Bus,
  { kafka, isDevelopment }: Pick<Config, "kafka" | "isDevelopment">,
  names: readonly TopicName[],
): Promise<void> {
  if (kafka === undefined || !isDevelopment) return;
  for (const name of names) await bus.ensureTopic(kafka.topics[name], { partitions: partitions[name] });
}
