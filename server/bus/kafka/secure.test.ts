// Passwords and TLS, which the existing services cannot use together, on a real Kafka of this file's own.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KafkaSettings, SaslMechanism } from "../../config/engines.ts";
import { stopTestService, testService } from "../../testing/services.ts";
import { openKafkaBus } from "./index.ts";
import { testKafka, testSettings } from "./testing.ts";

const secure = "127.0.0.1:19296";
const password = "secret-of-the-test";

/** Whether this machine has Kafka at all is asked before keys are made for a second one. */
const isPossible = (await testKafka()) !== undefined && Bun.which("keytool") !== null;

describe.skipIf(!isPossible)("Kafka with TLS and passwords (skipped without scripts/test --services)", () => {
  let folder: string;
  let env: Record<string, string>;
  let caFile: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "matyan-kafka-keys-"));
    const store = join(folder, "broker.p12");
    caFile = join(folder, "broker.pem");
    const keytool = async (...args: readonly string[]) => {
      const child = Bun.spawn(
        ["keytool", ...args, "-keystore", store, "-storepass", password, "-storetype", "PKCS12"],
        {
          stdio: ["ignore", "pipe", "pipe"],
        },
      );
      if ((await child.exited) !== 0) throw new Error(await child.stdout.text());
    };
    const name = ["-dname", "CN=broker", "-ext", "san=ip:127.0.0.1", "-keyalg", "RSA", "-validity", "2"];
    await keytool("-genkeypair", "-alias", "broker", ...name);
    await keytool("-exportcert", "-alias", "broker", "-rfc", "-file", caFile);
    const config = join(folder, "secure.properties");
    const login = "org.apache.kafka.common.security";
    await writeFile(
      config,
      [
        `ssl.keystore.location=${store}`,
        `ssl.keystore.password=${password}`,
        `ssl.key.password=${password}`,
        "ssl.keystore.type=PKCS12",
        "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        `listener.name.sasl_ssl.plain.sasl.jaas.config=${login}.plain.PlainLoginModule required user_matyan="${password}";`,
        `listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=${login}.scram.ScramLoginModule required;`,
        `listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=${login}.scram.ScramLoginModule required;`,
        "",
      ].join("\n"),
    );
    env = {
      KAFKA_TEST_PORT: "19294",
      KAFKA_TEST_LISTENER: `SASL_SSL://${secure}`,
      KAFKA_TEST_CONFIG: config,
      KAFKA_TEST_SCRAM: `SCRAM-SHA-256=[name=matyan,password=${password}]`,
      KAFKA_TEST_FRESH: "1",
    };
    await testService("kafka", env);
  }, 120_000);

  afterAll(async () => {
    await stopTestService("kafka", env);
    await rm(folder, { recursive: true });
  }, 60_000);

  const settings = (
    mechanism: SaslMechanism,
    more: { word?: string; caFile?: string | undefined } = {},
  ): KafkaSettings => ({
    ...testSettings(secure),
    sasl: { mechanism, username: "matyan", password: more.word ?? password },
    tls: {
      caFile: "caFile" in more ? more.caFile : caFile,
      certFile: undefined,
      keyFile: undefined,
      keyPassword: undefined,
      checkHostname: true,
    },
  });

  for (const mechanism of ["PLAIN", "SCRAM-SHA-256"] as const)
    test(`records go through with ${mechanism} over TLS`, async () => {
      const bus = await openKafkaBus(settings(mechanism), { clientId: "matyan-secure" });
      const topic = `secure-${crypto.randomUUID()}`;
      await bus.ensureTopic(topic, { partitions: 1 });
      const taken = Promise.withResolvers<string>();
      const consumer = await bus.consume({
        topic,
        group: topic,
        handle: async ({ records }, turn) => {
          taken.resolve(Buffer.from(records[0]!.value!).toString());
          await turn.commit(records.at(-1)!.offset + 1n);
        },
      });
      await bus.producer.publish(topic, [{ key: "k", value: mechanism }]);
      expect(await taken.promise).toBe(mechanism);
      await consumer.close();
      await bus.close();
    });

  test("a wrong password is said to be one, and is not shown", async () => {
    const opening = openKafkaBus(settings("PLAIN", { word: "wrong-word" }), { clientId: "matyan-secure" });
    const error = await opening.then(
      () => undefined,
      (reason: unknown) => reason as Error & { hint?: string },
    );
    expect(error?.message).toContain("refuses the credentials");
    expect(error?.hint).toContain("KAFKA_SASL_PASSWORD");
    expect(`${error?.message}${error?.hint}`).not.toContain("wrong-word");
  });

  test("a broker whose certificate nobody vouches for is not trusted", async () => {
    const opening = openKafkaBus(settings("PLAIN", { caFile: undefined }), { clientId: "matyan-secure" });
    expect(opening).rejects.toThrow(/certificate|self.signed/i);
  });

  test("a file that is not there is named", async () => {
    const opening = openKafkaBus(settings("PLAIN", { caFile: "/nowhere/ca.pem" }), { clientId: "matyan-secure" });
    expect(opening).rejects.toThrow("/nowhere/ca.pem");
  });
});
