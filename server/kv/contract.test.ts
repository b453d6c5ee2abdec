// What the rest of the program relies on, the same on every engine.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type Database, KvError, limits, mutationBytes, prefixRange, type Transaction } from "./index.ts";
import { asText, between, bytes, everything, littleEndian, scan, textOf } from "./testing/bytes.ts";
import { engines, type OpenEngine } from "./testing/engines.ts";

describe.each(engines.map((engine) => [engine.name, engine] as const))("%s", (_, engine) => {
  let opened: OpenEngine;
  let database: Database;

  beforeEach(async () => {
    opened = await engine.open();
    database = opened.database;
  });

  afterEach(() => opened.dispose());

  const put = (pairs: Record<string, string>) =>
    database.transact(async (tx) => {
      for (const [key, value] of Object.entries(pairs)) tx.set(bytes(key), bytes(value));
    });
  const all = () => database.snapshot((tx) => scan(tx));
  const numbered = (count: number, value = "v") =>
    put(Object.fromEntries(Array.from({ length: count }, (_, index) => [`n${String(index).padStart(5, "0")}`, value])));

  describe("order and ranges", () => {
    test("keys come back in unsigned byte order, a prefix before its extensions", async () => {
      const keys = ["b", "a", "a\x00", "", "\x80", "\x7f", "a\x00\x00", "\xfe\xff\xff", "ab", "\x00"];
      await put(Object.fromEntries(keys.map((key) => [key, key])));
      const sorted = ["", "\x00", "a", "a\x00", "a\x00\x00", "ab", "b", "\x7f", "\x80", "\xfe\xff\xff"];
      expect(await all()).toEqual(sorted.map((key) => [key, key]));
    });

    test("a range holds its begin and not its end", async () => {
      await put({ a: "1", b: "2", c: "3" });
      expect(await database.snapshot((tx) => scan(tx, between("a", "c")))).toEqual([
        ["a", "1"],
        ["b", "2"],
      ]);
      expect(await database.snapshot((tx) => scan(tx, between("b", "b")))).toEqual([]);
      expect(await database.snapshot((tx) => scan(tx, between("c", "a")))).toEqual([]);
    });

    test("reverse and limit apply to the whole range, across batches", async () => {
      await numbered(2500);
      const names = async (options: { limit?: number; reverse?: boolean }) =>
        (await database.snapshot((tx) => scan(tx, prefixRange(bytes("n")), options))).map(([key]) => key);
      const everyName = await names({});
      expect(everyName).toHaveLength(2500);
      expect(everyName).toEqual([...everyName].sort());
      expect(await names({ reverse: true })).toEqual([...everyName].reverse());
      for (const limit of [0, 1, 63, 64, 65, 320, 2499, 2500, 9999]) {
        expect(await names({ limit })).toEqual(everyName.slice(0, limit));
        expect(await names({ limit, reverse: true })).toEqual([...everyName].reverse().slice(0, limit));
      }
    });

    test("batches are never empty and of bounded size, in rows and in bytes", async () => {
      await numbered(5000);
      for (let at = 0; at < 40; at += 20)
        await database.transact(async (tx) => {
          for (let index = at; index < at + 20; index++)
            tx.set(bytes(`big${String(index).padStart(3, "0")}`), new Uint8Array(100_000).fill(index));
        });
      for (const reverse of [false, true]) {
        let rows = 0;
        await database.snapshot(async (tx) => {
          for await (const batch of tx.range(everything, { reverse })) {
            const size = batch.reduce((sum, [key, value]) => sum + key.length + value.length, 0);
            expect(batch.length).toBeWithin(1, 5001);
            expect(size).toBeLessThan(1_200_000);
            rows += batch.length;
          }
        });
        expect(rows).toBe(5040);
      }
    });

    test("an iteration that stops early leaves the transaction usable", async () => {
      await numbered(3000);
      const first = await database.transact(async (tx) => {
        for await (const batch of tx.range(everything)) {
          tx.set(bytes("z"), bytes("1"));
          return textOf(batch[0]![0]);
        }
        return undefined;
      });
      expect(first).toBe("n00000");
      expect(await database.snapshot((tx) => tx.get(bytes("z")))).toEqual(bytes("1"));
    });

    test("two ranges of one snapshot can be read in turns", async () => {
      await numbered(3000);
      await database.snapshot(async (tx) => {
        const up = tx.range(everything)[Symbol.asyncIterator]();
        const down = tx.range(everything, { reverse: true })[Symbol.asyncIterator]();
        const [ups, downs] = [[] as string[], [] as string[]];
        for (;;) {
          const [a, b] = [await up.next(), await down.next()];
          if (a.done && b.done) break;
          if (!a.done) ups.push(...a.value.map(([key]) => textOf(key)));
          if (!b.done) downs.push(...b.value.map(([key]) => textOf(key)));
        }
        expect(ups).toHaveLength(3000);
        expect(downs).toEqual(ups.reverse());
      });
    });

    test("changing the bytes of a batch does not lead the iteration astray", async () => {
      await numbered(1000);
      let rows = 0;
      await database.snapshot(async (tx) => {
        for await (const batch of tx.range(everything)) {
          rows += batch.length;
          for (const [key] of batch) key.fill(0);
        }
      });
      expect(rows).toBe(1000);
    });

    test("getMany and firstOfEach answer each question in its place", async () => {
      await numbered(300);
      await put({ empty: "" });
      await database.snapshot(async (tx) => {
        const keys = Array.from({ length: 333 }, (_, index) => bytes(`n${String(332 - index).padStart(5, "0")}`));
        const values = await tx.getMany([...keys, bytes("empty")]);
        expect(values.map((value) => value && textOf(value))).toEqual([
          ...keys.map((_, index) => (index < 33 ? undefined : "v")),
          "",
        ]);
        const ranges = Array.from({ length: 120 }, (_, index) => between(`n${index}`, `n${index + 1}`));
        ranges.push(between("", "\xff"), between("x", "y"), between("n00010", "n00020"));
        for (const reverse of [false, true]) {
          const found = await tx.firstOfEach(ranges, reverse);
          expect(found).toHaveLength(123);
          for (const [index, range] of ranges.entries()) {
            const [expected] = await scan(tx, range, { limit: 1, reverse });
            const pair = found[index];
            expect(pair && asText(pair)).toEqual(expected!);
          }
        }
        expect(await tx.getMany([])).toEqual([]);
        expect(await tx.firstOfEach([])).toEqual([]);
      });
    });

    test("empty keys and empty values are keys and values", async () => {
      await put({ "": "", a: "" });
      expect(await all()).toEqual([
        ["", ""],
        ["a", ""],
      ]);
      expect(await database.snapshot((tx) => tx.get(bytes("")))).toEqual(new Uint8Array(0));
      await database.transact(async (tx) => tx.clear(bytes("")));
      expect(await database.snapshot((tx) => tx.get(bytes("")))).toBeUndefined();
    });
  });

  describe("a transaction", () => {
    test("reads its own sets, clears, range clears and additions, in every way of reading", async () => {
      await put({ a: "1", b: "2", c: "3", d: "4" });
      await database.transact(async (tx) => {
        tx.set(bytes("b"), bytes("new"));
        tx.clear(bytes("a"));
        tx.set(bytes("a"), bytes("again"));
        tx.clearRange(between("c", "d"));
        tx.set(bytes("e"), bytes("gone"));
        tx.clear(bytes("e"));
        tx.add(bytes("n"), 3n);
        tx.add(bytes("n"), 4n);
        const expected: [string, string][] = [
          ["a", "again"],
          ["b", "new"],
          ["d", "4"],
          ["n", textOf(littleEndian(7n))],
        ];
        for (const reads of [tx, tx.snapshot]) {
          expect(await scan(reads)).toEqual(expected);
          expect(await reads.get(bytes("e"))).toBeUndefined();
          expect(await reads.getMany([bytes("c"), bytes("b")])).toEqual([undefined, bytes("new")]);
          expect((await reads.firstOfEach([between("c", "z")]))[0]).toEqual([bytes("d"), bytes("4")]);
        }
      });
      expect((await all()).map(([key]) => key)).toEqual(["a", "b", "d", "n"]);
    });

    test("sees keys that it writes ahead of its own iteration, and may clear what it has passed", async () => {
      await numbered(200);
      await database.transact(async (tx) => {
        let first = true;
        for await (const batch of tx.range(prefixRange(bytes("n")))) {
          for (const [key] of batch) tx.clear(key);
          if (first) tx.set(bytes("n99999"), bytes("late"));
          first = false;
        }
      });
      expect(await all()).toEqual([]);
    });

    test("is all there after it returns and not at all when its body throws", async () => {
      await put({ a: "1" });
      const failure = new Error("the body's own");
      const failing = database.transact(async (tx) => {
        tx.set(bytes("a"), bytes("2"));
        for (let index = 0; index < 500; index++) tx.set(bytes(`k${index}`), bytes("x"));
        await tx.get(bytes("a"));
        tx.clearRange(between("", "\xff"));
        throw failure;
      });
      await expect(failing).rejects.toBe(failure);
      expect(await all()).toEqual([["a", "1"]]);
      await put({ b: "2" });
      expect(await all()).toHaveLength(2);
    });

    test("gives the body's answer", async () => {
      expect(await database.transact(async () => 42)).toBe(42);
      expect(await database.snapshot(async () => "read")).toBe("read");
    });

    test("takes keys and values during the call: the caller may reuse its buffers", async () => {
      const [key, value] = [bytes("a"), bytes("1")];
      await database.transact(async (tx) => {
        for (const letter of "abc") {
          key[0] = letter.charCodeAt(0);
          value[0] = letter.charCodeAt(0);
          tx.set(key, value);
        }
        tx.set(bytes("d"), bytes("d"));
        key[0] = 0x64;
        tx.clear(key);
        key[0] = 0x61;
      });
      expect(await all()).toEqual([
        ["a", "a"],
        ["b", "b"],
        ["c", "c"],
      ]);
    });

    test("keeps the last of many writes to one key", async () => {
      await database.transact(async (tx) => {
        for (let index = 0; index <= 120; index++) tx.set(bytes("k"), bytes(String(index)));
      });
      expect(await all()).toEqual([["k", "120"]]);
    });

    test("that is used after its end says so", async () => {
      let leaked: Transaction | undefined;
      await database.transact(async (tx) => {
        leaked = tx;
        tx.set(bytes("a"), bytes("1"));
      });
      const tx = leaked!;
      const ended = "this transaction has ended";
      expect(() => tx.set(bytes("b"), bytes("2"))).toThrow(ended);
      expect(() => tx.clear(bytes("a"))).toThrow(ended);
      expect(() => tx.clearRange(everything)).toThrow(ended);
      expect(() => tx.add(bytes("a"), 1n)).toThrow(ended);
      expect(() => tx.addReadConflictKey(bytes("a"))).toThrow(ended);
      await expect(tx.get(bytes("a"))).rejects.toThrow(ended);
      await expect(tx.getMany([bytes("a")])).rejects.toThrow(ended);
      await expect(tx.firstOfEach([everything])).rejects.toThrow(ended);
      await expect(tx.snapshot.get(bytes("a"))).rejects.toThrow(ended);
      await expect(scan(tx)).rejects.toThrow(ended);
      const reads = await database.snapshot(async (snapshot) => snapshot);
      await expect(reads.get(bytes("a"))).rejects.toThrow(ended);
      await expect(scan(reads)).rejects.toThrow(ended);
      expect(await all()).toEqual([["a", "1"]]);
    });

    test("an iteration that outlives its transaction fails at its next batch", async () => {
      await numbered(1000);
      const iterator = await database.snapshot(async (tx) => {
        const started = tx.range(everything)[Symbol.asyncIterator]();
        await started.next();
        return started;
      });
      await expect(iterator.next()).rejects.toThrow("this transaction has ended");
    });
  });

  describe("clearRange and add", () => {
    test("clearRange removes its range and nothing beside it", async () => {
      await put({ a: "", "b\x00": "", b: "", bz: "", c: "", "c\x00": "" });
      await database.transact(async (tx) => tx.clearRange(between("b\x00", "c")));
      expect((await all()).map(([key]) => key)).toEqual(["a", "b", "c", "c\x00"]);
      await database.transact(async (tx) => tx.clearRange(between("c", "a")));
      expect(await all()).toHaveLength(4);
    });

    test("add counts from 0, goes below 0 and wraps at 64 bits", async () => {
      const key = bytes("n");
      const sums: [bigint, bigint][] = [
        [5n, 5n],
        [-7n, -2n],
        [2n, 0n],
        [2n ** 63n - 1n, 2n ** 63n - 1n],
        [1n, 2n ** 63n],
        [2n ** 64n - 1n, 2n ** 63n - 1n],
        [-(2n ** 63n), 2n ** 64n - 1n],
        [1n, 0n],
      ];
      for (const [delta, sum] of sums) {
        await database.transact(async (tx) => tx.add(key, delta));
        expect(await database.snapshot((tx) => tx.get(key))).toEqual(littleEndian(sum));
      }
    });

    test("add fills up a shorter value with zero bytes and cuts a longer one", async () => {
      await put({ short: "\x02", long: "\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02", none: "" });
      await database.transact(async (tx) => {
        for (const key of ["short", "long", "none"]) tx.add(bytes(key), 1n);
      });
      const values = await database.snapshot((tx) => tx.getMany(["short", "long", "none"].map(bytes)));
      expect(values).toEqual([littleEndian(3n), littleEndian(0n), littleEndian(1n)]);
    });
  });

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
      const key = "k".repeat(limits.keyBytes);
      const value = new Uint8Array(limits.valueBytes).map((_, index) => index % 251);
      await database.transact(async (tx) => tx.set(bytes(key), value));
      expect(await database.snapshot((tx) => tx.get(bytes(key)))).toEqual(value);
    });

    test("one byte more is refused at once, and the transaction goes on without it", async () => {
      await database.transact(async (tx) => {
        expect(() => tx.set(bytes("k".repeat(limits.keyBytes + 1)), bytes(""))).toThrow("error 2102");
        expect(() => tx.set(bytes("a"), new Uint8Array(limits.valueBytes + 1))).toThrow("error 2103");
        tx.set(bytes("b"), bytes("kept"));
      });
      expect(await all()).toEqual([["b", "kept"]]);
    });

    test("a transaction over 10,000,000 bytes fails with 2101 and leaves nothing, also when its body goes on", async () => {
      const value = new Uint8Array(limits.valueBytes);
      const fill = async (tx: Transaction, count: number) => {
        for (let index = 0; index < count; index++) tx.set(bytes(`k${index}`), value);
      };
      expect(await numberOf(database.transact((tx) => fill(tx, 101)))).toBe(2101);
      const stubborn = database.transact(async (tx) => {
        await fill(tx, 101).catch(() => undefined);
        await fill(tx, 1).catch(() => undefined);
      });
      expect(await numberOf(stubborn)).toBe(2101);
      expect(await all()).toEqual([]);
      await database.transact((tx) => fill(tx, 99));
      expect(await all()).toHaveLength(99);
    });

    test("many small mutations count with their conflict ranges, as mutationBytes says", async () => {
      const count = Math.floor(limits.transactionBytes / mutationBytes.set(5, 0));
      const key = (index: number) => bytes(String(index).padStart(5, "0"));
      const fill = (size: number) =>
        database.transact(async (tx) => {
          for (let index = 0; index < size; index++) tx.set(key(index % 100_000), new Uint8Array(0));
        });
      await fill(count);
      expect(await numberOf(fill(count + 1))).toBe(2101);
    });

    test("keys of the system space, FF and above, are refused with 2004", async () => {
      await database.transact(async (tx) => {
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
      await Promise.all(Array.from({ length: 50 }, () => database.transact(increment)));
      expect(await all()).toEqual([["n", "50"]]);
    });

    test("50 concurrent additions and a failing body between them count to 50", async () => {
      const work = Array.from({ length: 50 }, () => database.transact(async (tx) => tx.add(bytes("n"), 1n)));
      const failing = database.transact(async (tx) => {
        tx.add(bytes("n"), 1000n);
        await Bun.sleep(1);
        throw new Error("no");
      });
      await expect(failing).rejects.toThrow("no");
      await Promise.all(work);
      expect(await database.snapshot((tx) => tx.get(bytes("n")))).toEqual(littleEndian(50n));
    });

    test("of two transactions that each look for the other's key, one sees it: no write skew", async () => {
      for (let round = 0; round < 20; round++) {
        await database.transact(async (tx) => tx.clearRange(everything));
        const claim = (own: string, other: string) =>
          database.transact(async (tx) => {
            const seen = await tx.get(bytes(other));
            await Bun.sleep(0);
            if (seen === undefined) tx.set(bytes(own), bytes("mine"));
          });
        await Promise.all([claim("a", "b"), claim("b", "a")]);
        expect(await all()).toHaveLength(1);
      }
    });

    test("a snapshot stays as it was while writers go on, to its end", async () => {
      await numbered(2000, "old");
      await database.snapshot(async (tx) => {
        let rows = 0;
        for await (const batch of tx.range(prefixRange(bytes("n")))) {
          rows += batch.length;
          expect(batch.every(([, value]) => textOf(value) === "old")).toBe(true);
          // Waiting for these inside the snapshot shows that it blocks no writer.
          await numbered(2000, "new");
          await database.transact(async (other) => other.clearRange(between("n01500", "n02000")));
        }
        expect(rows).toBe(2000);
        expect(await tx.get(bytes("n01999"))).toEqual(bytes("old"));
      });
      expect(await all()).toHaveLength(1500);
    });

    test("a snapshot is taken when it is asked for, not at its first read", async () => {
      await put({ a: "1" });
      await database.snapshot(async (tx) => {
        await put({ a: "2" });
        expect(await tx.get(bytes("a"))).toEqual(bytes("1"));
      });
    });

    test("a snapshot does not wait for a transaction that is under way, and does not see it", async () => {
      await put({ a: "1" });
      await database.transact(async (tx) => {
        tx.set(bytes("a"), bytes("2"));
        await tx.get(bytes("a"));
        expect(await all()).toEqual([["a", "1"]]);
      });
      expect(await all()).toEqual([["a", "2"]]);
    });

    test("20 snapshots at once each keep their own state", async () => {
      const snapshots: Promise<[string, string][]>[] = [];
      const release = Promise.withResolvers<void>();
      for (let index = 0; index < 20; index++) {
        await put({ a: String(index) });
        const taken = Promise.withResolvers<void>();
        snapshots.push(
          database.snapshot(async (tx) => {
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
      for (let count = 0; count < 20_000 && ticks === 0; count++) await put({ a: "1" });
      expect(ticks).toBeGreaterThan(0);
      await numbered(30_000);
      ticks = 0;
      await database.snapshot(async (tx) => {
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
      const writing = database
        .transact(async (tx) => {
          await release.promise;
          tx.set(bytes("a"), bytes("1"));
        })
        .then(() => events.push("written"));
      const waiting = put({ b: "2" }).then(() => events.push("queued"));
      const reading = database
        .snapshot(async (tx) => {
          await release.promise;
          await Bun.sleep(5);
          return tx.get(bytes("a"));
        })
        .then(() => events.push("read"));
      const closing = database.close().then(() => events.push("closed"));
      await expect(put({ c: "3" })).rejects.toThrow("this database is closed");
      await expect(all()).rejects.toThrow("this database is closed");
      release.resolve();
      await Promise.all([writing, waiting, reading, closing]);
      expect(events.at(-1)).toBe("closed");
      expect(events.toSorted()).toEqual(["closed", "queued", "read", "written"]);
    });

    test("can be called twice", async () => {
      await Promise.all([database.close(), database.close()]);
      await database.close();
    });
  });
});
