// What the rest of the program relies on, the same on every engine: order, ranges, and what a transaction sees and does.
import { describe, expect, test } from "bun:test";
import { prefixRange, type Transaction } from "./index.ts";
import { asText, between, bytes, everything, littleEndian, scan, textOf } from "./testing/bytes.ts";
import { describeEveryEngine } from "./testing/everyEngine.ts";

describeEveryEngine((store) => {
  describe("order and ranges", () => {
    test("keys come back in unsigned byte order, a prefix before its extensions", async () => {
      const keys = ["b", "a", "a\x00", "", "\x80", "\x7f", "a\x00\x00", "\xfe\xff\xff", "ab", "\x00"];
      await store.put(Object.fromEntries(keys.map((key) => [key, key])));
      const sorted = ["", "\x00", "a", "a\x00", "a\x00\x00", "ab", "b", "\x7f", "\x80", "\xfe\xff\xff"];
      expect(await store.all()).toEqual(sorted.map((key) => [key, key]));
    });

    test("a range holds its begin and not its end", async () => {
      await store.put({ a: "1", b: "2", c: "3" });
      expect(await store.database.snapshot((tx) => scan(tx, between("a", "c")))).toEqual([
        ["a", "1"],
        ["b", "2"],
      ]);
      expect(await store.database.snapshot((tx) => scan(tx, between("b", "b")))).toEqual([]);
      expect(await store.database.snapshot((tx) => scan(tx, between("c", "a")))).toEqual([]);
    });

    test("reverse and limit apply to the whole range, across batches", async () => {
      await store.putNumbered(2500);
      const names = async (options: { limit?: number; reverse?: boolean }) =>
        (await store.database.snapshot((tx) => scan(tx, prefixRange(bytes("n")), options))).map(([key]) => key);
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
      await store.putNumbered(5000);
      for (let at = 0; at < 40; at += 20)
        await store.database.transact(async (tx) => {
          for (let index = at; index < at + 20; index++)
            tx.set(bytes(`big${String(index).padStart(3, "0")}`), new Uint8Array(100_000).fill(index));
        });
      for (const reverse of [false, true]) {
        let rows = 0;
        await store.database.snapshot(async (tx) => {
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
      await store.putNumbered(3000);
      const first = await store.database.transact(async (tx) => {
        for await (const batch of tx.range(everything)) {
          tx.set(bytes("z"), bytes("1"));
          return textOf(batch[0]![0]);
        }
        return undefined;
      });
      expect(first).toBe("n00000");
      expect(await store.database.snapshot((tx) => tx.get(bytes("z")))).toEqual(bytes("1"));
    });

    test("two ranges of one snapshot can be read in turns", async () => {
      await store.putNumbered(3000);
      await store.database.snapshot(async (tx) => {
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
      await store.putNumbered(1000);
      let rows = 0;
      await store.database.snapshot(async (tx) => {
        for await (const batch of tx.range(everything)) {
          rows += batch.length;
          for (const [key] of batch) key.fill(0);
        }
      });
      expect(rows).toBe(1000);
    });

    test("getMany and firstOfEach answer each question in its place", async () => {
      await store.putNumbered(300);
      await store.put({ empty: "" });
      await store.database.snapshot(async (tx) => {
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
      await store.put({ "": "", a: "" });
      expect(await store.all()).toEqual([
        ["", ""],
        ["a", ""],
      ]);
      expect(await store.database.snapshot((tx) => tx.get(bytes("")))).toEqual(new Uint8Array(0));
      await store.database.transact(async (tx) => tx.clear(bytes("")));
      expect(await store.database.snapshot((tx) => tx.get(bytes("")))).toBeUndefined();
    });
  });

  describe("a transaction", () => {
    test("reads its own sets, clears, range clears and additions, in every way of reading", async () => {
      await store.put({ a: "1", b: "2", c: "3", d: "4" });
      await store.database.transact(async (tx) => {
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
      expect((await store.all()).map(([key]) => key)).toEqual(["a", "b", "d", "n"]);
    });

    test("sees keys that it writes ahead of its own iteration, and may clear what it has passed", async () => {
      await store.putNumbered(200);
      await store.database.transact(async (tx) => {
        let first = true;
        for await (const batch of tx.range(prefixRange(bytes("n")))) {
          for (const [key] of batch) tx.clear(key);
          if (first) tx.set(bytes("n99999"), bytes("late"));
          first = false;
        }
      });
      expect(await store.all()).toEqual([]);
    });

    test("is all there after it returns and not at all when its body throws", async () => {
      await store.put({ a: "1" });
      const failure = new Error("the body's own");
      const failing = store.database.transact(async (tx) => {
        tx.set(bytes("a"), bytes("2"));
        for (let index = 0; index < 500; index++) tx.set(bytes(`k${index}`), bytes("x"));
        await tx.get(bytes("a"));
        tx.clearRange(between("", "\xff"));
        throw failure;
      });
      await expect(failing).rejects.toBe(failure);
      expect(await store.all()).toEqual([["a", "1"]]);
      await store.put({ b: "2" });
      expect(await store.all()).toHaveLength(2);
    });

    test("gives the body's answer", async () => {
      expect(await store.database.transact(async () => 42)).toBe(42);
      expect(await store.database.snapshot(async () => "read")).toBe("read");
    });

    test("takes keys and values during the call: the caller may reuse its buffers", async () => {
      const [key, value] = [bytes("a"), bytes("1")];
      await store.database.transact(async (tx) => {
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
      expect(await store.all()).toEqual([
        ["a", "a"],
        ["b", "b"],
        ["c", "c"],
      ]);
    });

    test("keeps the last of many writes to one key", async () => {
      await store.database.transact(async (tx) => {
        for (let index = 0; index <= 120; index++) tx.set(bytes("k"), bytes(String(index)));
      });
      expect(await store.all()).toEqual([["k", "120"]]);
    });

    test("that is used after its end says so", async () => {
      let leaked: Transaction | undefined;
      await store.database.transact(async (tx) => {
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
      const reads = await store.database.snapshot(async (snapshot) => snapshot);
      await expect(reads.get(bytes("a"))).rejects.toThrow(ended);
      await expect(scan(reads)).rejects.toThrow(ended);
      expect(await store.all()).toEqual([["a", "1"]]);
    });

    test("an iteration that outlives its transaction fails at its next batch", async () => {
      await store.putNumbered(1000);
      const iterator = await store.database.snapshot(async (tx) => {
        const started = tx.range(everything)[Symbol.asyncIterator]();
        await started.next();
        return started;
      });
      await expect(iterator.next()).rejects.toThrow("this transaction has ended");
    });
  });

  describe("clearRange and add", () => {
    test("clearRange removes its range and nothing beside it", async () => {
      await store.put({ a: "", "b\x00": "", b: "", bz: "", c: "", "c\x00": "" });
      await store.database.transact(async (tx) => tx.clearRange(between("b\x00", "c")));
      expect((await store.all()).map(([key]) => key)).toEqual(["a", "b", "c", "c\x00"]);
      await store.database.transact(async (tx) => tx.clearRange(between("c", "a")));
      expect(await store.all()).toHaveLength(4);
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
        await store.database.transact(async (tx) => tx.add(key, delta));
        expect(await store.database.snapshot((tx) => tx.get(key))).toEqual(littleEndian(sum));
      }
    });

    test("add fills up a shorter value with zero bytes and cuts a longer one", async () => {
      await store.put({ short: "\x02", long: "\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02", none: "" });
      await store.database.transact(async (tx) => {
        for (const key of ["short", "long", "none"]) tx.add(bytes(key), 1n);
      });
      const values = await store.database.snapshot((tx) => tx.getMany(["short", "long", "none"].map(bytes)));
      expect(values).toEqual([littleEndian(3n), littleEndian(0n), littleEndian(1n)]);
    });
  });
});
