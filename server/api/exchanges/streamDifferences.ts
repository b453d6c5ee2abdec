// What ours answers other than recorded: what a run, a metric or an object shows in a stream.
import { type Amendment, eachMap, queryOf, set } from "./amendment.ts";
import { type Facts, listAt, mapAt } from "./facts.ts";
import { Floats, type Node, readable } from "./nodes.ts";

export const streamDifferences: readonly Amendment[] = [
  {
    name: "last of the highest step",
    amend: ({ body }, exchange, facts) => {
      let found = false;
      const run = "a2691dae158875cf89ab92a48ccb517b";
      eachMap(body, (map) => {
        if (map.get("name") !== "shuffled" || facts.points(run, "shuffled", map.get("context")) === undefined) return;
        const last = facts.points(run, "shuffled", map.get("context"))!.at(-1)!;
        found = set(map, "last_value", last.value) || found;
        found = set(mapAt(map, "values"), "last", last.value) || found;
        found = set(mapAt(map, "values"), "last_step", last.step) || found;
      });
      // So it is no longer one of those whose last value is below that.
      if (exchange.n === 476 || exchange.n === 602) {
        const traces = mapAt(body, run)!;
        traces.set(
          "traces",
          listAt(traces, "traces").filter((trace) => mapAt(trace)!.get("name") !== "shuffled"),
        );
        found = true;
      }
      return found;
    },
  },
  {
    name: "first, min and max",
    amend: ({ body }, { group }, facts) => {
      let found = false;
      if (!/^(run-search|mut-)/.test(group) || !(body instanceof Map)) return false;
      for (const [hash, node] of body)
        for (const trace of listAt(node, "traces", "metric")) {
          const values = mapAt(trace, "values");
          const points = facts.points(hash, mapAt(trace)!.get("name"), mapAt(trace)!.get("context"));
          if (values?.has("first") !== true || points === undefined) continue;
          const all = points.map(({ value }) => value);
          values.set("first", all[0]!);
          values.set("min", Math.min(...all));
          values.set("max", Math.max(...all));
          found = true;
        }
      return found;
    },
  },
  {
    name: "epochs and times of points",
    amend: ({ body }, { request }, facts) => {
      let found = false;
      if (!(body instanceof Map) || !/\/search\/metric\/?(\?|$)/.test(request?.path ?? "")) return false;
      for (const [hash, node] of body)
        for (const trace of listAt(node, "traces")) {
          const map = mapAt(trace)!;
          const steps = map.get("iters");
          const points = facts.points(hash, map.get("name"), map.get("context"));
          if (!(steps instanceof Floats) || points === undefined) continue;
          const known = new Map(points.map((point) => [Number(point.step), point]));
          const of = (field: "epoch" | "time") => new Floats(steps.values.map((step) => known.get(step)![field]));
          map.set("epochs", of("epoch"));
          map.set("timestamps", of("time"));
          found = true;
        }
      return found;
    },
  },
  {
    name: "x values at the steps of the values",
    amend: ({ body }, exchange, facts) => {
      const axis = queryOf(exchange).get("x_axis");
      if (axis === null || !(body instanceof Map)) return false;
      for (const [hash, node] of body)
        for (const trace of listAt(node, "traces")) alignX(mapAt(trace)!, axis, hash, facts);
      return true;
    },
  },
  {
    name: "align keeps positions",
    only: [641, 642],
    amend: (right, { request }) => {
      const body = right.body as Map<string, Node>;
      const answer = new Map<string, Node>();
      for (const run of listAt(request!.json as Node, "runs")) {
        const hash = String(mapAt(run)!.get("run_id"));
        const given = listAt(body, hash);
        const traces = listAt(run, "traces").map((trace): Node => {
          const [name, context] = [mapAt(trace)!.get("name")!, mapAt(trace)!.get("context")!];
          const isSame = (other: Node) =>
            mapAt(other)!.get("name") === name && Bun.deepEquals(mapAt(other)!.get("context"), context);
          return (
            given.find(isSame) ??
            new Map<string, Node>([
              ["name", name],
              ["context", context],
              ["x_axis_values", null],
              ["x_axis_iters", null],
            ])
          );
        });
        answer.set(hash, traces);
      }
      right.body = answer;
      if (right.order !== undefined) right.order = [...answer.keys()];
      return true;
    },
  },
  {
    name: "original positions of items",
    amend: ({ body }, { group }) => group === "custom-images" && renumber(body),
  },
  {
    name: "log levels that the UI knows",
    amend: ({ body }) => {
      let found = false;
      eachMap(body, (map) => {
        if (map.get("log_level") === "CRITICAL") found = set(map, "log_level", "ERROR") || found;
      });
      return found;
    },
  },
  {
    name: "names that are empty",
    only: [412, 1181],
    amend: ({ body }) => {
      eachMap(body, (map) => {
        if (!map.has("")) return;
        const entries = [...map];
        map.clear();
        for (const [name, value] of entries) map.set(name === "" ? "(empty)" : name, value);
      });
      return true;
    },
  },
  {
    name: "integers that the UI misreads",
    amend: (right, { answer }) => answer.kind === "stream" && largeAsFloats(right.body),
  },
  {
    name: "a blob that is asked for twice",
    only: [912, 917],
    amend: (right) => {
      const [first, ...others] = right.body as Map<string, Node>[];
      for (const other of others) for (const [token, bytes] of other) if (!first!.has(token)) first!.set(token, bytes);
      right.body = first!;
      right.order = [...first!.keys()];
      return true;
    },
  },
  {
    name: "missing blobs in a batch",
    only: [930],
    amend: (right, { request }) => {
      const body = right.body as Map<string, Node>;
      for (const token of listAt(new Map([["uris", request!.json as Node]]), "uris")) {
        const text = missingBlob(token);
        if (text !== undefined && !body.has(text)) body.set(text, new Uint8Array(0));
      }
      if (right.order !== undefined) right.order = [...body.keys()];
      return true;
    },
  },
];

function missingBlob(token: Node): string | undefined {
  return typeof token === "string" && token.startsWith("gAAAA") ? readable(token) : undefined;
}

/** The x metric at those steps of a metric where it has a value. */
function alignX(trace: Map<string, Node>, axis: string, hash: string, facts: Facts): void {
  if (axis === "") {
    trace.delete("x_axis_values");
    trace.delete("x_axis_iters");
    return;
  }
  const steps = trace.get("iters");
  const points = facts.points(hash, axis, trace.get("context"));
  if (!(steps instanceof Floats) || points === undefined) return;
  const known = new Map(points.map(({ step, value }) => [Number(step), value]));
  const shared = steps.values.filter((step) => known.has(step));
  trace.set("x_axis_iters", new Floats(shared));
  trace.set("x_axis_values", new Floats(shared.map((step) => known.get(step)!)));
}

/** The pictures of the sequence `batch` have their places in their captions. */
function renumber(body: Node): boolean {
  let found = false;
  eachMap(body, (item) => {
    const [caption, uri] = [item.get("caption"), item.get("blob_uri")];
    const place = typeof caption === "string" ? /^b(\d)$/.exec(caption)?.[1] : undefined;
    if (place === undefined || typeof uri !== "string" || !uri.includes("__batch__")) return;
    found = set(item, "index", BigInt(place)) || found;
    set(item, "blob_uri", uri.replace(/\d+$/, place));
  });
  return found;
}

/** Whole numbers from 2^31 on, in place. */
function largeAsFloats(node: Node): boolean {
  let found = false;
  const asFloat = (value: Node): Node => {
    if (typeof value !== "bigint" || BigInt.asIntN(32, value) === value) return value;
    found = true;
    return Number(value);
  };
  eachMap(node, (map) => {
    for (const [key, value] of map) {
      if (Array.isArray(value)) map.set(key, value.map(asFloat));
      else map.set(key, asFloat(value));
    }
  });
  return found;
}
