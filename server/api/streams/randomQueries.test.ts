// Random queries over the recorded runs and real connections: what a search streams is what looking at every run finds, and
// nothing that can be typed is a 500, a stream that breaks off, or one that never ends.
import { afterAll, beforeAll, expect, test } from "bun:test";
import fc from "fast-check";
import { canonicalContext } from "../../../formats/context.ts";
import type { StreamNode } from "../../../formats/stream.ts";
import { isMap } from "../../../formats/value.ts";
import { prepareQuery, QueryBudgetError, QueryError, QueryEvaluator, type Scope } from "../../query/index.ts";
import { recordedRuns, type TypedSequence } from "../../query/testing.ts";
import { loadDump, memoryStore, readDump } from "../../store/testing.ts";
import { at, encodeQuery, recordsOf, removeTemporaryBlobs, streamApi, temporaryBlobs } from "./testing.ts";

afterAll(removeTemporaryBlobs);

const queries = 850;
/** Much longer than any of these takes. */
const longestMs = 30_000;
const now = 1_772_900_000;
/** Created twice, whereby the existing backend forgot its experiment (differences.md, "recreated run keeps its fields"). */
const recreated = "1d5dcf22d1c0cf9f5c924ddb79115112";
const runs = recordedRuns().map((run) => (run.hash === recreated ? { ...run, experiment: "baseline" } : run));
let server: Bun.Server<undefined>;

beforeAll(async () => {
  const store = await memoryStore();
  await loadDump(store, await readDump(new URL("../../../fixtures/exchanges/dump.jsonl.gz", import.meta.url).pathname));
  const api = streamApi(store, await temporaryBlobs(), { now: () => now });
  server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: (request) => api.handle(request) });
});
afterAll(() => server.stop(true));

// What there is in the recorded runs, as Python writes it.
const textOf = (text: string) => `'${text.replace(/[\\']/g, "\\$&").replaceAll("\n", "\\n")}'`;
const distinct = (texts: Iterable<string>) => [...new Set(texts)];
const hashes = runs.map(({ hash }) => textOf(hash));
const names = distinct(runs.map(({ meta }) => textOf(String(meta.get("name")))));
const experiments = distinct(runs.flatMap(({ experiment }) => (experiment === null ? [] : textOf(experiment))));
const tags = distinct(runs.flatMap((run) => run.tags.map(textOf)));
const sequences = distinct(runs.flatMap(({ traces }) => traces.map(({ name }) => textOf(name))));
const times = distinct(runs.map(({ meta }) => String(meta.get("created_at"))));
const hparams = distinct(
  runs.flatMap(({ attrs }) => {
    const map = attrs.get("hparams");
    return isMap(map) ? [...map.keys()].filter((key) => /^[a-z]\w*$/i.test(key)) : [];
  }),
);

const oneOf = (texts: readonly string[]) => fc.constantFrom(...texts);
const literal = fc.oneof(
  oneOf(hashes),
  oneOf(names),
  oneOf(experiments),
  oneOf(tags),
  oneOf(sequences),
  oneOf(times),
  oneOf("0 1 2 32 64 -1 0.1 0.01 1e-3 32.0 1e400 True False None 'adam' 'sgd' '' 'é' 2**63".split(" ")),
  oneOf(["[]", "{}", "()", "datetime(2026, 3, 1)", "datetime(2026, 13, 1)", "timedelta(days=1)", "float('nan')"]),
);
const property = fc.oneof(
  oneOf(hparams.map((name) => `run.hparams.${name}`)),
  oneOf(hparams.map((name) => `run["hparams"]["${name}"]`)),
  oneOf("hash name description experiment created_at end_time duration active archived tags nothing".split(" ")).map(
    (name) => `run.${name}`,
  ),
  oneOf(sequences).map((name) => `run.metrics[${name}].last`),
  oneOf(sequences).map((name) => `run.metrics[${name}, {'subset': 'val'}].last_step`),
  oneOf("name last last_step context context.subset run.hash run.hparams.lr nothing".split(" ")).map(
    (x) => `metric.${x}`,
  ),
);
const comparison = oneOf(["==", "!=", "<", "<=", ">", ">=", "in", "not in", "is", "is not"]);
const leaf = fc.oneof(
  { arbitrary: fc.tuple(property, comparison, literal).map((parts) => parts.join(" ")), weight: 6 },
  { arbitrary: fc.tuple(literal, comparison, property).map((parts) => parts.join(" ")), weight: 3 },
  fc.tuple(literal, comparison, property, comparison, literal).map((parts) => parts.join(" ")),
  { arbitrary: oneOf(sequences).map((name) => `metric.name == ${name}`), weight: 3 },
  fc.tuple(property, fc.array(literal, { maxLength: 3 })).map(([value, items]) => `${value} in [${items.join(", ")}]`),
  fc
    .tuple(property, oneOf(["startswith('b')", "lower()", "x()", "count('a') > 1", "format(1)"]))
    .map(([value, call]) => `${value}.${call}`),
  oneOf([
    "any([t in ['prod', 'best'] for t in run.tags])",
    "any(t == 'best' for t in run.tags)",
    "len(run.tags) > 1",
    "[x for x in run.hparams]",
    "(lambda x: x > 1)(run.duration)",
    "1 / 0",
    "(w := run.active)",
    "f'{run.name}' != ''",
    "sum(range(999)) > 1",
    "random.random() < 0.5",
    "metric",
    "run",
    "()",
    "not ()",
    "True",
  ]),
  property,
);
const condition: fc.Arbitrary<string> = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    leaf,
    fc.tuple(tie("node"), oneOf(["and", "or"]), tie("node")).map(([a, op, b]) => `(${a} ${op} ${b})`),
    tie("node").map((a) => `(not ${a})`),
    fc.tuple(tie("node"), tie("node"), tie("node")).map(([a, b, c]) => `(${a} if ${b} else ${c})`),
  ),
})).node;
/** Heads, blanks and comments that people type. */
const dressed = fc
  .tuple(
    oneOf(["", "", "", "SELECT modified IF ", "select x if\n", "  ", "# why\n"]),
    condition,
    oneOf(["", "", "\n", " # why )"]),
  )
  .map((parts) => parts.join(""));
/** Somewhere in a query something else, as it is while a person types. */
const broken = fc
  .tuple(
    dressed,
    fc.nat(),
    fc.nat({ max: 6 }),
    oneOf([
      "",
      "(",
      ")",
      "]",
      "'",
      '"""',
      "\\",
      "\0",
      "\u{1f642}",
      "__class__",
      ".",
      "==",
      " if ",
      "lambda",
      "\n",
      "#",
      "{",
      "\ud800",
      "~",
      ":=",
      "*x",
    ]),
  )
  .map(([text, place, length, other]) => {
    const start = place % (text.length + 1);
    return text.slice(0, start) + other + text.slice(start + length);
  });
const anything = fc.oneof(
  { arbitrary: dressed, weight: 7 },
  { arbitrary: broken, weight: 3 },
  fc.string({ maxLength: 40 }),
);

const notMetrics = new Set(["image", "audio", "text", "distribution", "figure", "logs", "log_records"]);

function isNumeric({ dtype, last }: TypedSequence): boolean {
  return (
    !notMetrics.has(dtype) && (dtype !== "custom" || ["undefined", "number", "bigint", "boolean"].includes(typeof last))
  );
}

/** What every run and sequence says for itself: hashes, with the sequences in a search for metrics. */
function expected(q: string, scope: Scope): Map<string, string[]> | "refused" {
  try {
    // Texts come over the wire, where a lone surrogate is none any more.
    const evaluator = new QueryEvaluator(prepareQuery(q.toWellFormed(), { scope }), { now: () => now });
    const found = new Map<string, string[]>();
    for (const run of runs) {
      if (scope === "run") {
        if (evaluator.matchesRun(run)) found.set(run.hash, []);
        continue;
      }
      const traces = run.traces.filter((trace) => isNumeric(trace) && evaluator.matchesSequence(run, trace));
      if (traces.length > 0)
        found.set(run.hash, traces.map(({ name, context }) => `${name} ${canonicalContext(context)}`).sort());
    }
    return found;
  } catch (error) {
    if (error instanceof QueryError || error instanceof QueryBudgetError) return "refused";
    throw error;
  }
}

async function ask(path: string, fields: Readonly<Record<string, string | number | boolean>>): Promise<Response> {
  const signal = AbortSignal.timeout(longestMs);
  return fetch(`${server.url}api/v1/rest/runs/search/${path}?${encodeQuery(fields)}`, { signal });
}

/** The runs of a whole stream; it must end with the last report of the progress. */
async function runsOf(response: Response): Promise<(readonly [string, StreamNode])[]> {
  const records = await recordsOf(response);
  expect(String(records.at(-1)?.[0])).toStartWith("progress_");
  expect(records.at(-1)?.[1]).toEqual([0n, 0n]);
  return records.flatMap(([key, node]) => (String(key).startsWith("progress_") ? [] : [[String(key), node] as const]));
}

async function refusal(response: Response): Promise<void> {
  const body = await response.text();
  expect([response.status, body]).toEqual([400, expect.stringContaining('"code":"bad_request"')]);
}

test(`${queries} random queries over HTTP find what looking at every run and every metric finds`, async () => {
  const statuses = { ok: 0, refused: 0, some: 0 };
  await fc.assert(
    fc.asyncProperty(anything, async (q) => {
      const inRuns = expected(q, "run");
      const answer = await ask("run", { q, exclude_params: true, exclude_traces: true });
      if (inRuns === "refused") {
        statuses.refused++;
        await refusal(answer);
      } else {
        statuses.ok++;
        const found = (await runsOf(answer)).map(([hash]) => hash);
        if (found.length > 0 && found.length < runs.length) statuses.some++;
        expect(found.toSorted()).toEqual([...inRuns.keys()].sort());
        // A page is the beginning of the whole, in any order.
        const sort = JSON.stringify([{ field: found.length % 2 === 0 ? "run" : "duration", order: "desc" }]);
        const whole = (await runsOf(await ask("run", { q, sort, exclude_params: true, exclude_traces: true }))).map(
          ([hash]) => hash,
        );
        const page = await runsOf(await ask("run", { q, sort, limit: 3, exclude_params: true, exclude_traces: true }));
        expect(page.map(([hash]) => hash)).toEqual(whole.slice(0, 3));
        const newest = await runsOf(await ask("run", { q, limit: 3, exclude_params: true, exclude_traces: true }));
        expect(newest.map(([hash]) => hash)).toEqual(found.slice(0, 3));
      }
      const inMetrics = expected(q, "metric");
      const streamed = await ask("metric", { q, p: 2 });
      if (inMetrics === "refused") return refusal(streamed);
      const found = new Map(
        (await runsOf(streamed)).map(([hash, node]) => [
          hash,
          (at(node, "traces") as readonly StreamNode[])
            .map((trace) => `${String(at(trace, "name"))} ${canonicalContext(at(trace, "context") as never)}`)
            .sort(),
        ]),
      );
      expect([...found].sort(([a], [b]) => (a < b ? -1 : 1))).toEqual(
        [...inMetrics].sort(([a], [b]) => (a < b ? -1 : 1)),
      );
    }),
    { numRuns: queries },
  );
  // Neither is everything refused, nor does everything match all or nothing.
  expect(statuses.refused).toBeGreaterThan(queries / 20);
  expect(statuses.ok).toBeGreaterThan(queries / 2);
  expect(statuses.some).toBeGreaterThan(queries / 10);
}, 600_000);
