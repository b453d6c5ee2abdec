// Parameter look-ups against a comparison of every run one by one.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { setAttrs } from "./attrs.ts";
import { type HparamOperator, type HparamValue, lookupHparam } from "./hparams.ts";
import { memoryStore } from "./testing.ts";

const edges: HparamValue[] = [
  0n,
  1n,
  -1n,
  2n,
  -3n,
  2n ** 53n,
  2n ** 53n + 1n,
  -(2n ** 53n) - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
  -(2n ** 63n),
  255n,
  256n,
  -256n,
  0,
  -0,
  1,
  0.5,
  -0.5,
  2,
  -3,
  1e-320,
  -1e-320,
  2 ** 53,
  2 ** 53 + 2,
  2 ** 64,
  1e300,
  -1e300,
  Number.MIN_VALUE,
  Number.MAX_VALUE,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  true,
  false,
  "",
  "adam",
  "a",
  "a\0",
  "a\0b",
  "b",
  "～",
  "🚀",
  "1",
  "\0",
];
const operators: HparamOperator[] = ["==", "<", "<=", ">", ">="];

/** Exact order of two numbers of either kind; undefined when they do not compare. */
function compare(a: HparamValue, b: HparamValue): number | undefined {
  if (typeof a === "string" || typeof b === "string")
    return typeof a === typeof b ? Buffer.compare(Buffer.from(a as string), Buffer.from(b as string)) : undefined;
  if (typeof a === "boolean" || typeof b === "boolean")
    return typeof a === typeof b ? Number(a) - Number(b) : undefined;
  // JavaScript compares a bigint and a number exactly.
  return a < b ? -1 : a > b ? 1 : a <= b ? 0 : undefined;
}

function holds(op: HparamOperator, order: number | undefined): boolean {
  if (order === undefined) return false;
  return { "==": order === 0, "<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0 }[op];
}

test("numbers compare as numbers across integers and floats, exactly; texts and booleans among themselves", async () => {
  const number = fc.oneof(
    fc.double(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.integer({ min: -300, max: 300 }).map(BigInt),
  );
  const any: fc.Arbitrary<HparamValue> = fc.oneof(
    fc.constantFrom(...edges),
    number,
    fc.string({ unit: "binary", maxLength: 4 }),
  );
  let comparisons = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(any, { maxLength: 12 }), fc.array(any, { maxLength: 6 }), async (stored, asked) => {
      const store = await memoryStore();
      const values = [...edges, ...stored];
      await store.database.transact(async (tx) => {
        for (const [i, value] of values.entries()) await setAttrs(tx, store, `r${i}`, ["hparams", "p"], value);
        await setAttrs(tx, store, "other", ["hparams", "p2"], 1n);
      });
      await store.database.snapshot(async (tx) => {
        for (const value of [...edges, ...asked])
          for (const op of operators) {
            const hits: string[] = [];
            for await (const { hashes, exact } of lookupHparam(tx, store, "p", op, value)) {
              expect(exact).toBe(true);
              hits.push(...hashes);
            }
            const expected = values.flatMap((candidate, i) => (holds(op, compare(candidate, value)) ? [`r${i}`] : []));
            expect([op, value, hits.sort()] as unknown[]).toEqual([op, value, expected.sort()]);
            comparisons++;
          }
      });
    }),
    { numRuns: 8 },
  );
  expect(comparisons).toBeGreaterThan(1_000);
});

test("a look-up of texts names the runs whose text is too long for the index, as not decided", async () => {
  const store = await memoryStore();
  await store.database.transact(async (tx) => {
    await setAttrs(tx, store, "long", ["hparams", "note"], "a".repeat(20_000));
    await setAttrs(tx, store, "short", ["hparams", "note"], "a");
    await setAttrs(tx, store, "elsewhere", ["hparams", "other"], "a".repeat(20_000));
  });
  const ask = (value: HparamValue) =>
    store.database.snapshot(async (tx) => {
      const hits: [boolean, string[]][] = [];
      for await (const { hashes, exact } of lookupHparam(tx, store, "note", "==", value)) hits.push([exact, hashes]);
      return hits;
    });
  expect(await ask("a")).toEqual([
    [true, ["short"]],
    [false, ["long"]],
  ]);
  expect(await ask("a".repeat(20_000))).toEqual([[false, ["long"]]]);
  expect(await ask(1n)).toEqual([]);
});
