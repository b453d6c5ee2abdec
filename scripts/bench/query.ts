// Cost of a query: parsing and compiling once, planning once, evaluating per row. Peer: CPython's own `eval` of the same
// expressions over plain objects, when a python3 is on the PATH.
import { spawnSync } from "node:child_process";
import { mapOf } from "../../formats/value.ts";
import { type PreparedQuery, planQuery, prepareQuery, QueryEvaluator, type RunRow } from "../../server/query/index.ts";

const queries: readonly [name: string, text: string][] = [
  ["default filter", ""],
  ["one hparam", "run.hparams.lr > 0.01"],
  ["two hparams and a tag", "run.hparams.lr > 0.01 and run.hparams.opt == 'adam' and 'best' in run.tags"],
  ["name.startswith", "run.name.startswith('base')"],
  ["chained date", "datetime(2024, 1, 1) <= run.created_at < datetime(2030, 1, 1)"],
  ["missing (raises)", "run.hparams.missing < 1"],
  ["hash in 100", `run.hash in [${Array.from({ length: 100 }, (_, i) => `'${i}'`).join(", ")}]`],
  ["any over tags", "any([t in ['best', 'x'] for t in run.tags])"],
  ["f-string", "f'{run.hparams.lr:.3f}' == '0.050'"],
];

const rows: RunRow[] = Array.from({ length: 1000 }, (_, index) => ({
  hash: `${index}`,
  meta: mapOf({ name: `baseline ${index}`, created_at: 1.75e9 + index, active: true, is_archived: false }),
  experiment: "base",
  tags: ["best", "prod"],
  attrs: mapOf({ hparams: mapOf({ lr: 0.05 + index, opt: index % 2 === 0 ? "adam" : "sgd" }) }),
  traces: [],
}));

/** Median of `rounds` measurements of `body`, nanoseconds for each of `per` operations. */
function nanoseconds(rounds: number, per: number, body: () => void): number {
  body();
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const start = Bun.nanoseconds();
    body();
    times.push((Bun.nanoseconds() - start) / per);
  }
  times.sort((a, b) => a - b);
  return times[Math.floor(rounds / 2)]!;
}

function measure(text: string): { prepare: number; plan: number; compile: number; row: number } {
  let query: PreparedQuery = prepareQuery(text, { scope: "run" });
  const prepare = nanoseconds(50, 1, () => {
    query = prepareQuery(text, { scope: "run" });
  });
  const plan = nanoseconds(50, 1, () => planQuery(query));
  const compile = nanoseconds(50, 1, () => new QueryEvaluator(query));
  const evaluator = new QueryEvaluator(query);
  const row = nanoseconds(50, rows.length, () => {
    for (const each of rows) evaluator.matchesRun(each);
  });
  return { prepare, plan, compile, row };
}

const python = `
import sys, json, timeit
class O:
    def __init__(self, **k): self.__dict__.update(k)
    def __getattr__(self, n): return None
rows = [O(hash=str(i), name=f"baseline {i}", created_at=1.75e9 + i, active=True, is_archived=False, tags=["best", "prod"],
          hparams=O(lr=0.05 + i, opt="adam" if i % 2 == 0 else "sgd")) for i in range(1000)]
for text in json.load(sys.stdin):
    code = compile("run.is_archived == False and (" + (text or "True") + ")", "q", "eval")
    def go():
        for run in rows:
            try: bool(eval(code, {"run": run}))
            except Exception: pass
    print(min(timeit.repeat(go, number=1, repeat=7)) / 1000 * 1e9)
`;

function pythonTimes(): number[] {
  const texts = queries.map(([, text]) =>
    text.replaceAll("datetime(2024, 1, 1)", "1704067200.0").replaceAll("datetime(2030, 1, 1)", "1893456000.0"),
  );
  const { stdout } = spawnSync("python3", ["-c", python], { input: JSON.stringify(texts), encoding: "utf8" });
  return (stdout ?? "").trim().split("\n").map(Number);
}

const peers = pythonTimes();
console.log("query".padEnd(24), "prepare µs", "plan µs", "compile µs", "ns/row", "CPython ns/row");
queries.forEach(([name, text], index) => {
  const { prepare, plan, compile, row } = measure(text);
  const peer = peers[index];
  console.log(
    name.padEnd(24),
    (prepare / 1000).toFixed(1).padStart(10),
    (plan / 1000).toFixed(1).padStart(7),
    (compile / 1000).toFixed(1).padStart(10),
    row.toFixed(0).padStart(6),
    (peer === undefined || Number.isNaN(peer) ? "-" : peer.toFixed(0)).padStart(14),
  );
});
