// Real servers for tests: scripts/services starts them when `scripts/test --services` asked for them.
import { fileURLToPath } from "node:url";

export type ServiceName = "kafka" | "s3" | "s3-memory" | "gcs" | "azure";

/**
 * The address of a server on loopback that runs until somebody stops it; undefined when tests without services were asked
 * for, or when this machine can't have it, which is said once: tests that need it count as skipped then.
 * @throws when it should run here and doesn't start.
 */
export async function testService(
  name: ServiceName,
  env: Readonly<Record<string, string>> = {},
): Promise<string | undefined> {
  if (process.env["MATYAN_TEST_SERVICES"] !== "1") return undefined;
  const script = fileURLToPath(new URL(`../../scripts/services/${name}`, import.meta.url));
  const child = Bun.spawn([script, "start"], { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (code === 0) return out.trim();
  if (code !== 3) throw new Error(`scripts/services/${name} start failed: ${err.trim()}`);
  console.warn(`tests on ${name} are skipped: ${err.trim()}`);
  return undefined;
}

/** Ends a server that a test started for itself, with the settings that it was started with. */
export async function stopTestService(name: ServiceName, env: Readonly<Record<string, string>>): Promise<void> {
  const script = fileURLToPath(new URL(`../../scripts/services/${name}`, import.meta.url));
  const child = Bun.spawn([script, "stop"], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "inherit"],
  });
  if ((await child.exited) !== 0) throw new Error(`scripts/services/${name} stop failed`);
}
