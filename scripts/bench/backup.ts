// Backup and restore of one large run through the real commands: points/s, MB/s and peak memory of each process.
// Usage: bun scripts/bench/backup.ts [points, default 1000000] [sequences, default 10]
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { embeddedPaths } from "../../server/embedded.ts";
import { fillStore, hash, inFolder, type Measured, matyan, measure, mega } from "./largeRun.ts";

const [points = 1_000_000, sequences = 10] = process.argv.slice(2, 4).map(Number);
const perSequence = Math.ceil(points / sequences);

/** The store is made by a process of its own: a child's peak memory counts that of its parent at the start. */
const made = process.argv[4];
if (made === undefined) await inFolder("backup", bench);
else await fillStore(made, sequences, perSequence);

async function bench(folder: string): Promise<void> {
  const source = { dataDir: join(folder, "source") };
  await measure([process.execPath, import.meta.path, String(points), String(sequences), source.dataDir]);
  const storeBytes = await sizeOf(embeddedPaths(source).store);
  const total = perSequence * sequences;
  console.log(
    `one run, ${total.toLocaleString("en-US")} points in ${sequences} sequences, with times; store ${mega(storeBytes)} MB`,
  );
  console.log("(the existing backend: 10,000 points in 9.3 s to back up, 2.7 s to restore)\n");

  const storeFile = embeddedPaths(source).store;
  const copy = await measure(["cp", storeFile, join(folder, "copy.db")]);
  const show = (what: string, measured: Measured, bytes: number) => print(what, measured, total, bytes, copy.seconds);
  show("floor: cp of the store file", copy, storeBytes);
  if (Bun.which("sqlite3") !== null) {
    const dump = join(folder, "dump.sql");
    show("peer: sqlite3 .dump", await measure(["sh", "-c", `sqlite3 ${storeFile} .dump > ${dump}`]), storeBytes);
    show("peer: sqlite3 < dump", await measure(["sh", "-c", `sqlite3 ${join(folder, "d.db")} < ${dump}`]), storeBytes);
    await Promise.all(["copy.db", "d.db", "dump.sql"].map((name) => rm(join(folder, name))));
  }
  const backup = await measure(matyan("backup", join(folder, "archives"), "--data", source.dataDir));
  const [name] = await readdir(join(folder, "archives"));
  const archive = join(folder, "archives", name!);
  const text = await sizeOf(join(archive, "runs", hash, "sequences.jsonl"));
  show("matyan backup (folder)", backup, text);
  show("floor: tar of the archive", await measure(["tar", "cf", join(folder, "a.tar"), "-C", archive, "."]), text);
  show(
    "matyan backup (tar.gz)",
    await measure(matyan("backup", join(folder, "a.tar.gz"), "--data", source.dataDir)),
    text,
  );
  show("matyan verify", await measure(matyan("verify", archive)), text);
  show("matyan restore (durable)", await measure(matyan("restore", archive, "--data", join(folder, "target"))), text);
  const packed = matyan("restore", join(folder, "a.tar.gz"), "--data", join(folder, "target2"));
  show("matyan restore of the tar.gz", await measure(packed), text);
  const again = await measure(matyan("restore", archive, "--data", join(folder, "target")));
  console.log(`restoring again, which changes nothing, takes ${again.seconds.toFixed(2)} s`);
}

function print(what: string, { seconds, peak }: Measured, count: number, bytes: number, floor: number): void {
  const rate = `${Math.round(count / seconds / 1000).toLocaleString("en-US")}k points/s`;
  const ratio = `${(seconds / floor).toFixed(1)}x the copy`;
  const columns = [`${seconds.toFixed(2)} s`, rate, `${mega(bytes / seconds)} MB/s`, `peak ${mega(peak)} MB`, ratio];
  console.log(what.padEnd(34), columns.map((column) => column.padStart(16)).join(""));
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path)).size;
}
