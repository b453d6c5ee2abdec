// What only a distributed store does: commits whose outcome is unknown, other writers, a cluster that is away.
// The contract itself is tested in ../contract.test.ts.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { type Database, KvError, prefixRange } from "../index.ts";
import { lastingSnapshot } from "../lasting.ts";
import { bytes, everything, littleEndian, scan, textOf } from "../testing/bytes.ts";
import { always, type Fate, openFated } from "../testing/fates.ts";
import { library, missingFoundationDb, newPrefix, openTestCluster } from "../testing/foundationdb.ts";
import { ManualClock } from "../testing/manualClock.ts";
import { SubspaceDatabase } from "../testing/subspace.ts";
import { openFoundationDb } from "./index.ts";

async function failureOf(work: Promise<unknown>): Promise<KvError> {
  const error = await work.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(KvError);
  return error as KvError;
}

const suite = missingFoundationDb === undefined ? describe : describe.skip;

suite(`FoundationDB${missingFoundationDb === undefined ? "" : `: ${missingFoundationDb}`}`, () => {
  let prefix: Uint8Array;
  let plain: Database;

  beforeEach(async () => {
    prefix = await newPrefix();
    plain = new SubspaceDatabase(await openTestCluster(), prefix);
  });

  afterEach(async () => {
    await plain.transact(async (tx) => tx.clearRange(everything));
    await plain.close();
  });

  const all = () => plain.snapshot((tx) => scan(tx));
  /** A database with faults over the same keys. Its marks are open already: their commits meet no fate. */
  const fated = async (maxAttempts: number) => {
    const { database, decide } = openFated(maxAttempts);
    const inside = new SubspaceDatabase(database, prefix);
    await inside.transact(async (tx) => tx.set(bytes("warm"), bytes("")));
    await inside.transact(async (tx) => tx.clear(bytes("warm")));
    return { database: inside, decide };
  };

  describe("a commit of which no answer comes", () => {
    test("and that was done is not done again: an addition counts once, and the first run's answer is given", async () => {
      const { database, decide } = await fated(4);
      decide(["answer lost"]);
      let runs = 0;
      const answer = await database.transact(async (tx) => {
        tx.add(bytes("n"), 1n);
        return ++runs;
      });
      expect([answer, runs]).toEqual([1, 1]);
      expect(await all()).toEqual([["n", textOf(littleEndian(1n))]]);
      await database.close();
    });

    test("and that was not done is done by another run", async () => {
      const { database, decide } = await fated(4);
      decide(["lost"]);
      let runs = 0;
      const answer = await database.transact(async (tx) => {
        tx.add(bytes("n"), 1n);
        return ++runs;
      });
      expect([answer, runs]).toEqual([2, 2]);
      expect(await all()).toEqual([["n", textOf(littleEndian(1n))]]);
      await database.close();
    });

    test("whatever happens to commits, what was acknowledged is there once, also between other writers", async () => {
      const fates = fc.array(fc.constantFrom<Fate>("done", "answer lost", "lost"), { maxLength: 12 });
      const { database, decide } = await fated(20);
      let expected = 0n;
      await fc.assert(
        fc.asyncProperty(fates, fc.integer({ min: 1, max: 8 }), async (fates, writers) => {
          decide(fates);
          const work = Array.from({ length: writers }, () =>
            database.transact(async (tx) => {
              const before = Number(textOf((await tx.get(bytes("read"))) ?? bytes("0")));
              tx.set(bytes("read"), bytes(String(before + 1)));
              tx.add(bytes("added"), 1n);
            }),
          );
          await Promise.all(work);
          expected += BigInt(writers);
          expect(await all()).toEqual([
            ["added", textOf(littleEndian(expected))],
            ["read", String(expected)],
          ]);
        }),
        { numRuns: 40 },
      );
      await database.close();
    });

    test("however often it is tried, says that it may have been done", async () => {
      const { database, decide } = await fated(3);
      decide(always("lost"));
      let runs = 0;
      const { number, code, message } = await failureOf(
        database.transact(async (tx) => {
          runs++;
          tx.set(bytes("a"), bytes("1"));
        }),
      );
      expect([number, code, runs]).toEqual([1021, "busy", 3]);
      expect(message).toContain("the commit's result is unknown");
      decide([]);
      await database.transact(async (tx) => tx.set(bytes("b"), bytes("2")));
      expect(await all()).toEqual([["b", "2"]]);
      await database.close();
    });
  });

  test("two programs that count at one key lose nothing", async () => {
    const other = new SubspaceDatabase(await openTestCluster(), prefix);
    const count = (database: Database) =>
      database.transact(async (tx) => {
        const before = Number(textOf((await tx.get(bytes("n"))) ?? bytes("0")));
        tx.set(bytes("n"), bytes(String(before + 1)));
      });
    await Promise.all(Array.from({ length: 40 }, (_, index) => count(index % 2 === 0 ? plain : other)));
    expect(await all()).toEqual([["n", "40"]]);
    await other.close();
  });

  test("a snapshot that is used longer than 5 s ends with 1007, and the next one goes on", async () => {
    await plain.transact(async (tx) => tx.set(bytes("a"), bytes("1")));
    let reads = 0;
    const { number } = await failureOf(
      plain.snapshot(async (tx) => {
        for (;;) {
          await tx.get(bytes("a"));
          reads++;
          await plain.transact(async (other) => other.add(bytes("n"), 1n));
        }
      }),
    );
    expect(number).toBe(1007);
    expect(reads).toBeGreaterThan(1);
    expect(await plain.snapshot((tx) => tx.get(bytes("a")))).toEqual(bytes("1"));
  }, 60_000);

  test("a body that hangs ends with 1007 and is not run again: the store is not to blame", async () => {
    const clock = new ManualClock();
    const database = await openTestCluster({ clock });
    const begun = Promise.withResolvers<void>();
    let runs = 0;
    const hanging = failureOf(
      database.transact(async (tx) => {
        runs++;
        await tx.get(prefix);
        begun.resolve();
        await new Promise(() => undefined);
      }),
    );
    await begun.promise;
    clock.advance(5_001);
    expect((await hanging).number).toBe(1007);
    expect(runs).toBe(1);
    await database.close();
  });

  test("reads that nobody waits for any more do no harm to their transaction's end", async () => {
    await plain.transact(async (tx) => {
      for (let index = 0; index < 3_000; index++) tx.set(bytes(`k${index}`), new Uint8Array(300));
    });
    for (let round = 0; round < 20; round++) {
      const ends: Promise<string>[] = [];
      const leave = (read: Promise<unknown>) => ends.push(read.then(() => "read", String));
      const failing = plain.transact(async (tx) => {
        leave(tx.getMany(Array.from({ length: 500 }, (_, index) => bytes(`k${index}`))));
        leave(tx.get(bytes("k1")));
        leave(scan(tx));
        for await (const _ of tx.range(everything)) throw new Error("enough");
      });
      await expect(failing).rejects.toThrow("enough");
      for (const end of await Promise.all(ends))
        if (end !== "read") expect(end).toContain("this transaction has ended");
    }
    expect(await all()).toHaveLength(3_000);
  });

  test("an abandoned iteration is no hindrance to its transaction's end", async () => {
    await plain.transact(async (tx) => {
      for (let index = 0; index < 3_000; index++) tx.set(bytes(`k${index}`), new Uint8Array(300));
    });
    for (let round = 0; round < 20; round++)
      await plain.snapshot(async (tx) => {
        const iterator = tx.range(everything)[Symbol.asyncIterator]();
        await iterator.next();
      });
  });

  test("the size of a range is estimated without reading it", async () => {
    const cluster = await openTestCluster();
    const value = randomBytes(50_000);
    const size = 20_000_000;
    for (let at = 0; at < size; at += 5_000_000)
      await plain.transact(async (tx) => {
        for (let i = 0; i < 100; i++) tx.set(bytes(`${at + i}`), value);
      });
    const estimate = await cluster.estimateBytes!(prefixRange(prefix));
    expect(estimate).toBeGreaterThan(size / 3);
    expect(estimate).toBeLessThan(size * 3);
    await cluster.close();
  });

  test("a key space of another program is read as it is", async () => {
    const raw = await openTestCluster();
    const key = Buffer.concat([prefix, bytes("raw")]);
    await raw.transact(async (tx) => tx.set(key, new Uint8Array(randomBytes(10))));
    expect(await raw.snapshot((tx) => tx.firstOfEach([prefixRange(prefix)]))).toHaveLength(1);
    expect((await all()).map(([name]) => name)).toEqual(["raw"]);
    await raw.close();
  });

  describe("a lasting snapshot", () => {
    const range = prefixRange(bytes("run/"));
    const pairs = Array.from({ length: 40 }, (_, index) => [`run/${String(index).padStart(2, "0")}`, "old"] as const);
    const write = () =>
      plain.transact(async (tx) => {
        for (const [key, value] of pairs) tx.set(bytes(key), bytes(value));
      });
    /** All pairs with a pause after each, over a database whose clock runs a second with each. */
    const slowly = async (whilePausing: (index: number) => Promise<void>, changed?: () => void) => {
      const clock = new ManualClock();
      const database = new SubspaceDatabase(await openTestCluster({ clock }), prefix);
      const found: [string, string][] = [];
      try {
        await lastingSnapshot(
          database,
          range,
          async (tx) => {
            for (const [key] of pairs) {
              const value = await tx.get(bytes(key));
              found.push([key, textOf(value!)]);
              clock.advance(1_000);
              await whilePausing(found.length);
            }
          },
          changed,
        );
      } finally {
        await database.close();
      }
      return found;
    };

    test("goes on in new snapshots while others write elsewhere", async () => {
      await write();
      const found = await slowly((index) =>
        plain.transact(async (tx) => tx.set(bytes(`other/${index}`), bytes("new"))),
      );
      expect(found).toEqual(pairs.map(([key, value]) => [key, value]));
    });

    test("ends with 1020 when what it reads was changed, also where it has been already", async () => {
      await write();
      const { number, message } = await failureOf(
        slowly(async (index) => {
          if (index === 5) await plain.transact(async (tx) => tx.set(bytes("run/00"), bytes("new")));
        }),
      );
      expect(number).toBe(1020);
      expect(message).toContain("changed while they were read");
    });

    test("goes on with what is there then, and says so once, when it may", async () => {
      await write();
      let changes = 0;
      const found = await slowly(
        async (index) => {
          const put = (key: string) => plain.transact(async (tx) => tx.set(bytes(key), bytes("new")));
          if (index === 5) await put("run/00");
          if (index === 20) await put("run/39");
        },
        () => changes++,
      );
      expect(found.map(([, value]) => value)).toEqual([...new Array(39).fill("old"), "new"]);
      expect(changes).toBe(1);
    });

    test("reads long ranges on over its snapshots, in both directions", async () => {
      const clock = new ManualClock();
      const database = new SubspaceDatabase(await openTestCluster({ clock }), prefix);
      await plain.transact(async (tx) => {
        for (let index = 0; index < 3_000; index++)
          tx.set(bytes(`run/${String(index).padStart(4, "0")}`), new Uint8Array(300));
      });
      for (const reverse of [false, true]) {
        const names: string[] = [];
        await lastingSnapshot(database, range, async (tx) => {
          for await (const batch of tx.range(range, { reverse })) {
            names.push(...batch.map(([key]) => textOf(key)));
            clock.advance(3_000);
          }
        });
        expect(names).toHaveLength(3_000);
        expect(reverse ? names.toReversed() : names).toEqual([...names].sort());
      }
      await database.close();
    });
  });

  describe("a process's end", () => {
    const run = async (task: string) => {
      const child = Bun.spawn([process.execPath, join(import.meta.dir, "../testing/fdbProcess.ts"), task], {
        stdout: "pipe",
        stderr: "pipe",
      });
      const [out, errors] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
      return { code: await child.exited, signal: child.signalCode, out, errors };
    };

    test("comes by itself when nothing is left to do, open database or not", async () => {
      expect(await run("leave")).toMatchObject({ code: 0, signal: null, out: "read\n", errors: "" });
    });

    test("may come in the middle of reads", async () => {
      expect(await run("exit")).toMatchObject({ code: 3, signal: null, out: "read\n", errors: "" });
    });

    test("by an error is told as that error", async () => {
      const { code, signal, errors } = await run("throw");
      expect([code, signal]).toEqual([1, null]);
      expect(errors).toContain("the process's own");
    });
  });

  test("a cluster that is away makes a transaction fail in time, with what to look at, while the process goes on", async () => {
    const folder = mkdtempSync(join(tmpdir(), "matyan-fdb-"));
    const clusterFile = join(folder, "fdb.cluster");
    writeFileSync(clusterFile, "away:away@127.0.0.1:1\n");
    const database = await openFoundationDb({ clusterFile, library, timeoutSeconds: 0.5 });
    let ticks = 0;
    const timer = setInterval(() => ticks++, 10);
    const errors = await Promise.all([
      failureOf(database.snapshot((tx) => tx.get(bytes("a")))),
      failureOf(database.transact(async (tx) => tx.set(bytes("a"), bytes("")))),
    ]);
    clearInterval(timer);
    for (const { number, code, message, hint } of errors) {
      expect([number, code]).toEqual([1031, "busy"]);
      expect(message).toContain(clusterFile);
      expect(hint).toContain("cluster file");
    }
    expect(ticks).toBeGreaterThan(5);
    await database.close();
    rmSync(folder, { recursive: true });
  });

  test("a cluster file that is missing is named", async () => {
    await expect(openFoundationDb({ clusterFile: "/nowhere/fdb.cluster", library })).rejects.toThrow(
      "there is no cluster file '/nowhere/fdb.cluster'",
    );
  });

  test("an API version that was not the first one is refused: a process has one", async () => {
    const opening = openFoundationDb({ clusterFile: process.env["FDB_CLUSTER_FILE"]!, library, apiVersion: 710 });
    await expect(opening).rejects.toThrow("API version 730 already");
  });
});
