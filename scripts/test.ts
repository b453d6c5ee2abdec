// Runs the type check, the linter and the tests, and closes with one line that counts them all. With --services tests on real
// servers run as well, as far as this machine can have them; what was started for them is stopped in the end.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

interface Tally {
  passed: number;
  readonly failed: string[];
  readonly skipped: string[];
}

const tally: Tally = { passed: 0, failed: [], skipped: [] };

async function run(command: readonly string[]): Promise<boolean> {
  const child = Bun.spawn([...command], { stdio: ["ignore", "inherit", "inherit"] });
  return (await child.exited) === 0;
}

/** Runs tests and counts them. What a lane that is not the `first` one prints comes when it has ended. */
async function test(paths: readonly string[], isFirst = true): Promise<void> {
  const report = join(folder, `${isFirst ? "first" : "second"}.xml`);
  const log = join(folder, "second.log");
  const output = isFirst ? "inherit" : Bun.file(log);
  const child = Bun.spawn(
    [
      process.execPath,
      "test",
      // Tests on real servers wait for what those do in their own time, such as a group that notices that a member is dead.
      `--timeout=${withServices ? 180_000 : 60_000}`,
      "--reporter=junit",
      `--reporter-outfile=${report}`,
      ...paths,
    ],
    {
      env: withServices ? { ...process.env, MATYAN_TEST_SERVICES: "1" } : process.env,
      stdio: ["ignore", output, output],
    },
  );
  const clean = (await child.exited) === 0;
  if (!isFirst) console.log(readFileSync(log, "utf8"));
  const before = tally.failed.length;
  const counted = countCases(report);
  // A crash, or an error outside any test, fails the run without a failed case.
  if (!counted || (!clean && tally.failed.length === before))
    tally.failed.push("bun test ended with an error outside any test");
}

/** Tests that mostly wait, for brokers, proxies and a browser: they have a lane of their own beside the others. */
const waiting = /^server\/(bus\/kafka|ui|workers\/kafkaFaults|clusterFaults|blobs\/faults)|^cli\/pipeline/;

async function testInTwoLanes(): Promise<void> {
  const files = [...new Bun.Glob("{cli,server,formats,scripts}/**/*.test.{ts,tsx}").scanSync(".")].sort();
  const lane = (waits: boolean) => files.filter((file) => waiting.test(file) === waits).map((file) => `./${file}`);
  await Promise.all([test(lane(false)), test(lane(true), false)]);
}

async function check(name: string, command: readonly string[]): Promise<void> {
  console.log(`== ${name}`);
  if (await run(command)) tally.passed++;
  else tally.failed.push(name);
}

/** Adds the cases of a JUnit report; a runner that died before writing it is itself a failure. */
function countCases(report: string): boolean {
  if (!existsSync(report)) return false;
  const cases = readFileSync(report, "utf8").matchAll(/<testcase\b([^>]*?)(\/>|>([\s\S]*?)<\/testcase>)/g);
  for (const [, attributes = "", , body = ""] of cases) {
    const name = `${attribute(attributes, "file")}: ${attribute(attributes, "name")}`;
    if (body.includes("<failure") || body.includes("<error")) tally.failed.push(name);
    else if (body.includes("<skipped")) tally.skipped.push(name);
    else tally.passed++;
  }
  return true;
}

function attribute(attributes: string, name: string): string {
  const text = new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? "";
  return text.replace(/&(lt|gt|quot|apos|amp|#39);/g, (_, entity: string) => entities[entity] ?? "");
}

const entities: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&", "#39": "'" };

const services = ["kafka", "s3", "s3-memory", "gcs", "azure"] as const;

async function service(name: string, action: "address" | "stop"): Promise<boolean> {
  const child = Bun.spawn([`scripts/services/${name}`, action], { stdio: ["ignore", "ignore", "ignore"] });
  return (await child.exited) === 0;
}

const words = process.argv.slice(2);
const withServices = words.includes("--services");
const paths = words.filter((word) => word !== "--services");
const folder = mkdtempSync(join(tmpdir(), "matyan-test-"));
if (paths.length === 0) {
  await check("types (tsc)", ["node_modules/.bin/tsc", "--noEmit"]);
  await check("lint and format (biome)", ["node_modules/.bin/biome", "check", "."]);
}
console.log("== tests (bun test)");
const running = new Set<string>();
if (withServices) for (const name of services) if (await service(name, "address")) running.add(name);
if (paths.length === 0) await testInTwoLanes();
else await test(paths);
if (withServices) for (const name of services) if (!running.has(name)) await service(name, "stop");
rmSync(folder, { recursive: true });

for (const name of tally.skipped) console.log(`skipped: ${name}`);
for (const name of tally.failed) console.log(`FAILED: ${name}`);
const skips = tally.skipped.length > 0 ? `, ${tally.skipped.length} skipped` : "";
console.log(`${tally.passed} passed, ${tally.failed.length} failed${skips}`);
process.exitCode = tally.failed.length === 0 ? 0 : 1;
