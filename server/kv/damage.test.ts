// A store whose file is damaged, or whose disk refuses: an error that names it, never a crash and never a wrong page.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { MatyanError } from "../../formats/error.ts";
import { openEmbedded } from "./embedded.ts";
import { bytes, everything, scan } from "./testing/bytes.ts";
import { newFolder } from "./testing/engines.ts";
import type { FullDiskReport } from "./testing/fullDiskProcess.ts";

const pageSize = 4096;
let folder: string;
let path: string;

beforeEach(async () => {
  folder = newFolder();
  path = join(folder, "store.db");
  const database = await open();
  await database.transact(async (tx) => {
    for (let index = 0; index < 2000; index++)
      tx.set(bytes(`key ${String(index).padStart(5, "0")}`), new Uint8Array(index % 10 === 0 ? 3000 : 60).fill(index));
  });
  await database.close();
});

afterEach(() => rmSync(folder, { recursive: true }));

const open = () => openEmbedded({ path, durability: "normal" });

/** Opens, reads all, writes and clears; answers the errors met. Anything but a MatyanError fails the test. */
async function exercise(): Promise<MatyanError[]> {
  const errors: MatyanError[] = [];
  const attempt = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof MatyanError)) throw error;
      errors.push(error);
      return undefined;
    }
  };
  const database = await attempt(open);
  if (database === undefined) return errors;
  await attempt(() => database.snapshot((tx) => scan(tx)));
  await attempt(() => database.snapshot((tx) => scan(tx, everything, { reverse: true })));
  await attempt(() =>
    database.transact(async (tx) => {
      tx.set(bytes("key 01000a"), new Uint8Array(50_000));
      tx.clearRange({ begin: bytes("key 00100"), end: bytes("key 00900") });
    }),
  );
  await attempt(() => database.snapshot((tx) => tx.get(bytes("key 01500"))));
  await database.close();
  return errors;
}

function overwrite(at: number, data: Uint8Array): void {
  const file = readFileSync(path);
  file.set(data.subarray(0, Math.max(0, file.length - at)), at);
  writeFileSync(path, file);
}

test("an undamaged store gives no error here", async () => {
  expect(await exercise()).toEqual([]);
});

test("damaged pages give the error corrupt, with the path and the way out, to readers and writers", async () => {
  const pages = readFileSync(path).length / pageSize;
  for (let page = Math.floor(pages / 3); page < pages; page++)
    overwrite(page * pageSize, new Uint8Array(pageSize).fill(0xa5));
  const errors = await exercise();
  expect(errors.length).toBeGreaterThanOrEqual(3);
  for (const error of errors) {
    expect(error.code).toBe("corrupt");
    expect(error.message).toContain(`store '${path}' is damaged`);
    expect(error.hint).toContain("restore the latest backup");
  }
});

test("a damaged header and a lost table give an error on opening", async () => {
  const healthy = readFileSync(path);
  for (const [at, fill] of [
    [0, 0],
    [16, 0xff],
    [18, 9],
    [100, 0x11],
    [28, 0xff],
  ] as const) {
    writeFileSync(path, healthy);
    overwrite(at, new Uint8Array(at === 100 ? 3000 : 2).fill(fill));
    const errors = await exercise();
    expect(errors.length).toBeGreaterThan(0);
    expect(errors[0]!.code).toBe("corrupt");
  }
});

test("a file that was cut off gives the error corrupt", async () => {
  const size = readFileSync(path).length;
  for (const left of [size - pageSize, Math.floor(size / 2), pageSize, 512, 99]) {
    truncateSync(path, left);
    const errors = await exercise();
    expect(errors.map((error) => error.code)).toContain("corrupt");
  }
});

test("whatever bytes change, there is a result or an error of ours", async () => {
  const healthy = readFileSync(path);
  const place = fc.oneof(fc.nat({ max: 200 }), fc.nat({ max: healthy.length - 1 }));
  const change = fc.tuple(place, fc.uint8Array({ minLength: 1, maxLength: 64 }));
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 12 }), async (changes) => {
      for (const ending of ["-wal", "-shm"]) rmSync(path + ending, { force: true });
      const file = new Uint8Array(healthy);
      for (const [at, data] of changes) file.set(data.subarray(0, file.length - at), at);
      writeFileSync(path, file);
      await exercise();
    }),
    {
      numRuns: Number(process.env["DAMAGE_RUNS"] ?? 150),
      // The header of a record: a key became nothing, which SQLite takes for a row like any other.
      examples: [[[[663_033, Uint8Array.from([60, 129, 50, 0])]]]],
    },
  );
}, 60_000);

test("a disk that takes no more fails the transaction, keeps what was committed and works again later", async () => {
  // A limit on the size of files stands for a full disk: both make the operating system refuse a write.
  const script = join(import.meta.dir, "testing", "fullDiskProcess.ts");
  const command = `trap '' XFSZ; ulimit -f 3000; exec "$0" "$1" "$2"`;
  const child = Bun.spawn(["sh", "-c", command, process.execPath, script, join(folder, "full.db")], {
    stdout: "pipe",
    stderr: "inherit",
  });
  const report = (await new Response(child.stdout).json()) as FullDiskReport;
  expect(await child.exited).toBe(0);
  expect(report.code).toBe("io");
  expect(report.message).toContain("full.db");
  expect(report.rows).toBe(report.acknowledged);
  expect(report.acknowledged).toBeGreaterThan(0);
  path = join(folder, "full.db");
  const database = await open();
  expect(await database.snapshot((tx) => scan(tx))).toHaveLength(report.acknowledged);
  await database.transact(async (tx) => tx.set(bytes("later"), bytes("ok")));
  await database.close();
});

test("a store on a full disk that can't even be opened says that the disk is full", async () => {
  await (await openEmbedded({ path: join(folder, "full2.db"), durability: "full" })).close();
  const script = `import { openEmbedded } from ${JSON.stringify(join(import.meta.dir, "embedded.ts"))};
    await openEmbedded({ path: ${JSON.stringify(join(folder, "full2.db"))}, durability: "full" })
      .catch((error) => console.log(error.message));`;
  const child = Bun.spawn(["sh", "-c", `trap '' XFSZ; ulimit -f 8; exec "$0" -e "$1"`, process.execPath, script], {
    stdout: "pipe",
    stderr: "inherit",
  });
  expect(await new Response(child.stdout).text()).toContain("cannot grow: the disk is full");
});
