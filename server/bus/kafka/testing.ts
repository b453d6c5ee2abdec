// Test support: a real Kafka on loopback, started once and left running for the other tests, and topics of their own for each.
import { join } from "node:path";
import type { KafkaSettings } from "../../config/engines.ts";

const script = join(import.meta.dir, "../../../scripts/services/kafka");

export type TestKafka = { readonly address: string } | { readonly missing: string };

/** `MATYAN_TEST_SERVICES` is set by `scripts/test --services`; without it tests that need a service say so and are skipped. */
export async function testKafka(): Promise<TestKafka> {
  if (!process.env["MATYAN_TEST_SERVICES"]) return { missing: "run scripts/test --services for it" };
  const child = Bun.spawn([script, "start"], { stdio: ["ignore", "pipe", "pipe"] });
  const [out, errors] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  const code = await child.exited;
  if (code === 3) return { missing: errors.trim() };
  if (code !== 0) throw new Error(`Kafka does not start: ${errors}`);
  return { address: out.trim() };
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
