// Random histories against a map and a sort: what any ordered transactional store must do.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Database, ReadTransaction, Transaction } from "./index.ts";
import { asText, between, bytes, littleEndian, scan, textOf } from "./testing/bytes.ts";
import { engines, missingEngines } from "./testing/engines.ts";

type Model = Map<string, string>;
type Bounds = readonly [begin: string, end: string];

type Operation =
  | { readonly do: "set"; readonly key: string; readonly value: string }
  | { readonly do: "clear"; readonly key: string }
  | { readonly do: "clearRange"; readonly bounds: Bounds }
  | { readonly do: "add"; readonly key: string; readonly delta: bigint }
  | { readonly do: "getMany"; readonly keys: readonly string[] }
  | { readonly do: "firstOfEach"; readonly ranges: readonly Bounds[]; readonly reverse: boolean }
  | { readonly do: "range"; readonly bounds: Bounds; readonly limit: number | undefined; readonly reverse: boolean };

interface Step {
  readonly operations: readonly Operation[];
  readonly end: "commit" | "throw";
}

// Few short keys, so that operations meet; among them the empty key, prefixes of others, and the highest byte.
const key = fc.array(fc.constantFrom("\x00", "a", "b", "\xfe"), { maxLength: 3 }).map((parts) => parts.join(""));
const value = fc.string({ unit: fc.constantFrom("\x00", "x", "\xff"), maxLength: 12 });
const bounds = fc.tuple(key, fc.oneof(key, fc.constant("\xff")));
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("set" as const), key, value }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("clear" as const), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("clearRange" as const), bounds }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("add" as const), key, delta: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("getMany" as const), keys: fc.array(key, { maxLength: 60 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("firstOfEach" as const),
      ranges: fc.array(bounds, { maxLength: 60 }),
      reverse: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("range" as const),
      bounds,
      limit: fc.option(fc.nat({ max: 8 }), { nil: undefined }),
      reverse: fc.boolean(),
    }),
  },
);
const step: fc.Arbitrary<Step> = fc.record({
  operations: fc.array(operation, { maxLength: 120, size: "max" }),
  end: fc.constantFrom("commit" as const, "commit" as const, "throw" as const),
});

function pairsOf(model: Model, [begin, end]: Bounds): [string, string][] {
  return [...model].filter(([key]) => key >= begin && key < end).sort(([a], [b]) => (a < b ? -1 : 1));
}

function mutate(tx: Transaction, model: Model, operation: Operation): boolean {
  switch (operation.do) {
    case "set":
      tx.set(bytes(operation.key), bytes(operation.value));
      model.set(operation.key, operation.value);
      return true;
    case "clear":
      tx.clear(bytes(operation.key));
      model.delete(operation.key);
      return true;
    case "clearRange":
      tx.clearRange(between(...operation.bounds));
      for (const [key] of pairsOf(model, operation.bounds)) model.delete(key);
      return true;
    case "add": {
      tx.add(bytes(operation.key), operation.delta);
      const before = bytes((model.get(operation.key) ?? "").slice(0, 8).padEnd(8, "\x00"));
      model.set(
        operation.key,
        textOf(littleEndian(new DataView(before.buffer).getBigUint64(0, true) + operation.delta)),
      );
      return true;
    }
    default:
      return false;
  }
}

async function compare(tx: ReadTransaction, model: Model, operation: Operation): Promise<void> {
  if (operation.do === "getMany") {
    const values = await tx.getMany(operation.keys.map(bytes));
    expect(values.map((found) => found && textOf(found))).toEqual(operation.keys.map((asked) => model.get(asked)));
  }
  if (operation.do === "firstOfEach") {
    const found = await tx.firstOfEach(
      operation.ranges.map((range) => between(...range)),
      operation.reverse,
    );
    const expected = operation.ranges.map((range) => pairsOf(model, range).at(operation.reverse ? -1 : 0));
    expect(found.map((pair) => pair && asText(pair))).toEqual(expected);
  }
  if (operation.do === "range") {
    const { limit, reverse } = operation;
    const expected = pairsOf(model, operation.bounds);
    if (reverse) expected.reverse();
    const options = limit === undefined ? { reverse } : { limit, reverse };
    expect(await scan(tx, between(...operation.bounds), options)).toEqual(expected.slice(0, limit));
  }
}

/** Applies the step to both; answers the model that must be committed now. */
async function apply(database: Database, committed: Model, { operations, end }: Step): Promise<Model> {
  const model = new Map(committed);
  const stop = new Error("stop");
  const run = database.transact(async (tx) => {
    for (const operation of operations) if (!mutate(tx, model, operation)) await compare(tx, model, operation);
    if (end === "throw") throw stop;
  });
  if (end === "commit") await run;
  else await expect(run).rejects.toBe(stop);
  return end === "commit" ? model : committed;
}

for (const { name, reason } of missingEngines) test.skip(`random histories on ${name}: ${reason}`, () => undefined);

describe.each(engines.map((engine) => [engine.name, engine] as const))("%s", (_, engine) => {
  test("any history of transactions does what it does to a sorted map, inside each transaction and after it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (steps) => {
        const { database, dispose } = await engine.open();
        try {
          let committed: Model = new Map();
          for (const one of steps) {
            const before = committed;
            await database.snapshot(async (snapshot) => {
              committed = await apply(database, committed, one);
              expect(await scan(snapshot)).toEqual(pairsOf(before, ["", "\xff"]));
            });
            expect(await database.snapshot((tx) => scan(tx))).toEqual(pairsOf(committed, ["", "\xff"]));
          }
        } finally {
          await dispose();
        }
      }),
      { numRuns: 150 },
    );
  }, 60_000);
});
