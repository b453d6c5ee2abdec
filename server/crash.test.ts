import { expect, test } from "bun:test";
import { join } from "node:path";
import { crashSoak } from "./testing/crashSoak.ts";
import { testFolder } from "./testing/served.ts";

// scripts/soak/crash.ts runs the same with 200,000 points and ten kills.
test("what two clients were told is stored is there exactly once, though the server was killed four times under searches", async () => {
  await using folder = await testFolder();
  const result = await crashSoak({ data: join(folder.path, "data"), points: 60_000, kills: 4, clients: 2 });
  expect(result.faults).toEqual([]);
  expect(result.acknowledged).toBe(60_000);
  expect(result.resent).toBeGreaterThanOrEqual(4);
  expect(result.searches).toBeGreaterThan(0);
}, 120_000);
