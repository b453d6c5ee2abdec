// What moving through a server costs beside moving on one machine: `backup --url`, `restore --url` and `copy` next to backup and restore.
// Usage: bun scripts/bench/move.ts [points, default 1000000] [sequences, default 10]
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { startServed } from "../../server/testing/served.ts";
import { fillStore, inFolder, type Measured, matyan, measure, mega } from "./largeRun.ts";

const [points = 1_000_000, sequences = 10] = process.argv.slice(2, 4).map(Number);
const perSequence = Math.ceil(points / sequences);
const made = process.argv[4];
if (made === undefined) await inFolder("move", bench);
else await fillStore(made, sequences, perSequence);

async function bench(folder: string): Promise<void> {
  const source = join(folder, "source");
  await measure([process.execPath, import.meta.path, String(points), String(sequences), source]);
  console.log(
    `one run, ${(perSequence * sequences).toLocaleString("en-US")} points in ${sequences} sequences, with times\n`,
  );
  await using from = await startServed({ data: source });
  await using to = await startServed({ data: join(folder, "served") });

  const local = await measure(matyan("backup", join(folder, "local"), "--data", source));
  show("backup", local);
  show("backup --url", await measure(matyan("backup", join(folder, "remote"), "--url", from.api)), local);

  const [name] = await readdir(join(folder, "local"));
  const archive = join(folder, "local", name!);
  const restored = await measure(matyan("restore", archive, "--data", join(folder, "restored")));
  show("restore", restored);
  show("restore --url, compared there", await measure(matyan("restore", archive, "--url", to.api)), restored);

  const both = { seconds: local.seconds + restored.seconds, peak: Math.max(local.peak, restored.peak) };
  show("backup and restore", both);
  show("copy of a folder", await measure(matyan("copy", "--from", source, "--to", join(folder, "copied"))), both);
  const served = matyan("copy", "--from", from.api, "--to", join(folder, "copied2"));
  show("copy from a server", await measure(served), both);
}

function show(what: string, { seconds, peak }: Measured, beside?: Measured): void {
  const rate = `${Math.round((perSequence * sequences) / seconds / 1000).toLocaleString("en-US")}k points/s`;
  const ratio = beside === undefined ? "" : `${(seconds / beside.seconds).toFixed(1)}x as long`;
  const columns = [`${seconds.toFixed(2)} s`, rate, `peak ${mega(peak)} MB`, ratio];
  console.log(what.padEnd(32), columns.map((column) => column.padStart(16)).join(""));
}
