// What the rest of the program relies on, the same on every engine: limits, transactions at one time, and the end.
import { describe, expect, test } from "bun:test";
import { KvError, limits, mutationBytes, prefixRange, type Transaction } from "./index.ts";
import { between, bytes, everything, littleEndian, scan, textOf } from "./testing/bytes.ts";
import { describeEveryEngine } from "./testing/everyEngine.ts";

describeEveryEngine((store) => {
  describe("limits", () => {
    const numberOf = async (work: Promise<unknown>) => {
      const error = await work.then(
        () => undefined,
        (reason) => reason,
      );
      expect(error).toBeInstanceOf(KvError);
      return (error as KvError).number;
    };

    test("keys of 10,000 and values of 100,000 bytes are stored and read back", async () => {
      const key = "k".repeat(store.keyBytes);
      const value = new Uint8Array(limits.valueBytes).map((_, index) => index % 251);
      await store.database.transact(async (tx) => tx.set(bytes(key), value));
      expect(await store.database.snapshot((tx) => tx.get(bytes(key)))).toEqual(value);
    });

    test("one byte more is refused at once, and the transaction goes on without it", async () => {
      await store.database.transact(async (tx) => {
        expect(() => tx.set(bytes("k".repeat(store.keyBytes + 1)), bytes(""))).toThrow("error 2102");
        expect(() => tx.set(bytes("a"), new Uint8Array(limits.valueBytes + 1))).toThrow("error 2103");
        tx.set(bytes("b"), bytes("kept"));
      });
      expect(await store.all()).toEqual([["b", "kept"]]);
    });

    test("a transaction over 10,000,000 bytes fails with 2101 and leaves nothing, also when its body goes on", async () => {
      const value = new Uint8Array(limits.valueBytes);
      const fill = async (tx: Transaction, count: number) => {
        for (let index = 0; index < count; index++) tx.set(bytes(`k${index}`), value);
      };
      expect(await numberOf(store.database.transact((tx) => fill(tx, 101)))).toBe(2101);
      const stubborn = store.database.transact(async (tx) => {
        await fill(tx, 101).catch(() => undefined);
        await fill(tx, 1).catch(() => undefined);
      });
      expect(await numberOf(stubborn)).toBe(2101);
      expect(await store.all()).toEqual([]);
      await store.database.transact((tx) => fill(tx, 99));
      expect(await store.all()).toHaveLength(99);
    });

    test("many small mutations count with their conflict ranges, as mutationBytes says", async () => {
      const count = Math.floor(
        (limits.transactionBytes - mutationBytes.own) / mutationBytes.set(5 + store.prefixBytes, 0),
      );
      const key = (index: number) => bytes(String(index).padStart(5, "0"));
      const fill = (size: number) =>
        store.database.transact(async (tx) => {
          for (let index = 0; index < size; index++) tx.set(key(index % 100_000), new Uint8Array(0));
        });
      await fill(count);
      expect(await numberOf(fill(count + 1))).toBe(2101);
    });

    test("keys of the system space, FF and above, are refused with 2004", async () => {
      await store.database.transact(async (tx) => {
        for (const use of [
          () => tx.set(bytes("\xff"), bytes("")),
          () => tx.clear(bytes("\xff\x01")),
          () => tx.add(bytes("\xff"), 1n),
          () => tx.clearRange(between("", "\xff\x00")),
        ])
          expect(use).toThrow("error 2004");
        await expect(tx.get(bytes("\xff"))).rejects.toThrow("error 2004");
        await expect(scan(tx, between("", "\xff\xff"))).rejects.toThrow("error 2004");
      });
    });
  });

  describe("concurrency", () => {
    const increment = async (tx: Transaction) => {
      const before = Number(textOf((await tx.get(bytes("n"))) ?? bytes("0")));
      await Bun.sleep(0);
      tx.set(bytes("n"), bytes(String(before + 1)));
    };

    test("50 concurrent read-modify-writes of one key count to 50", async () => {
      await Promise.all(Array.from({ length: 50 }, () => store.database.transact(increment)));
      expect(await store.all()).toEqual([["n", "50"]]);
    });

    test("50 concurrent additions and a failing body between them count to 50", async () => {
      const work = Array.from({ length: 50 }, () => store.database.transact(async (tx) => tx.add(bytes("n"), 1n)));
      const failing = store.database.transact(async (tx) => {
        tx.add(bytes("n"), 1000n);
        await Bun.sleep(1);
        throw new Error("no");
      });
      await expect(failing).rejects.toThrow("no");
      await Promise.all(work);
      expect(await store.database.snapshot((tx) => tx.get(bytes("n")))).toEqual(littleEndian(50n));
    });

    test("of two transactions that each look for the other's key, one sees it: no write skew", async () => {
      for (let round = 0; round < 20; round++) {
        await store.database.transact(async (tx) => tx.clearRange(everything));
        const claim = (own: string, other: string) =>
          store.database.transact(async (tx) => {
            const seen = await tx.get(bytes(other));
            await Bun.sleep(0);
            if (seen === undefined) tx.set(bytes(own), bytes("mine"));
          });
        await Promise.all([claim("a", "b"), claim("b", "a")]);
        expect(await store.all()).toHaveLength(1);
      }
    });

    test("a snapshot stays as it was while writers go on, to its end", async () => {
      await store.putNumbered(2000, "old");
      await store.database.snapshot(async (tx) => {
        let rows = 0;
        for await (const batch of tx.range(prefixRange(bytes("n")))) {
          rows += batch.length;
          expect(batch.every(([, value]) => textOf(value) === "old")).toBe(true);
          // Waiting for these inside the snapshot shows that it blocks no writer.
          await store.putNumbered(2000, "new");
          await store.database.transact(async (other) => other.clearRange(between("n01500", "n02000")));
        }
        expect(rows).toBe(2000);
        expect(await tx.get(bytes("n01999"))).toEqual(bytes("old"));
      });
      expect(await store.all()).toHaveLength(1500);
    });

    test("a snapshot is taken when it is asked for, not at its first read", async () => {
      await store.put({ a: "1" });
      await store.database.snapshot(async (tx) => {
        await store.put({ a: "2" });
        expect(await tx.get(bytes("a"))).toEqual(bytes("1"));
      });
    });

    test("a snapshot does not wait for a transaction that is under way, and does not see it", async () => {
      await store.put({ a: "1" });
      await store.database.transact(async (tx) => {
        tx.set(bytes("a"), bytes("2"));
        await tx.get(bytes("a"));
        expect(await store.all()).toEqual([["a", "1"]]);
      });
      expect(await store.all()).toEqual([["a", "2"]]);
    });

    test("20 snapshots at once each keep their own state", async () => {
      const snapshots: Promise<[string, string][]>[] = [];
      const release = Promise.withResolvers<void>();
      for (let index = 0; index < 20; index++) {
        await store.put({ a: String(index) });
        const taken = Promise.withResolvers<void>();
        snapshots.push(
          store.database.snapshot(async (tx) => {
            taken.resolve();
            await release.promise;
            return scan(tx);
          }),
        );
        await taken.promise;
      }
      release.resolve();
      expect((await Promise.all(snapshots)).map(([pair]) => pair![1])).toEqual(
        Array.from({ length: 20 }, (_, index) => String(index)),
      );
    });

    test("timers run while one transaction follows another and while a long range is read", async () => {
      let ticks = 0;
      const timer = setInterval(() => ticks++, 1);
      for (let count = 0; count < 20_000 && ticks === 0; count++) await store.put({ a: "1" });
      expect(ticks).toBeGreaterThan(0);
      await store.putNumbered(30_000);
      ticks = 0;
      await store.database.snapshot(async (tx) => {
        for (let count = 0; count < 100 && ticks === 0; count++) await scan(tx);
      });
      clearInterval(timer);
      expect(ticks).toBeGreaterThan(0);
    });
  });

  describe("close", () => {
    test("waits for the work that was accepted and refuses new work", async () => {
      const release = Promise.withResolvers<void>();
      const events: string[] = [];
      const writing = store.database
        .transact(async (tx) => {
          await release.promise;
          tx.set(bytes("a"), bytes("1"));
        })
        .then(() => events.push("written"));
      const waiting = store.put({ b: "2" }).then(() => events.push("queued"));
      const reading = store.database
        .snapshot(async (tx) => {
          await release.promise;
          await Bun.sleep(5);
          return tx.get(bytes("a"));
        })
        .then(() => events.push("read"));
      const closing = store.database.close().then(() => events.push("closed"));
      await expect(store.put({ c: "3" })).rejects.toThrow("this database is closed");
      await expect(store.all()).rejects.toThrow("this database is closed");
      release.resolve();
      await Promise.all([writing, waiting, reading, closing]);
      expect(events.at(-1)).toBe("closed");
      expect(events.toSorted()).toEqual(["closed", "queued", "read", "written"]);
    });

    test("can be called twice", async () => {
      await Promise.all([store.database.close(), store.database.close()]);
      await store.database.close();
    });
  });
});
