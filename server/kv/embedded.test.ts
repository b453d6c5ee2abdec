// What only the embedded engine has: its file, its locks and its clock. Damage of the file is in damage.test.ts.
import { Database as Sqlite } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MatyanError } from "../../formats/error.ts";
import { openEmbedded } from "./embedded.ts";
import { KvError } from "./index.ts";
import { openMemory } from "./memory.ts";
import { applicationId, formatVersion } from "./sqlite/file.ts";
import { bytes, everything, scan } from "./testing/bytes.ts";
import { newFolder } from "./testing/engines.ts";
import { ManualClock } from "./testing/manualClock.ts";

let folder: string;
let path: string;

beforeEach(() => {
  folder = newFolder();
  path = join(folder, "store.db");
});

afterEach(() => rmSync(folder, { recursive: true }));

const open = (create = true) => openEmbedded({ path, durability: "full", create });

async function failure(work: Promise<unknown>): Promise<MatyanError> {
  const error = await work.then(
    () => undefined,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(MatyanError);
  return error as MatyanError;
}

describe("the file", () => {
  test("is a SQLite file that says whose it is, of which version, readable by its owner alone", async () => {
    path = join(folder, "new", "folders", "store.db");
    await (await open()).close();
    const header = readFileSync(path);
    expect(header.subarray(0, 15).toString()).toBe("SQLite format 3");
    expect(header.readUInt32BE(68)).toBe(applicationId);
    expect(header.readUInt32BE(60)).toBe(formatVersion);
    expect(header.readUInt16BE(16)).toBe(4096);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, "new")).mode & 0o777).toBe(0o700);
    expect(readdirSync(join(folder, "new", "folders"))).toEqual(["store.db"]);
  });

  test("keeps what was committed for the next opening", async () => {
    const first = await open();
    await first.transact(async (tx) => tx.set(bytes("a"), bytes("1")));
    await first.close();
    const second = await open(false);
    expect(await second.snapshot((tx) => scan(tx))).toEqual([["a", "1"]]);
    await second.close();
  });

  test("is not made when it must exist already: the error says how to make one", async () => {
    const error = await failure(open(false));
    expect([error.code, error.message]).toEqual(["not_found", `there is no store at '${path}'`]);
    expect(error.hint).toContain("matyan restore");
    expect(readdirSync(folder)).toEqual([]);
  });

  test("of another program is refused and left as it was", async () => {
    const other = new Sqlite(path, { create: true });
    other.run("CREATE TABLE kv(k BLOB PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID");
    other.close(true);
    const before = readFileSync(path);
    const error = await failure(open());
    expect(error.code).toBe("unsupported");
    expect(error.message).toContain(`'${path}' is a SQLite database of another program`);
    expect(readFileSync(path)).toEqual(before);
    expect(readdirSync(folder)).toEqual(["store.db"]);
  });

  test("of a newer format version is refused", async () => {
    await (await open()).close();
    const sqlite = new Sqlite(path);
    sqlite.run("PRAGMA user_version = 2");
    sqlite.close(true);
    const error = await failure(open());
    expect([error.code, error.message]).toEqual([
      "unsupported",
      `store '${path}' has format version 2; this program knows 1`,
    ]);
  });

  test("that is no database, or empty, is refused and left as it was", async () => {
    for (const content of ["", "x", "just a text\n".repeat(1000)]) {
      writeFileSync(path, content);
      const error = await failure(open());
      expect(error.code).toBe("corrupt");
      expect(error.message).toContain(path);
      expect(error.hint).toMatch(/backup/);
      expect(readFileSync(path, "utf8")).toBe(content);
    }
  });

  test("that is gone while its write-ahead log is there is not replaced by a new store", async () => {
    const database = await open();
    await database.transact(async (tx) => tx.set(bytes("a"), bytes("1")));
    linkSync(`${path}-wal`, join(folder, "log"));
    await database.close();
    rmSync(path);
    linkSync(join(folder, "log"), `${path}-wal`);
    writeFileSync(`${path}-wal`, "a log");
    const error = await failure(open());
    expect(error.code).toBe("corrupt");
    expect(error.message).toContain("is missing, but its write-ahead log");
    expect(existsSync(path)).toBe(false);
  });

  test("that is a folder, or whose folder cannot be made, gives the system's reason and the path", async () => {
    mkdirSync(path);
    expect(await failure(open())).toMatchObject({ code: "io", message: `store '${path}' is not a file` });
    writeFileSync(join(folder, "file"), "");
    path = join(folder, "file", "store.db");
    expect(await failure(open())).toMatchObject({ code: "io", message: expect.stringContaining("ENOTDIR") });
    path = "/proc/nowhere/store.db";
    expect(await failure(open())).toMatchObject({ code: "io", message: expect.stringContaining(path) });
  });

  test("made by many at one moment is one store", async () => {
    const databases = await Promise.all(Array.from({ length: 8 }, () => open()));
    await Promise.all(
      databases.map((database, index) => database.transact(async (tx) => tx.set(bytes(`${index}`), bytes("")))),
    );
    expect(await databases[0]!.snapshot((tx) => scan(tx))).toHaveLength(8);
    await Promise.all(databases.map((database) => database.close()));
    expect(readdirSync(folder)).toEqual(["store.db"]);
  });
});

describe("the write lock", () => {
  test("held by somebody else is waited for while timers run, and the body runs once", async () => {
    const database = await open();
    const other = new Sqlite(path);
    other.run("BEGIN IMMEDIATE");
    let bodies = 0;
    const writing = database.transact(async (tx) => {
      bodies++;
      tx.set(bytes("a"), bytes("1"));
    });
    let ticks = 0;
    while (ticks < 10) {
      await Bun.sleep(1);
      ticks++;
    }
    expect(bodies).toBe(0);
    other.run("COMMIT");
    await writing;
    expect(bodies).toBe(1);
    other.close(true);
    await database.close();
  });

  test("that stays held for 30 s gives the error busy", async () => {
    const clock = new ManualClock();
    const database = await openEmbedded({ path, durability: "full", clock });
    const other = new Sqlite(path);
    other.run("BEGIN IMMEDIATE");
    const waiting = failure(database.transact(async (tx) => tx.set(bytes("a"), bytes("1"))));
    for (let passed = 0; passed <= 31; passed++) {
      await Bun.sleep(0);
      clock.advance(1000);
    }
    expect(await waiting).toMatchObject({ code: "busy", message: expect.stringContaining(path) });
    other.run("COMMIT");
    other.close(true);
    await database.transact(async (tx) => tx.set(bytes("a"), bytes("2")));
    await database.close();
  });
});

describe("the life of a transaction", () => {
  test("ends after 5 s: reads and the commit fail with 1007, and nothing is written", async () => {
    const clock = new ManualClock();
    const database = await openMemory({ clock });
    const reads = database.transact(async (tx) => {
      tx.set(bytes("a"), bytes("1"));
      clock.advance(4_999);
      expect(await tx.get(bytes("a"))).toEqual(bytes("1"));
      clock.advance(2);
      await tx.get(bytes("a")).catch((error: KvError) => expect(error.number).toBe(1007));
    });
    expect(await failure(reads)).toMatchObject({ number: 1007, code: "busy" });
    const commits = database.transact(async (tx) => {
      tx.set(bytes("a"), bytes("1"));
      clock.advance(5_001);
    });
    expect(await failure(commits)).toMatchObject({ number: 1007 });
    expect(await database.snapshot((tx) => scan(tx))).toEqual([]);
    await database.close();
  });

  test("does not depend on its body: one that hangs loses the lock, and finds out when it goes on", async () => {
    const clock = new ManualClock();
    const database = await openMemory({ clock });
    const release = Promise.withResolvers<void>();
    const late = Promise.withResolvers<unknown>();
    const hanging = failure(
      database.transact(async (tx) => {
        tx.set(bytes("a"), bytes("1"));
        await release.promise;
        try {
          tx.set(bytes("b"), bytes("1"));
        } catch (error) {
          late.resolve(error);
          throw error;
        }
      }),
    );
    const next = database.transact(async (tx) => tx.set(bytes("c"), bytes("1")));
    await Bun.sleep(0);
    clock.advance(5_000);
    expect(await hanging).toMatchObject({ number: 1007 });
    await next;
    release.resolve();
    expect(await late.promise).toBeInstanceOf(KvError);
    expect(await database.snapshot((tx) => scan(tx))).toEqual([["c", "1"]]);
    await database.close();
  });

  test("a transaction started inside another one's body does not hang for ever", async () => {
    const clock = new ManualClock();
    const database = await openMemory({ clock });
    const outer = failure(database.transact(() => database.transact(async () => undefined)));
    await Bun.sleep(0);
    clock.advance(5_000);
    expect((await outer).hint).toContain("start none inside another one's body");
    await database.close();
  });

  test("is not used up by clearing a large range, which a cluster does at once", async () => {
    class SlowClock extends ManualClock {
      /** How many looks from now the clock will have jumped. */
      jumpsAtLook = 0;
      override now(): number {
        if (this.jumpsAtLook > 0 && --this.jumpsAtLook === 0) this.pass(6_000);
        return super.now();
      }
    }
    const clock = new SlowClock();
    const database = await openMemory({ clock });
    await database.transact(async (tx) => {
      tx.set(bytes("a"), bytes("1"));
      clock.jumpsAtLook = 2;
      tx.clearRange(everything);
      expect(clock.now()).toBe(6_000);
      clock.advance(0);
      await Bun.sleep(0);
      tx.set(bytes("b"), bytes("1"));
    });
    expect(await database.snapshot((tx) => scan(tx))).toEqual([["b", "1"]]);
    await database.close();
  });

  test("has no bound for a snapshot", async () => {
    const clock = new ManualClock();
    const database = await openMemory({ clock });
    await database.transact(async (tx) => tx.set(bytes("a"), bytes("1")));
    expect(database.longSnapshots).toBe(true);
    const seen = await database.snapshot(async (tx) => {
      clock.advance(3_600_000);
      return scan(tx);
    });
    expect(seen).toHaveLength(1);
    await database.close();
  });
});

test("more than 256 snapshots at once are refused instead of using up the process's files", async () => {
  const database = await open();
  const release = Promise.withResolvers<void>();
  const held = Array.from({ length: 256 }, () => database.snapshot(() => release.promise));
  expect(await failure(database.snapshot(async () => undefined))).toMatchObject({ code: "busy" });
  release.resolve();
  await Promise.all(held);
  await database.snapshot(async () => undefined);
  await database.close();
});
