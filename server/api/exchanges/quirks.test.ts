// Small scenarios that show faults of the existing backend (fixtures/exchanges/quirks.jsonl.gz), one test each: what is right
// is asserted, whatever was recorded. In none of them does ours fail, cut an answer off, or send what cannot be decoded.
import { afterAll, expect, test } from "bun:test";
import { shown } from "./compare.ts";
import { listAt, mapAt } from "./facts.ts";
import { Floats, type Node } from "./nodes.ts";
import { readQuirks } from "./recording.ts";
import { idOf, Scenario } from "./scenario.ts";

const quirks = new Map((await readQuirks()).map((quirk) => [quirk.name, quirk]));
const tested = new Set<string>();

/** Plays the scenario of this name. `what` is right about it. */
function quirk(name: string, what: string, check: (scenario: Scenario) => void | Promise<void>): void {
  tested.add(name);
  test(`${what} (${name})`, async () => {
    await using scenario = await Scenario.play(quirks.get(name)!);
    for (const { request, ours } of scenario.asked) {
      expect([request.path, ours.faults, ours.status >= 500n]).toEqual([request.path, [], false]);
      // The list of active runs has no last report.
      if (ours.progress !== undefined && !request.path.includes("/active/"))
        expect(ours.progress).toBe("numbered from 0, ends with 0 of 0");
    }
    await check(scenario);
  });
}

afterAll(() => expect([...quirks.keys()].filter((name) => !tested.has(name))).toEqual([]));

/** Maps by their entries, so that equal trees are equal whatever order their names have. */
const tree = (fields: Record<string, Node>): Node => new Map(Object.entries(fields));
const message = (model: { body: Node }) => String(mapAt(model.body)?.get("message"));

quirk("param scalar then dict under it", "a parameter that becomes a branch is the branch, everywhere", (s) => {
  expect(s.params("a")).toEqual(tree({ a: tree({ b: 2n }) }));
  expect(s.found("/search/run/")).toEqual(["b", "a"]);
  expect(mapAt(s.answer("/projects/params/").body)!.get("params")).toEqual(tree({ a: tree({ b: 2n }) }));
  expect(s.found("run.a == 1")).toEqual([]);
});

for (const kind of ["dict", "list"])
  quirk(`param empty ${kind} then child`, `an empty ${kind} that gets a child is a branch`, (s) => {
    expect(s.params("a")).toEqual(tree({ cfg: tree({ x: 1n }) }));
    expect(s.found("/search/run/")).toEqual(["a"]);
  });

quirk("param dict then scalar", "a branch that becomes a scalar is the scalar", (s) => {
  expect(s.params("a")).toEqual(tree({ a: 1n }));
  expect(s.differing).toEqual([]);
});

quirk("param list then child", "a list that gets a named member keeps its elements under their places", (s) => {
  const both = tree({ a: tree({ b: 2n, 0: 1n, 1: 2n }) });
  expect(s.params("a")).toEqual(both);
  expect(mapAt(s.answer("/search/run/").body, idOf("a"))!.get("params")).toEqual(both);
});

quirk("param one-key dict merges, two-key dict replaces", "parameters merge into what is there, at the top", (s) => {
  expect(s.params("a")).toEqual(tree({ a: tree({ x: 1n, y: 2n, z: 3n }), b: tree({ z: 3n, w: 4n }) }));
});

quirk(
  "params with several top-level keys wipe all others",
  "several parameters at once leave the others there",
  (s) => {
    expect(s.params("a")).toEqual(tree({ hparams: tree({ lr: 5n, n: 2n }), x: 1n }));
    expect(listAt(s.info("a").body, "artifacts").map((artifact) => mapAt(artifact)!.get("path"))).toEqual(["f.txt"]);
    expect(s.found("run.hparams.lr == 0.1")).toEqual([]);
    expect(s.found("run.hparams.lr == 5")).toEqual(["a"]);
    expect(s.found("run.hparams.lr + 0 == 5")).toEqual(["a"]);
  },
);

quirk("params empty or not a dict", "parameters that are none are refused, an empty name can be decoded", (s) => {
  expect(s.refusals).toEqual([
    expect.stringContaining("log_hparams.value: Input should be a valid dictionary"),
    "log_hparams.value: Field required",
    expect.stringContaining("log_hparams.value: Input should be a valid dictionary"),
  ]);
  expect(s.params("a")).toEqual(tree({ "": 1n, k: tree({ "": tree({ "": 2n }) }) }));
  const sent = mapAt(s.answer("/search/run/").body, idOf("a"))!.get("params");
  expect(sent).toEqual(tree({ "(empty)": 1n, k: tree({ "(empty)": tree({ "(empty)": 2n }) }) }));
});

quirk("param value null", "null is a value like others", (s) => {
  expect(s.params("a")).toEqual(tree({ hparams: null, other: null }));
  expect(s.found("run.other is None")).toEqual(["a"]);
  expect(s.differing).toEqual([]);
});

quirk("reserved words as keys", "names that the store uses itself are names like others", (s) => {
  expect(s.params("a")).toEqual(
    tree({
      p: tree({ __leaf__: 1n }),
      q: tree({ __empty_dict__: true, z: 1n }),
      r: tree({ __empty_list__: tree({ x: 1n }) }),
    }),
  );
  expect(s.differing).toEqual([]);
});

quirk("metric NaN as the frontier sends it (null)", "a null among the values is a NaN and cuts no search off", (s) => {
  expect(s.series("a", "loss")).toEqual([
    [0, 1],
    [0.25, Number.NaN],
  ]);
  expect(s.series("b", "loss")).toEqual([[0], [1.5]]);
  expect(s.found("metric.last < 1")).toEqual(["a"]);
  expect(mapAt(listAt(tree({ list: s.answer("/get-batch/").body }), "list")[0])!.get("values")).toEqual([0.25, null]);
});

quirk("metric NaN and inf as JSON literals", "a run whose metrics diverged can be opened and searched", (s) => {
  expect(s.metrics("a")).toEqual(['"l2" {} null', '"l3" {} null', '"loss" {} null']);
  expect(s.series("a", "loss")).toEqual([
    [0, 1],
    [Number.NaN, Infinity],
  ]);
  expect(s.series("a", "l2")).toEqual([[1], [-Infinity]]);
  const lasts = listAt(s.answer("/active/").body, idOf("a"), "traces", "metric").map((trace) =>
    mapAt(trace, "values")!.get("last"),
  );
  expect(lasts).toEqual([-Infinity, Infinity, Infinity]);
});

quirk(
  "param NaN as JSON literal",
  "parameters that are no finite numbers are null in JSON, themselves in streams and queries",
  (s) => {
    expect(s.params("a")).toEqual(tree({ hparams: tree({ x: null, y: null, z: 1n }) }));
    expect(s.found("run.hparams.y > 5")).toEqual(["a"]);
    expect(s.found("run.hparams.x == 1")).toEqual([]);
    expect(s.differing).toEqual([]);
  },
);

quirk(
  "custom object of default dtype counts as a metric",
  "an object that is no number does not cut metrics off",
  (s) => {
    expect(s.series("a", "thing")).toEqual([[0], [Number.NaN]]);
    expect(s.series("b", "loss")).toEqual([[0], [0.5]]);
    expect(s.found("run.hash == 'b")).toEqual(["b"]);
  },
);

quirk("int above int64 in params", "integers up to 2^64 are kept, and sent in streams as floats", (s) => {
  expect(s.params("a")).toEqual(tree({ hparams: tree({ u: 2n ** 63n, m: 2n ** 64n - 1n }) }));
  const sent = mapAt(s.answer("/search/run/").body, idOf("a"))!.get("params");
  expect(sent).toEqual(tree({ hparams: tree({ u: 2 ** 63, m: 2 ** 64 }) }));
  expect(s.found("run.hparams.u == 9223372036854775808")).toEqual(["a"]);
  expect(s.found("run.hparams.m > 5")).toEqual(["a"]);
});

quirk("int above uint64 in params: the chunk is lost", "an integer that is too large is refused alone", (s) => {
  expect(s.refusals).toEqual(["the integer 18446744073709551616 does not fit into 64 bits"]);
  expect(s.params("a")).toEqual(tree({ hparams: tree({ lr: 0.1 }) }));
  expect(s.metrics("a")).toEqual(['"loss" {} 0.5']);
});

quirk(
  "hparam string above FDB's key limit: the chunk is lost",
  "a long parameter is kept, and all that came with it",
  (s) => {
    expect(s.refusals).toEqual([]);
    expect(String(mapAt(s.params("a"), "hparams")!.get("text"))).toMatch(/^x{10000,}$/);
    expect(s.metrics("a")).toEqual(['"loss" {} 0.5']);
    expect(mapAt(s.params("a", 1))!.has("other")).toBe(true);
    expect(mapAt(s.params("a", 1))!.has("hparams")).toBe(true);
  },
);

quirk(
  "value above FDB's 100 kB limit: the chunk is lost",
  "a value of more than 100 kB is kept, and all that came with it",
  (s) => {
    expect(s.refusals).toEqual([]);
    expect(String(mapAt(s.params("a"), "other")!.get("text"))).toMatch(/^x{100000,}$/);
    expect(s.metrics("a")).toEqual(['"loss" {} 0.5']);
  },
);

quirk("payload without its fields: the chunk is lost", "a message that misses a member is refused alone", (s) => {
  expect(s.refusals).toEqual(["log_metric.name: Field required"]);
  expect(s.metrics("a")).toEqual(['"loss" {} 0.5']);
  const [trace] = listAt(s.answer("/search/run/").body, idOf("a"), "traces", "metric");
  expect(mapAt(trace, "values")!.get("last_step")).toBe(1n);
});

quirk("context lost after a failed chunk (context cache)", "a context is known whatever was refused beside it", (s) => {
  expect(s.metrics("a")).toEqual(['"loss" {subset: "val"} 0.5', '"loss" {subset: "train"} 0.5']);
  expect(s.found("metric.context.subset == 'train'")).toEqual(["a"]);
});

quirk("unknown types, bad envelopes, surrogates", "what is no message is refused, the others are taken", (s) => {
  expect(s.refusals.length).toBe(7);
  expect(s.params("a")).toEqual(tree({ s: "\ufffd", d: 2n }));
  expect(s.found("/search/run/")).toEqual(["a"]);
});

quirk("create twice", "a creation that comes again changes nothing", (s) => {
  const props = mapAt(s.info("a").body, "props")!;
  expect(props.get("name")).toBe("n");
  expect([props.get("archived"), props.get("active")]).toEqual([true, false]);
  expect(mapAt(props, "experiment")!.get("name")).toBe("e");
  expect(s.found("/search/run/")).toEqual([]);
  expect(s.found("run.archived == True")).toEqual(["a"]);
  for (const nth of [0, 1]) expect(s.found("run.archived in [True, False]", nth)).toEqual(["a"]);
  expect(s.found("run.active == False")).toEqual([]); // archived runs are not asked for
  const counts = mapAt(s.answer("/projects/activity/").body)!;
  expect(["num_runs", "num_archived_runs", "num_active_runs"].map((name) => counts.get(name))).toEqual([1n, 1n, 0n]);
});

quirk("resume of an unknown run", "a run that is resumed and not there is made", (s) => {
  expect(s.found("/search/run/")).toEqual(["a"]);
  expect(s.differing).toEqual([]);
});

quirk("client times odd", "a client's time that is none is taken for absent", (s) => {
  expect(s.refusals).toEqual([]);
  const ends = ["a", "b", "c"].map((letter) => mapAt(s.info(letter).body, "props")!.get("end_time"));
  expect(ends).toEqual([1_772_359_302.25, 1_772_359_303.25, 1_772_359_306.25]);
  expect(s.found("/search/run/")).toEqual(["c", "b", "a"]);
});

quirk("finish and property of an unknown run", "finishing what is not there makes no run of it", (s) => {
  expect(s.refusals).toEqual([`there is no run '${idOf("a")}'`]);
  expect(s.info("a").status).toBe(404n);
  expect(mapAt(s.info("b").body, "props")!.get("description")).toBe("d");
  expect(s.found("/search/run/", 1)).toEqual([]);
  expect(s.found("/search/run/", 2)).toEqual(["b"]);
});

quirk("delete of an unknown run, then create", "a deleted run stays away until its tombstone is cleared", (s) => {
  expect(s.info("a").status).toBe(404n);
  expect(message(s.info("a"))).toContain(idOf("a"));
  expect(s.answer("clear-tombstone").status).toBe(204n);
  expect(s.metrics("a", 1)).toEqual(['"loss" {} 0.5']);
  expect(s.found("/search/run/", 1)).toEqual(["a"]);
});

quirk("delete and create in one batch", "what comes after a delete in its batch is for a deleted run", (s) => {
  expect(s.refusals).toEqual([]);
  expect(s.info("a").status).toBe(404n);
  expect(s.found("/search/run/")).toEqual([]);
});

quirk("delete, clear tombstone, create again", "after its tombstone is cleared a run can be made again", (s) => {
  expect(s.info("a").status).toBe(404n);
  expect(s.metrics("a", 1)).toEqual(['"loss" {s: 1} 0.5']);
  expect(s.found("/search/run/")).toEqual(["a"]);
});

quirk(
  "deleted experiment revives when its run is deleted",
  "a deleted experiment stays deleted when its run goes",
  async (s) => {
    const id = String(mapAt(listAt(tree({ list: s.asked[0]!.ours.body }), "list")[0])!.get("id"));
    const send = (method: string, path: string) =>
      s.world.ask({ method, path: `/api/v1/rest/${path}`, headers: {}, json: undefined, text: undefined });
    expect((await send("DELETE", `experiments/${id}/`)).status).toBe(200);
    expect((await send("DELETE", `runs/${idOf("a")}/`)).status).toBe(200);
    expect(new TextDecoder().decode((await send("GET", "experiments/")).bytes)).toBe("[]");
  },
);

quirk("tag deleted, then its run deleted", "a tag counts the runs that it has", (s) => {
  const counts = [0, 1].map((nth) =>
    mapAt(listAt(tree({ list: s.answer("/tags/", nth).body }), "list")[0])!.get("run_count"),
  );
  expect(counts).toEqual([1n, 0n]);
});

quirk("experiment cleared and set", "an experiment without a name means none", (s) => {
  const experiments = listAt(tree({ list: s.answer("/experiments/").body }), "list");
  const named = experiments.map((one) => `${mapAt(one)!.get("name")} ${mapAt(one)!.get("run_count")}`);
  expect(named.sort()).toEqual(["e1 0", "e2 0"]);
  expect(mapAt(s.info("a").body, "props", "experiment")!.get("id")).toBeNull();
  for (const name of ["e1", "e2", ""]) expect(s.found(`run.experiment == '${name}'`)).toEqual([]);
});

quirk("tags odd", "a tag has a name, of any length", (s) => {
  expect(s.refusals).toEqual(["add_tag.tag_name: String should have at least 1 character"]);
  const names = listAt(s.info("a").body, "props", "tags").map((tag) => String(mapAt(tag)!.get("name")).slice(0, 5));
  expect(names.sort()).toEqual([" sp ", "xxxxx"]);
  expect(s.found("' sp ' in run.tags")).toEqual(["a"]);
  expect(s.found("'' in run.tags")).toEqual([]);
});

quirk("steps odd", "a step that does not fit is refused alone; 1.0 and true are 1, no step is the next", (s) => {
  expect(s.refusals).toEqual(["log_metric.step: 9223372036854775808 does not fit into 64 bits"]);
  expect(s.series("a", "loss")?.[0]).toEqual([-1, 2 ** 40, 2 ** 40 + 1]);
  expect(s.series("a", "c")).toEqual([
    [1, 2],
    [0.5, 0.5],
  ]);
  expect(s.series("a", "d")).toEqual([[1], [0.5]]);
  expect(["e", "f", "g"].map((name) => s.series("a", name)?.[1])).toEqual([[1], [0.5], [3]]);
  expect(s.series("a", "b")).toBeUndefined();
});

quirk("metric value a string", "a metric that is no number is refused", (s) => {
  expect(s.refusals).toEqual([expect.stringContaining("log_metric.value: Input should be a valid number")]);
  expect(s.metrics("a")).toEqual([]);
});

quirk("context odd", "contexts differ by the kinds of their values and not by the order of their names", (s) => {
  expect(s.refusals.length).toBe(2);
  const contexts = ["{a: 1}", "{n: null}", "{a: true}", "{l: [1, {x: 1}]}", "{a: 1.0}", "{b: 1, a: 2}", '{é: "ü"}'];
  expect(s.metrics("a")).toEqual(contexts.map((context) => `"loss" ${context} 0.5`));
  const batch = listAt(tree({ list: s.answer("/get-batch/").body }), "list");
  expect(batch.map((trace) => shown(mapAt(trace)!.get("context")))).toEqual(["{a: 1}"]);
});

quirk("same name, two kinds", "a sequence that is used for two kinds is shown as the later one", (s) => {
  expect(s.metrics("a")).toEqual([]);
  expect(s.found("/search/metric/")).toEqual([]);
  const [trace] = listAt(s.answer("/search/texts/").body, idOf("a"), "traces");
  expect(shown(mapAt(trace)!.get("values"))).toBe('[[{data: "0.5", index: 0}], [{data: "t", index: 0}]]');
});

quirk("custom objects odd", "objects that are none show as empty ones, in their places", (s) => {
  for (const kind of ["images", "texts", "distributions", "figures"]) {
    const { ours, theirs } = s.asked.find(({ request }) => request.path.endsWith(`/search/${kind}/`))!;
    expect([kind, ours.body]).toEqual([kind, theirs.body]);
  }
  // A figure whose data is a list is that list.
  const figures = listAt(s.answer("/search/figures/").body, idOf("a"), "traces").flatMap((trace) =>
    listAt(trace, "values"),
  );
  expect(figures.map((figure) => mapAt(figure)!.get("data"))).toEqual([
    "raw",
    "{}",
    '[1.0, null, {"\\u00e9": "\\ud83d\\ude42"}]',
  ]);
});

quirk("distribution data with a string in it", "what is no number in a distribution is a NaN", (s) => {
  const [trace] = listAt(s.answer("/search/distributions/").body, idOf("a"), "traces");
  const data = mapAt(listAt(trace, "values")[0])!.get("data");
  expect(data instanceof Floats && data.values).toEqual([1, Number.NaN]);
});

quirk("logs odd", "lines with gaps are kept, a record that has no text is refused alone", (s) => {
  expect(s.refusals).toEqual([expect.stringContaining("log_record.message: Input should be a valid string")]);
  expect(s.answer("record_range=0:2000").body).toEqual(tree({ "#0": "", "#1000": "gap" }));
  expect(s.answer("/logs/").body).toEqual(tree({ "#1000": "gap" }));
  expect(mapAt(s.answer("/log-records/").body)!.get("log_records_count")).toBe(1n);
});

quirk("hparam types in the index", "parameters compare as Python compares them, with the index or without", (s) => {
  const all = ["c", "b", "a"];
  // 1, 1.0 and True are equal; nothing compares with a text or None by order.
  const right: Record<string, string[]> = { "==": all, "<": [], "<=": all, ">": [], ">=": all, "!=": [] };
  for (const [operator, equal] of Object.entries(right)) {
    for (const value of ["1&", "1.0&", "True&"])
      expect([operator, value, s.found(`v ${operator} ${value}`)]).toEqual([operator, value, equal]);
    const other = operator === "!=" ? all : [];
    for (const value of ["'a'&", "None&"])
      expect([operator, value, s.found(`v ${operator} ${value}`)]).toEqual([operator, value, other]);
  }
  expect(s.found("v == 0.5 + 0.5")).toEqual(all);
});

quirk("one-key hparams replaced by path collapse", "parameters logged one by one come together", (s) => {
  expect(s.params("a")).toEqual(tree({ hparams: tree({ lr: 1n, bs: 2n, nested: tree({ deep: 3n }) }) }));
  expect(s.found("run.hparams.nested.deep == 3")).toEqual(["a"]);
  expect(s.differing).toEqual([]);
});

quirk("empty store", "an empty store has empty answers", (s) => {
  expect(s.differing).toEqual([]);
});

quirk("twenty-five runs, progress frames", "pages of runs are the newest first, and go on after the last one", (s) => {
  const runs = (nth: number) => s.asked[nth]!.ours.order!.map((hash) => Number.parseInt(String(hash), 16));
  const newest = Array.from({ length: 25 }, (_, i) => 24 - i);
  expect(runs(0)).toEqual(newest);
  expect(runs(1)).toEqual(newest.slice(0, 12));
  expect(runs(2)).toEqual([24, 23, 22]);
  expect(runs(3)).toEqual([23, 22, 21]);
  expect(runs(4).sort((a, b) => b - a)).toEqual(newest);
  expect(runs(6).sort((a, b) => b - a)).toEqual([24, 23, 22, 21]);
  expect(s.asked[2]!.ours.progress).toBeUndefined();
});
