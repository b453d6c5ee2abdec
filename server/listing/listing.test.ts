// Names, contexts and metrics as people write them.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { mapOf, type ValueMap } from "../../formats/value.ts";
import { contextText, matchesContext, parseContextTerm } from "./contextText.ts";
import { commonMetrics, findMetric, parseMetric } from "./metricName.ts";
import { byNearness, editDistance, nearestNames } from "./nearest.ts";
import { paramAt } from "./params.ts";
import type { RunSummary } from "./summary.ts";
import { statusOf, timesOf } from "./summary.ts";

function runWith(...metrics: [name: string, contextId: number, context: ValueMap][]): RunSummary {
  return {
    hash: "h",
    name: "",
    description: "",
    experiment: undefined,
    tags: [],
    status: "active",
    archived: false,
    active: true,
    createdAt: 0,
    finishedAt: undefined,
    duration: undefined,
    sequences: metrics.map(([name, contextId, context]) => ({
      name,
      contextId,
      context,
      dtype: "float",
      last: contextId,
    })),
    attrs: undefined,
  };
}

test("near names come first and unlikely ones not at all", () => {
  expect(nearestNames("restor", ["backup", "restore", "verify"])).toEqual(["restore"]);
  expect(nearestNames("acc", ["val/accuracy", "loss"])).toEqual(["val/accuracy"]);
  expect(nearestNames("LOSS", ["loss"])).toEqual(["loss"]);
  expect(nearestNames("zzz", ["loss", "accuracy"])).toEqual([]);
  expect(byNearness("los", ["accuracy", "loss"])).toEqual(["loss", "accuracy"]);
});

test("the edit distance is a metric that counts a swap of neighbours once", () => {
  expect(editDistance("naem", "name")).toBe(1);
  expect(editDistance("", "abc")).toBe(3);
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
      expect(editDistance(a, b)).toBe(editDistance(b, a));
      expect(editDistance(a, b) === 0).toBe(a === b);
      expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
    }),
  );
});

test("contexts print in the order of names and match by text, numbers by value", () => {
  const context = mapOf({ subset: "val", fold: 1n, rate: 0.5 });
  expect(contextText(context)).toBe("fold=1, rate=0.5, subset=val");
  expect(contextText(new Map())).toBe("");
  const matches = (...terms: string[]) => matchesContext(context, terms.map(parseContextTerm));
  expect(matches("subset=val", "fold=1")).toBe(true);
  expect(matches("fold=1.0", "rate=.5")).toBe(true);
  expect(matches("subset=train")).toBe(false);
  expect(matches("other=1")).toBe(false);
  expect(() => parseContextTerm("subset")).toThrow("'subset' is no context");
});

test("a metric without a context means the empty one, else the first by text; with one exactly that", () => {
  const val = mapOf({ subset: "val" });
  const train = mapOf({ subset: "train" });
  const both = runWith(["loss", 9, val], ["loss", 5, train]);
  expect(findMetric(both, parseMetric("loss"))?.contextId).toBe(5);
  expect(findMetric(both, parseMetric("loss{subset=val}"))?.contextId).toBe(9);
  expect(findMetric(runWith(["loss", 9, val], ["loss", 0, new Map()]), parseMetric("loss"))?.contextId).toBe(0);
  expect(findMetric(both, { name: "loss", context: [], contextId: 0 })).toBeUndefined();
  expect(parseMetric("f{x}")).toEqual({ name: "f{x}", context: [] });
  expect(parseMetric("loss{a=1,b=x}")).toEqual({
    name: "loss",
    context: [
      ["a", "1"],
      ["b", "x"],
    ],
  });
});

test("the most common metrics of a list are shown, those of the system left out", () => {
  const empty: ValueMap = new Map();
  const runs = [
    runWith(["a", 0, empty], ["b", 0, empty], ["__system__cpu", 0, empty]),
    runWith(["b", 0, empty], ["__system__cpu", 0, empty]),
  ];
  expect(commonMetrics(runs, 4).map(({ name }) => name)).toEqual(["b", "a"]);
  expect(commonMetrics(runs, 1).map(({ name }) => name)).toEqual(["b"]);
});

test("dotted paths find nested parameters, and names that have dots themselves", () => {
  const attrs = mapOf({ hparams: mapOf({ lr: 0.1, "a.b": mapOf({ "c.d": 5n }) }), list: [1n, mapOf({ x: 2n })] });
  expect(paramAt(attrs, "hparams.lr")).toBe(0.1);
  expect(paramAt(attrs, "lr")).toBe(0.1);
  expect(paramAt(attrs, "hparams.a.b.c.d")).toBe(5n);
  expect(paramAt(attrs, "list.1.x")).toBe(2n);
  expect(paramAt(attrs, "list.7")).toBeUndefined();
  expect(paramAt(attrs, "hparams.none")).toBeUndefined();
});

test("status and times follow the run's meta fields", () => {
  expect(statusOf(mapOf({ active: false }))).toBe("finished");
  expect(statusOf(mapOf({ active: false, is_archived: true }))).toBe("archived");
  expect(statusOf(mapOf({ pending_deletion: true, is_archived: true }))).toBe("deleting");
  expect(timesOf(mapOf({ created_at: 10, finalized_at: 25 }))).toEqual({ createdAt: 10, finishedAt: 25, duration: 15 });
  expect(timesOf(mapOf({ created_at: 10, finalized_at: 25, duration: 12 }))).toEqual({
    createdAt: 10,
    finishedAt: 22,
    duration: 12,
  });
  expect(timesOf(mapOf({ created_at: 10, finalized_at: null }))).toEqual({
    createdAt: 10,
    finishedAt: undefined,
    duration: undefined,
  });
});
