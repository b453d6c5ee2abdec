import { expect, test } from "bun:test";
import fc from "fast-check";
import { isMap, mapOf, type Value, type ValueMap } from "../../../formats/value.ts";
import { QueryEvaluator } from "../evaluate/evaluator.ts";
import type { RunRow, SequenceRow } from "../evaluate/rows.ts";
import type { Needs } from "../prepare/needs.ts";
import { prepareQuery } from "../prepare/prepare.ts";
import type { Scope } from "../scope.ts";
import { candidateHashes, chooseAccess } from "./candidates.ts";
import { explain } from "./explain.ts";
import { MemorySources } from "./memorySources.ts";
import { planQuery } from "./plan.ts";

function plan(text: string, scope: Scope = "run"): string {
  // Without the default filter and the closing remark, on one line.
  const shown = explain(planQuery(prepareQuery(`(${text}) or run.archived and False`, { scope })));
  return shown.replace(/\nevery candidate.*$/, "").replace(/\n */g, " | ");
}

async function planned(text: string, rows: readonly RunRow[], scope: Scope): Promise<string[]> {
  const query = prepareQuery(text, { scope });
  const plan = planQuery(query);
  const { sequenceNames } = plan;
  const sources = new MemorySources(rows);
  const access = await chooseAccess(plan, sources, undefined);
  let hashes = new Set(rows.map((row) => row.hash));
  if (access.kind !== "walk") {
    const all: string[] = [];
    for await (const batch of candidateHashes(access.plan, sources)) all.push(...batch);
    expect(all).toEqual([...new Set(all)].sort());
    hashes = new Set(all);
  } else {
    const created = (row: RunRow): number => (row.meta.get("created_at") as number | undefined) ?? 0;
    hashes = new Set(
      rows
        .filter((row) => created(row) >= (access.from ?? -Infinity) && created(row) <= (access.to ?? Infinity))
        .map((row) => row.hash),
    );
  }
  return matching(
    text,
    rows.filter((row) => hashes.has(row.hash)),
    scope,
    sequenceNames,
  );
}

/** What matches, as hashes or as hash and number of the sequence. */
function matching(text: string, rows: readonly RunRow[], scope: Scope, names?: ReadonlySet<string>): string[] {
  const evaluator = new QueryEvaluator(prepareQuery(text, { scope }));
  if (scope === "run") return rows.filter((row) => evaluator.matchesRun(row)).map((row) => row.hash);
  return rows.flatMap((row) =>
    row.traces.flatMap((trace, index) => {
      if (names !== undefined && !names.has(trace.name)) return [];
      return evaluator.matchesSequence(row, trace) ? [`${row.hash}/${index}`] : [];
    }),
  );
}

const numbers: readonly Value[] = [
  0n,
  1n,
  -3n,
  2n,
  64n,
  2n ** 53n + 1n,
  0.5,
  1,
  -0.5,
  -0,
  32.5,
  1e300,
  Number.NaN,
  Infinity,
  true,
  false,
];
const anyHparam = fc.constantFrom<Value>(...numbers, "adam", "sgd", "", "x".repeat(5000), null, [1n], mapOf({ a: 1n }));
const trace: fc.Arbitrary<SequenceRow> = fc.record({
  name: fc.constantFrom("loss", "acc", "x"),
  context: fc.constantFrom(new Map(), mapOf({ subset: "val" })),
  last: fc.constantFrom<Value>(0.5, 1n, Number.NaN),
  lastStep: fc.constantFrom<Value>(0n, 7n),
});
const rowFields = fc.record({
  experiment: fc.constantFrom(null, "base", "other"),
  tags: fc.uniqueArray(fc.constantFrom("a", "b", "c")),
  active: fc.constantFrom(true, false, undefined),
  archived: fc.constantFrom(true, false, undefined),
  created: fc.constantFrom(undefined, 0, 5, 10, 10.5, -4),
  lr: fc.option(anyHparam, { nil: undefined }),
  opt: fc.option(anyHparam, { nil: undefined }),
  odd: fc.constantFrom<Value | undefined>(undefined, 5n, "text", [1n]),
  traces: fc.array(trace, { maxLength: 3 }),
});
const store: fc.Arbitrary<RunRow[]> = fc.array(rowFields, { maxLength: 12 }).map((all) =>
  all.map((fields, index) => ({
    hash: `h${String(index).padStart(2, "0")}`,
    meta: mapOf({ active: fields.active, is_archived: fields.archived, created_at: fields.created }),
    experiment: fields.experiment,
    tags: fields.tags,
    attrs: mapOf({
      hparams: fields.odd === undefined ? mapOf({ lr: fields.lr, opt: fields.opt }) : fields.odd,
    }),
    traces: fields.traces,
  })),
);

const literal = fc.constantFrom(
  ..."0 1 -3 2 64 0.5 1.0 -0.5 0.0 -0.0 32.5 1e300 1e400 True False None 9007199254740993 'adam' 'sgd' '' 5 10 10.5 'base' -1".split(
    " ",
  ),
  `'${"x".repeat(5000)}'`,
);
const operator = fc.constantFrom("==", "!=", "<", "<=", ">", ">=", "is", "is not");
const property = fc.constantFrom(
  "run.hparams.lr",
  "run['hparams']['lr']",
  "run.hparams['opt']",
  "run['hparams'].opt",
  "run.hparams.real",
  "run.hparams.missing",
  "run.created_at",
  "run.creation_time",
  "run.active",
  "run.archived",
  "run.is_archived",
  "run.experiment",
  "run.hash",
  "run.duration",
  "run.metrics['loss'].last",
  "run.metrics['acc', {'subset': 'val'}].last_step",
  "metric.name",
  "metric.last",
  "metric.run.hparams.lr",
);
const list = fc
  .tuple(
    fc.constantFrom("[]", "()"),
    fc.array(fc.oneof(literal, fc.constantFrom("'h01'", "'loss'", "'h03'")), { maxLength: 3 }),
  )
  .map(([brackets, items]) =>
    brackets === "[]" ? `[${items.join(", ")}]` : `(${items.map((item) => `${item},`).join("")})`,
  );
const leaf = fc.oneof(
  fc.tuple(property, operator, literal).map(([a, op, b]) => `${a} ${op} ${b}`),
  fc.tuple(literal, operator, property).map(([a, op, b]) => `${a} ${op} ${b}`),
  fc.tuple(literal, operator, property, operator, literal).map((parts) => parts.join(" ")),
  fc.tuple(property, fc.constantFrom("in", "not in"), list).map((parts) => parts.join(" ")),
  fc
    .tuple(fc.constantFrom("'a'", "'b'", "'z'"), fc.constantFrom("in", "not in"), fc.constant("run.tags"))
    .map((parts) => parts.join(" ")),
  fc.constantFrom(
    "run.tags.contains('a')",
    "any([t in ['a', 'b'] for t in run.tags])",
    "any(t == 'c' for t in run.tags)",
    "metric.name == 'loss'",
    "metric.name in ['acc', 'x']",
    "'loss' == metric.name",
    "run.hash == 'h01'",
    "'h02' == run.hash",
    "run.experiment == 'base'",
    "run.active",
    "run.archived",
    "run.is_archived == True",
    "bool(run.active)",
    "run.metrics['loss']",
    "run.metrics['acc'].last",
    "run.hparams",
    "()",
    "[0]",
    "True",
    "None",
    "1 / 0",
    "run.name.x()",
    "(w := run.active)",
    "any([run.active])",
  ),
);
const condition: fc.Arbitrary<string> = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    fc.tuple(tie("node"), fc.constantFrom("and", "or"), tie("node")).map(([a, op, b]) => `(${a} ${op} ${b})`),
    tie("node").map((a) => `(not ${a})`),
    fc.tuple(tie("node"), tie("node"), tie("node")).map(([a, b, c]) => `(${a} if ${b} else ${c})`),
  ),
})).node;

test("a planned search finds what looking at every run finds, in searches for runs and for sequences", async () => {
  await fc.assert(
    fc.asyncProperty(store, condition, fc.constantFrom<Scope>("run", "metric"), async (rows, text, scope) => {
      expect(await planned(text, rows, scope)).toEqual(matching(text, rows, scope));
    }),
    { numRuns: 4000 },
  );
}, 120_000);

/** The row with nothing in it but what the query says it needs. */
function cutDown(row: RunRow, needs: Needs): RunRow {
  const attrs: ValueMap = new Map();
  for (const path of needs.attrs) copyPath(row.attrs, attrs, path);
  return {
    hash: row.hash,
    meta: needs.meta ? row.meta : new Map(),
    experiment: needs.experiment ? row.experiment : null,
    tags: needs.tags ? row.tags : [],
    attrs,
    traces: needs.traces ? row.traces : [],
  };
}

function copyPath(from: ValueMap, to: ValueMap, path: readonly string[]): void {
  const [head, ...rest] = path;
  if (head === undefined) {
    for (const [key, value] of from) to.set(key, value);
    return;
  }
  const value = from.get(head);
  if (rest.length === 0) {
    if (value !== undefined) to.set(head, value);
    return;
  }
  if (!isMap(value)) return;
  const known = to.get(head);
  const below: ValueMap = isMap(known) ? known : new Map();
  copyPath(value, below, rest);
  if (below.size > 0) to.set(head, below);
}

test("rows that hold no more than a query needs give the same answers", () => {
  fc.assert(
    fc.property(store, condition, (rows, text) => {
      const { needs } = prepareQuery(text, { scope: "run" });
      const cut = rows.map((row) => cutDown(row, needs));
      expect(matching(text, cut, "run")).toEqual(matching(text, rows, "run"));
    }),
    { numRuns: 2000 },
  );
});

test("indexes are asked for what they can answer", () => {
  const cases: [string, string][] = [
    ["'best' in run.tags", "index tag = 'best'"],
    ["run.tags.contains('best')", "index tag = 'best'"],
    ["any([t in ['a', 'b'] for t in run.tags])", "any of | index tag = 'a' | index tag = 'b'"],
    ["run.hash == 'h'", "run with hash 'h'"],
    ["run.hash in ['h', 'i']", "any of | run with hash 'h' | run with hash 'i'"],
    ["run.experiment == 'e'", "index experiment = 'e'"],
    ["run.active", "index active = True"],
    ["run.active >= 1", "index active = True"],
    ["not run.active != True", "index active = True"],
    ["run.active == 2", "no run can match"],
    ["run.archived < 1", "index archived = False"],
    ["not run.is_archived", "index archived = False"],
    ["run.hparams.lr == 1", "index hparam 'lr': integers 1 to 1, floats 1.0 to 1.0, True"],
    ["run.hparams.lr == 0", "index hparam 'lr': integers 0 to 0, floats -0.0 to 0.0, False"],
    ["0.5 > run.hparams.lr", "index hparam 'lr': integers … to 0, floats -inf to 0.5, False"],
    ["run['hparams']['lr'] >= -2.5", "index hparam 'lr': integers -2 to …, floats -2.5 to inf, False, True"],
    ["run.hparams.opt == 'adam'", "index hparam 'opt' = 'adam'"],
    ["5 <= run.created_at < 7.5", "index created_at from 5.0 to 7.5"],
    ["run.metrics['loss'].last < 1", "index sequence name = 'loss'"],
    ["()", "no run can match"],
    ["'a' in run.tags and ()", "no run can match"],
  ];
  for (const [text, shown] of cases) expect([text, plan(text).replace(/ \| no sequence.*/, "")]).toEqual([text, shown]);
});

test("what an index cannot answer is left to evaluation", () => {
  for (const text of [
    "run.hparams.lr != 1",
    "run.hparams.lr == None",
    "not run.hparams.lr < 1",
    "run.hparams.opt < 'b'",
    `run.hparams.opt == '${"x".repeat(2000)}'`,
    "run.hparams.a.b == 1",
    "run.hparams.real == 1",
    "run.experiment == None",
    "run.experiment in ['a', None]",
    "run.name == 'x'",
    "run.active == False",
    "run.duration > 1",
    "'a' in run.tags or run.name == 'x'",
    "(run := 1) and run.active",
    "[run for run in []] or run.active",
  ]) {
    expect([text, plan(text)]).toEqual([text, "all runs, by creation time (no index helps)"]);
  }
});

test("an upper bound on the creation time bounds the walk, not the candidates", () => {
  expect(plan("run.created_at < 5")).toBe(
    "all runs, by creation time (no index helps) | created_at from the first to 5.0",
  );
  expect(plan("run.created_at < 5 and run.created_at > 6")).toBe("no run can match");
});

test("the names of sequences are only restricted as far as every branch says so", () => {
  const names = (text: string) => planQuery(prepareQuery(text, { scope: "metric" })).sequenceNames;
  expect(names("metric.name == 'loss' and run.active")).toEqual(new Set(["loss"]));
  expect(names("metric.name in ['a', 'b'] and metric.name != 'a'")).toEqual(new Set(["a", "b"]));
  expect(names("metric.name == 'loss' or run.hash == 'a'")).toBeUndefined();
  expect(names("(metric.name == 'loss' and run.hash == 'a') or metric.name == 'acc'")).toEqual(
    new Set(["loss", "acc"]),
  );
  expect(names("metric.name == 'a' and metric.name == 'b'")).toEqual(new Set());
  expect(names("not metric.name != 'a'")).toEqual(new Set(["a"]));
});

const many: RunRow[] = Array.from({ length: 5000 }, (_, index) => ({
  hash: `h${String(index).padStart(5, "0")}`,
  meta: mapOf({ active: index % 2 === 0, is_archived: false, created_at: index + 1 }),
  experiment: null,
  tags: index % 1000 === 0 ? ["rare"] : ["common"],
  attrs: new Map(),
  traces: [],
}));

test("the cheapest index is read and the others are left to evaluation when they are no help", async () => {
  const sources = new MemorySources(many);
  const plan = planQuery(prepareQuery("run.active == True and 'rare' in run.tags", { scope: "run" }));
  const access = await chooseAccess(plan, sources, 45);
  expect(access).toMatchObject({ kind: "candidates", estimate: 5 });
  const found: string[] = [];
  for await (const batch of candidateHashes(access.plan, sources)) found.push(...batch);
  expect(found.length).toBe(5);
  expect(sources.reads.map((lookup) => lookup.kind)).toEqual(["tag"]);
});

test("newest first with a limit walks the runs when the index yields too many, within the times asked for", async () => {
  const sources = new MemorySources(many);
  const access = async (text: string, limit: number | undefined) =>
    chooseAccess(planQuery(prepareQuery(text, { scope: "run" })), sources, limit);
  expect(await access("", 45)).toMatchObject({ kind: "walk", from: undefined, to: undefined });
  expect(await access("run.created_at >= 100 and run.created_at < 4900", 45)).toMatchObject({
    kind: "walk",
    from: 100,
    to: 4900,
  });
  expect((await access("", undefined)).kind).toBe("candidates");
  expect((await access("run.archived or run.name", 45)).kind).toBe("walk");
  expect((await access("()", 45)).kind).toBe("none");
});

test("stopping early closes every index that was being read", async () => {
  let open = 0;
  const sources = {
    estimate: async () => 1,
    read: () => ({
      ascending: true,
      batches: (async function* () {
        open++;
        try {
          for (let i = 0; ; i++) yield [`h${String(i).padStart(9, "0")}`];
        } finally {
          open--;
        }
      })(),
    }),
  };
  const { runs } = planQuery(prepareQuery("'a' in run.tags and ('b' in run.tags or run.active)", { scope: "run" }));
  for await (const batch of candidateHashes(runs, sources)) {
    expect(batch[0]).toBe("h000000000");
    expect(open).toBe(4);
    break;
  }
  expect(open).toBe(0);
});
