// Kills the server while clients log and searches run: `bun scripts/soak/crash.ts [POINTS] [KILLS] [CLIENTS] [FOLDER]`, default 200,000
// points from 2 clients, 10 kills. Exit code 1 when a point that was acknowledged is missing, or there twice.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crashSoak } from "../../server/testing/crashSoak.ts";

const [points = "200000", kills = "10", clients = "2", parent = tmpdir()] = process.argv.slice(2);
const folder = mkdtempSync(join(parent, "matyan-soak-"));
try {
  const result = await crashSoak({
    data: folder,
    points: Number(points),
    kills: Number(kills),
    clients: Number(clients),
    report: console.log,
  });
  const { acknowledged, resent, searches, starts, faults, seconds } = result;
  console.log(
    `${acknowledged} points acknowledged in ${seconds.toFixed(1)} s, ${result.kills} kills, ${resent} frames sent again, ` +
      `${searches} searches answered, started in ${Math.min(...starts).toFixed(0)} to ${Math.max(...starts).toFixed(0)} ms`,
  );
  for (const fault of faults) console.log(`FAULT ${fault}`);
  console.log(faults.length === 0 ? "every acknowledged point is there exactly once" : `${faults.length} faults`);
  process.exitCode = faults.length === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
