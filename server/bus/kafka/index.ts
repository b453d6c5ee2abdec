// The bus on Apache Kafka (kafkajs; docs/kafka.md).
import type { KafkaSettings } from "../../config/engines.ts";
import type { Bus } from "../index.ts";

export type { KafkaSettings } from "../../config/engines.ts";

export interface KafkaBusOptions {
  /** What brokers call us in their logs and quotas. */
  readonly clientId: string;
  /** Told of what goes wrong and is tried again. */
  readonly warn?: (text: string) => void;
}

/** @throws MatyanError `io` when no broker answers, `usage` when it refuses the credentials. */
export async function openKafkaBus(settings: KafkaSettings, options: KafkaBusOptions): Promise<Bus> {
  const { KafkaBus } = await import("./bus.ts");
  return KafkaBus.open(settings, options);
}
