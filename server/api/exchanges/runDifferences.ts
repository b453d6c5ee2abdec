// What ours answers other than recorded: runs that were written twice, never created or deleted; which runs a search finds.
import { type Amendment, eachMap, queryOf, refuse, set } from "./amendment.ts";
import { differences } from "./compare.ts";
import { type Facts, type KnownRun, listAt, mapAt, recreated } from "./facts.ts";
import type { Model } from "./model.ts";
import { Expectation, type Node } from "./nodes.ts";

/** Runs that a search should have found, and did not or not only those. In the order of the answer. */
const searches: Readonly<Record<number, (runs: readonly KnownRun[], facts: Facts) => readonly KnownRun[]>> = {
  207: (runs) => listed(runs).filter((run) => batchSize(run) === 32),
  211: (runs) => listed(runs).filter((run) => batchSize(run) <= 64),
  280: (runs) => listed(runs).filter(({ tags }) => tags.length > 0),
  289: (runs) => runs.filter(({ isArchived }) => isArchived),
  290: (runs) => runs.filter(({ isArchived }) => isArchived),
  // Four hours east of Greenwich a day begins four hours earlier.
  304: (runs) => listed(runs).filter(({ createdAt }) => createdAt > Date.UTC(2026, 1, 28, 20) / 1_000),
  318: (runs, facts) => listed(runs).filter(({ hash }) => lastLoss(facts, hash) < 0.1),
  325: (runs) => listed(runs).filter(({ tags }) => tags.includes("prod") || tags.includes("best")),
  341: (runs) => listed(runs).filter(({ name }) => name === "images run"),
  346: (runs) => listed(runs).filter(({ name }) => name === "images run"),
  417: (runs) => listed(runs).slice(0, 25),
  420: (runs) => listed(runs),
  421: (runs) => listed(runs).slice(0, 7),
  994: (runs) => listed(runs).filter(({ tags }) => tags.includes("best")),
  995: () => [],
  996: (runs) => listed(runs).filter(({ tags }) => tags.includes("best")),
  1040: () => [],
  1047: () => [],
};

function listed(runs: readonly KnownRun[]): KnownRun[] {
  return runs.filter(({ isArchived }) => !isArchived);
}

function batchSize({ params }: KnownRun): number {
  const value = mapAt(params, "hparams")?.get("batch_size");
  return typeof value === "number" || typeof value === "bigint" ? Number(value) : Number.NaN;
}

function lastLoss(facts: Facts, hash: string): number {
  return facts.points(hash, "loss", new Map([["subset", "val"]]))?.at(-1)?.value ?? Number.NaN;
}

/** Makes a stream of what was a refusal. */
function answerStream(right: Model): void {
  right.status = 200n;
  right.headers.set("content-type", "application/octet-stream");
  right.order = [];
  right.progress = "numbered from 0, ends with 0 of 0";
}

export const runDifferences: readonly Amendment[] = [
  {
    name: "recreated run is listed once",
    only: [1181],
    amend: (right) => {
      const documents = right.body as Map<string, Node>[];
      right.body = new Map(documents.flatMap((document) => [...document]));
      right.order = [...right.body.keys()];
      return true;
    },
  },
  {
    name: "recreated run keeps its fields",
    amend: (right, exchange, facts) => {
      const { body } = right;
      let found = false;
      if (body instanceof Map && body.has(recreated)) {
        found = true;
        const isAsked = /archived/.test(queryOf(exchange).get("q") ?? "") && exchange.n !== 291;
        if (isAsked) facts.amendRecreated(mapAt(body, recreated, "props")!);
        else body.delete(recreated);
        if (right.order !== undefined)
          right.order = isAsked ? byAge(right.order, facts) : right.order.filter((hash) => hash !== recreated);
      }
      eachMap(body, (map) => {
        if (map.get("run_id") === recreated) found = facts.amendRecreated(map);
      });
      if (exchange.n === 124) found = facts.amendRecreated(mapAt(body, "props")!);
      return found;
    },
  },
  {
    name: "recreated run is counted once",
    only: [47, 48, 76, 77, 78, 1086, 1159, 1177],
    amend: ({ body }, exchange, facts) => {
      const counts = mapAt(body)!;
      const offset = Number(exchange.request?.headers["x-timezone-offset"] ?? 0);
      const ofExperiment = exchange.n < 50;
      const gone = exchange.n === 1177 ? deleted : exchange.n === 1159 ? deleted.slice(0, 1) : [];
      const runs = facts.runs.filter(
        ({ experiment, hash }) => (!ofExperiment || experiment === "baseline") && !gone.includes(hash),
      );
      const activity = new Map<string, Node>();
      for (const { createdAt } of runs) {
        const text = new Date((createdAt - offset * 60) * 1_000).toISOString();
        const key = ofExperiment ? `${text.slice(0, 13)}:00:00` : `${text.slice(0, 10)}T00:00:00`;
        activity.set(key, BigInt((activity.get(key) as bigint | undefined) ?? 0n) + 1n);
      }
      counts.set("num_runs", BigInt(runs.length));
      counts.set("activity_map", activity);
      const archived = runs.filter(({ isArchived }) => isArchived).length + (exchange.n < 1_000 ? 0 : archivedLater);
      counts.set("num_archived_runs", BigInt(archived));
      if (exchange.n === 1177) counts.set("num_experiments", 2n);
      return true;
    },
  },
  {
    name: "tag counted once",
    amend: ({ body }) => {
      let found = false;
      eachMap(body, (map) => {
        if (map.get("name") === "twice") found = set(map, "run_count", 1n) || found;
      });
      return found;
    },
  },
  {
    name: "ghost",
    only: [127, 1072],
    amend: (right) => refuse(right, 404, "Not Found"),
  },
  {
    name: "what a search finds",
    only: Object.keys(searches).map(Number),
    amend: (right, { n }, facts) => {
      const runs = searches[n]!(facts.runs, facts);
      if (right.status === 400n) answerStream(right);
      const body = new Map<string, Node>();
      for (const { hash } of runs) {
        const node = facts.runNode(hash);
        // The tag was renamed in between; runs of two tags have both.
        if (n >= 994)
          for (const tag of listAt(node, "props", "tags"))
            if (mapAt(tag)!.get("name") === "best") mapAt(tag)!.set("name", "finest");
        body.set(hash, node);
      }
      right.body = body;
      if (right.order !== undefined) right.order = [...body.keys()];
      return true;
    },
  },
  {
    name: "a page is full",
    only: [453],
    amend: (right, _, facts) => {
      const runs = listed(facts.runs).filter(({ experiment }) => experiment === "baseline");
      const expected = runs.sort((a, b) => (a.name < b.name ? -1 : 1)).slice(0, 3);
      const body = right.body as Map<string, Node>;
      for (const { hash, params } of expected)
        if (!body.has(hash)) {
          const node = facts.runNode(hash);
          node.set("params", params!);
          node.set("traces", mapAt(facts.body(411), hash, "traces")!);
          body.set(hash, node);
        }
      right.order = expected.map(({ hash }) => hash);
      return true;
    },
  },
  {
    name: "metrics of archived runs and of runs without",
    only: [188, 189, 1080, 1170],
    amend: (right, _, facts) => {
      const body = right.body as Map<string, Node>;
      for (const [hash, node] of body) {
        if (mapAt(node, "props")?.get("archived") === true) body.delete(hash);
        const traces = mapAt(node, "traces")!;
        traces.set(
          "metric",
          listAt(traces, "metric").filter((trace) =>
            facts.points(hash, mapAt(trace)?.get("name"), mapAt(trace)?.get("context")),
          ),
        );
      }
      if (right.order !== undefined) right.order = [...body.keys()];
      return true;
    },
  },
  {
    name: "`metric` alone is true",
    only: [505],
    amend: (right, _, facts) => {
      const body = new Map<string, Node>();
      for (const { hash } of listed(facts.runs)) {
        const metrics = facts.metrics(hash);
        if (metrics.length > 0) body.set(hash, metricRun(facts, hash, metrics.length));
      }
      right.body = body;
      return true;
    },
  },
  {
    name: "days begin at local midnight",
    only: [501],
    amend: (right, _, facts) => {
      const body = right.body as Map<string, Node>;
      for (const { hash, createdAt, isArchived } of facts.runs) {
        if (isArchived || createdAt <= Date.UTC(2026, 1, 28, 20) / 1_000 || body.has(hash)) continue;
        const losses = facts.metrics(hash).filter(([name]) => name === "loss");
        if (losses.length > 0) body.set(hash, metricRun(facts, hash, losses.length));
      }
      return true;
    },
  },
];

/** The runs that the last exchanges delete. */
const deleted = [
  "999a785b5a94227589e8d73b622cf5ff",
  "a18e6c30be651d2c1ce72d64612a78a5",
  "c6c802a98801164e92f95733f31efce1",
];
/** Archived by exchanges 1070 and 1073, less one that 1075 takes back. */
const archivedLater = 1;

function byAge(order: readonly Node[], facts: Facts): Node[] {
  return facts.runs.map(({ hash }) => hash).filter((hash) => order.includes(hash));
}

/** A run of a metric search with so many metrics, all of whose numbers are true; at most 12 of each were asked for. */
function metricRun(facts: Facts, hash: string, count: number): Expectation {
  return new Expectation(`${hash} with ${count} metrics of at most 12 points`, (ours) => {
    const traces = listAt(ours, "traces");
    const isTrue = traces.every((trace) => {
      const map = mapAt(trace)!;
      const points = facts.points(hash, map.get("name"), map.get("context")) ?? [];
      const iters = floats(map.get("iters"));
      const known = new Map(points.map(({ step, value }) => [Number(step), value]));
      return (
        iters.length === Math.min(12, points.length) &&
        iters[0] === Number(points[0]?.step) &&
        iters.at(-1) === Number(points.at(-1)?.step) &&
        floats(map.get("values")).every((value, i) => Object.is(value, known.get(iters[i]!)))
      );
    });
    const isOwn = differences(mapAt(facts.runNode(hash), "props"), mapAt(ours, "props")).length === 0;
    return isTrue && isOwn && traces.length === count;
  });
}

function floats(node: Node | undefined): readonly number[] {
  return node !== null && typeof node === "object" && "values" in node && Array.isArray(node.values) ? node.values : [];
}
