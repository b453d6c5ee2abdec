// Test support: topics of their own for each test on the real Kafka of scripts/services/kafka.
import type { KafkaSettings } from "../../config/engines.ts";
import { testService } from "../../testing/services.ts";

/** `127.0.0.1:PORT`; undefined when tests on real servers were not asked for, or this machine cannot have Kafka. */
export function testKafka(): Promise<string | undefined> {
  return testService("kafka");
}

/** Topics that no other test has. They are not made by this. */
export function testSettings(address: string): KafkaSettings {
  const own = crypto.randomUUID().slice(0, 8);
  return {
    brokers: [address],
    topics: { ingestion: `ingestion-${own}`, control: `control-${own}` },
    sasl: undefined,
    tls: undefined,
  };
}
