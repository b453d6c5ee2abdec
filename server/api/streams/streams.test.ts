// What the streams do better than the existing backend's (rest-api.md 8), asked as the UI asks.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { floatsOf, type StreamNode } from "../../../formats/stream.ts";
import type { Value, ValueMap } from "../../../formats/value.ts";
import type { BlobStore } from "../../blobs/index.ts";
import { makeRun, pointsOf } from "../../search/testing.ts";
import type { Store } from "../../store/index.ts";
import { SequenceWriter } from "../../store/sequences.ts";
import { memoryStore } from "../../store/testing.ts";
import { recordSequence, terminalSequence } from "../../workers/points.ts";
import { LogCounts } from "../logCounts.ts";
import {
  at,
  documentsOf,
  encodeQuery,
  objectsOf,
  recordsOf,
  removeTemporaryBlobs,
  type StreamApi,
  streamApi,
  temporaryBlobs,
} from "./testing.ts";

afterAll(removeTemporaryBlobs);

let store: Store;
let blobs: BlobStore;
let api: StreamApi;

const image = (fields: Record<string, Value>): ValueMap =>
  new Map<string, Value>([["type", "image"], ["format", "PNG"], ...Object.entries(fields)]);
const val: ValueMap = new Map([["subset", "val"]]);

beforeAll(async () => {
  store = await memoryStore();
  blobs = await temporaryBlobs();
  api = streamApi(store, blobs);
  await makeRun(store, {
    hash: "good",
    createdAt: 100,
    attrs: new Map<string, Value>([
      ["lr", 0.1],
      ["", "no name"],
      ["seed", 2n ** 63n],
      ["__system_params", new Map([["arguments", "x"]])],
      ["__blobs__", new Map([["a", "b"]])],
    ]),
    sequences: [
      {
        name: "loss",
        context: val,
        points: Array.from({ length: 10 }, (_, step) => ({
          step: BigInt(step),
          value: step / 2,
          ...(step % 2 === 0 ? { time: 1_000 + step, epoch: BigInt(step >> 1) } : {}),
        })),
      },
      { name: "x", context: val, points: [0, 3, 4, 9].map((step) => ({ step: BigInt(step), value: step * 10 })) },
      {
        name: "pictures",
        dtype: "image",
        points: pointsOf(Array.from({ length: 9 }, (_, i) => image({ caption: `p${i}`, s3_key: `good/p${i}.png` }))),
      },
      { name: "odd", dtype: "custom", points: pointsOf(new Map([["a", 1n]])) },
      { name: "mixed", points: pointsOf(1, null, "text", 2n) },
      {
        name: "hist",
        dtype: "distribution",
        points: pointsOf(
          new Map<string, Value>([
            ["data", [1n, 2.5, "x"]],
            ["bin_count", 3n],
            ["range", [0n, 1n]],
          ]),
        ),
      },
      {
        name: "figure",
        dtype: "figure",
        points: pointsOf(
          new Map([
            [
              "data",
              new Map<string, Value>([
                ["y", [1, Number.NaN]],
                ["layout", new Map()],
              ]),
            ],
          ]),
        ),
      },
    ],
  });
  for (let i = 0; i < 9; i++) if (i !== 4) await blobs.put(`good/p${i}.png`, Uint8Array.of(i, i, i));
  await blobs.put("artifacts/good/old.png", Uint8Array.of(42));
  await blobs.put("secret/key.png", Uint8Array.of(66));
  await makeRun(store, { hash: "next", createdAt: 200, sequences: [{ name: "loss", points: pointsOf(1, 2) }] });
});

const search = (kind: string, fields: Record<string, string | number | boolean>) =>
  api.get(`/runs/search/${kind}?${encodeQuery(fields)}`);
const floats = (node: StreamNode | undefined) => [...(floatsOf(node) ?? [])];
/** The trace of that name of a run. */
const trace = (run: StreamNode | undefined, name: string): StreamNode | undefined => {
  const traces = at(run, "traces");
  return Array.isArray(traces) ? traces.find((node) => at(node, "name") === name) : undefined;
};

test("one run with bad values leaves the others, and its own good values, in every search (W4)", async () => {
  const found = await objectsOf(await search("run", { q: "" }));
  expect([...found.keys()]).toEqual(["next", "good"]);
  const params = at(found.get("good"), "params");
  expect(at(params, "seed")).toBe(2 ** 63);
  expect(at(params, "lr")).toBe(0.1);
  expect(at(params, "(empty)")).toBe("no name");
  const metrics = await objectsOf(await search("metric", { q: "" }));
  expect([...metrics.keys()].sort()).toEqual(["good", "next"]);
  expect(floats(at(trace(metrics.get("good"), "mixed"), "values"))).toEqual([1, Number.NaN, Number.NaN, 2]);
  expect(trace(metrics.get("good"), "odd")).toBeUndefined();
});

test("the environment and the list of artifacts are no parameters", async () => {
  const found = await objectsOf(await search("run", { q: "run.hash == 'good'" }));
  expect(at(found.get("good"), "params", "__system_params")).toBeUndefined();
  const all = await objectsOf(await search("run", { q: "run.hash == 'good'", skip_system: false }));
  expect(at(all.get("good"), "params", "__system_params", "arguments")).toBe("x");
  expect(at(all.get("good"), "params", "__blobs__")).toBeUndefined();
});

test("the first, smallest and largest values of a metric are those, not copies of the last (W11)", async () => {
  const found = await objectsOf(await search("run", { q: "run.hash == 'next'" }));
  const values = at(found.get("next"), "traces", "metric", 0, "values");
  expect([at(values, "first"), at(values, "last"), at(values, "min"), at(values, "max")]).toEqual([1, 2, 1, 2]);
});

test("epochs and times are sent, one for each value, NaN where there is none (W9)", async () => {
  const metrics = await objectsOf(
    await search("metric", { q: "metric.name == 'loss' and metric.context.subset == 'val'", p: 4 }),
  );
  const loss = trace(metrics.get("good"), "loss");
  expect(floats(at(loss, "iters"))).toEqual([0, 3, 6, 9]);
  expect(floats(at(loss, "values"))).toEqual([0, 1.5, 3, 4.5]);
  expect(floats(at(loss, "timestamps"))).toEqual([1000, Number.NaN, 1006, Number.NaN]);
  expect(floats(at(loss, "epochs"))).toEqual([0, Number.NaN, 3, Number.NaN]);
});

test("x values are those at the steps of the values, and only where there are some (W15)", async () => {
  const metrics = await objectsOf(await search("metric", { q: "metric.name == 'loss'", p: 4, x_axis: "x" }));
  const loss = trace(metrics.get("good"), "loss");
  expect(floats(at(loss, "x_axis_iters"))).toEqual([0, 3, 9]);
  expect(floats(at(loss, "x_axis_values"))).toEqual([0, 30, 90]);
  expect(floats(at(trace(metrics.get("next"), "loss"), "x_axis_values"))).toEqual([]);
});

test("align answers for every run and trace in its place, with null where there is nothing to align (W15)", async () => {
  const asked = { context: { subset: "val" }, slice: [0, 5, 1] };
  const traces = [
    { name: "gone", ...asked },
    { name: "loss", ...asked },
  ];
  const body = {
    align_by: "x",
    runs: [
      { run_id: "nope", traces: [traces[1]] },
      { run_id: "good", traces },
    ],
  };
  const found = await objectsOf(await api.post("/runs/search/metric/align", body));
  expect([...found.keys()]).toEqual(["nope", "good"]);
  expect(at(found.get("nope"), 0, "x_axis_values")).toBeNull();
  expect(at(found.get("good"), 0, "x_axis_iters")).toBeNull();
  expect(floats(at(found.get("good"), 1, "x_axis_iters"))).toEqual([0, 3, 4]);
});

test("a browser that drew some points gets the x values of those points, whichever process is asked (W15)", async () => {
  const browser = { "x-timezone-offset": "0", "content-type": "application/json" };
  const drawn = async (p: number, headers: Record<string, string>) =>
    trace(
      (
        await objectsOf(await api.get(`/runs/search/metric?${encodeQuery({ q: "metric.name == 'loss'", p })}`, headers))
      ).get("good"),
      "loss",
    );
  // Another process over the same store, that has not seen the searches.
  const other = streamApi(api.context.store, api.context.blobs);
  const alignedTo = async (slice: unknown) => {
    const traces = [{ name: "loss", context: { subset: "val" }, slice }];
    const found = await objectsOf(
      await other.post("/runs/search/metric/align", { align_by: "x", runs: [{ run_id: "good", traces }] }),
    );
    return floats(at(found.get("good"), 0, "x_axis_iters"));
  };
  const sliceOf = (found: StreamNode | undefined) => (at(found, "slice") as readonly bigint[]).map(Number);
  const four = await drawn(4, browser);
  expect(floats(at(four, "iters"))).toEqual([0, 3, 6, 9]);
  expect(await alignedTo(sliceOf(four))).toEqual([0, 3, 9]);
  expect(await alignedTo(sliceOf(await drawn(3, browser)))).toEqual([0, 4, 9]);
  expect(await alignedTo(sliceOf(await drawn(1, browser)))).toEqual([0]);
  expect(await alignedTo(sliceOf(await drawn(0, browser)))).toEqual([0]);
  // Programs get the slice that they know, and all that there is.
  expect(sliceOf(await drawn(4, {}))).toEqual([0, 9, 1]);
  expect(await alignedTo([0, 9, 1])).toEqual([0, 3, 4, 9]);
  expect(await alignedTo([0, 9, 3])).toEqual([0, 3, 4, 9]);
});

test("a range or a choice of pictures keeps their numbers, and each URI leads to its own picture (W8)", async () => {
  for (const choice of [{ index_range: "3:7", index_density: 0 }, { index_density: 3 }, { index_range: "-2:" }]) {
    const images = await objectsOf(await search("images", { q: "", ...choice }));
    const items = at(trace(images.get("good"), "pictures"), "values", 0);
    if (!Array.isArray(items)) throw new Error("no items");
    expect(items.length).toBeGreaterThan(1);
    for (const item of items) expect(at(item, "caption")).toBe(`p${at(item, "index")}`);
    const uris = items.map((item) => String(at(item, "blob_uri")));
    const bytes = await objectsOf(await api.post("/runs/images/get-batch", uris));
    for (const item of items) {
      const index = Number(at(item, "index"));
      const expected = index === 4 ? new Uint8Array(0) : Uint8Array.of(index, index, index);
      expect(bytes.get(String(at(item, "blob_uri")))).toEqual(expected);
    }
  }
});

test("equal pictures have equal URIs in every answer, so that the UI finds them in its cache", async () => {
  const uriOf = async () =>
    at(trace((await objectsOf(await search("images", {}))).get("good"), "pictures"), "values", 0, 0, "blob_uri");
  expect(await uriOf()).toBe(String(await uriOf()));
});

test("a missing blob and a key outside the run's own prefix are empty, not fatal; a URI asked twice is answered once (S4)", async () => {
  await makeRun(store, {
    hash: "thief",
    createdAt: 10,
    sequences: [
      {
        name: "pictures",
        dtype: "image",
        points: pointsOf(
          image({ s3_key: "secret/key.png" }),
          image({ s3_key: "good/p1.png" }),
          image({}),
          image({ s3_key: "artifacts/thief/old.png" }),
        ),
      },
    ],
  });
  await blobs.put("artifacts/thief/old.png", Uint8Array.of(42));
  const images = await objectsOf(await search("images", { q: "run.hash == 'thief'" }));
  const values = at(trace(images.get("thief"), "pictures"), "values");
  if (!Array.isArray(values)) throw new Error("no values");
  const uris = values.map((items) => String(at(items, 0, "blob_uri")));
  const answer = await recordsOf(await api.post("/runs/audios/get-batch", [...uris, uris[0], "garbage"]));
  expect(answer.map(([uri]) => uri)).toEqual(uris);
  expect(answer.map(([, bytes]) => bytes)).toEqual([
    new Uint8Array(0),
    new Uint8Array(0),
    new Uint8Array(0),
    Uint8Array.of(42),
  ]);
});

test("a blob larger than memory is worth is passed through whole", async () => {
  const large = new Uint8Array(6_000_000).map((_, i) => i % 251);
  await makeRun(store, {
    hash: "big",
    createdAt: 11,
    sequences: [{ name: "i", dtype: "image", points: pointsOf(image({ s3_key: "big/i.png" })) }],
  });
  await blobs.put("big/i.png", large);
  const images = await objectsOf(await search("images", { q: "run.hash == 'big'" }));
  const uri = String(at(trace(images.get("big"), "i"), "values", 0, 0, "blob_uri"));
  const found = await objectsOf(await api.post("/runs/images/get-batch", [uri]));
  expect(Buffer.compare(found.get(uri) as Uint8Array, large)).toBe(0);
});

test("a figure's numbers that JSON lacks are null in it; weights that are no numbers are NaN", async () => {
  const figures = await objectsOf(await search("figures", {}));
  const text = at(trace(figures.get("good"), "figure"), "values", 0, "data");
  expect(JSON.parse(String(text))).toEqual({ y: [1, null], layout: {} });
  const distributions = await objectsOf(await search("distributions", {}));
  expect(floats(at(trace(distributions.get("good"), "hist"), "values", 0, "data"))).toEqual([1, 2.5, Number.NaN]);
  expect(at(distributions.get("good"), "ranges", "index_range_total")).toBeUndefined();
});

test("names that a query may not use, and text that is none, are a 400 with the place before any stream (W3)", async () => {
  for (const kind of ["run", "metric", "images", "figures"]) {
    const response = await search(kind, { q: "run.name == 'x' and\n run.__class__" });
    expect(response.status).toBe(400);
    const body = Object(await response.json());
    expect(body.message).toBe("SyntaxError");
    expect(body.detail).toMatchObject({ line: 2, statement: " run.__class__)" });
    expect(body.error.code).toBe("bad_request");
  }
  expect((await search("run", { q: "run.name ==" })).status).toBe(400);
});

test("a query that costs too much is a 400 that names the budget, when that shows before the first byte", async () => {
  const response = await search("run", {
    q: "sum([x * y for x in range(999) for y in range(999) for z in range(9)]) > 0",
  });
  expect(response.status).toBe(400);
  expect(Object(await response.json()).error.message).toContain("budget");
});

test("bad parameters are a 422, and empty ones count as absent (W24)", async () => {
  const path = "/runs/search/images";
  expect((await api.get(`${path}?record_range=a:b`)).status).toBe(422);
  expect((await api.get(`${path}?index_range=1:2:3`)).status).toBe(422);
  expect((await api.get("/runs/good/logs?record_range=x:")).status).toBe(422);
  expect((await api.get("/runs/search/run?limit=ten")).status).toBe(422);
  expect((await api.get("/runs/search/metric?p=many")).status).toBe(422);
  const empty = await objectsOf(await api.get(`${path}?record_density=&index_density=&record_range=&index_range=&q=`));
  expect(at(trace(empty.get("good"), "pictures"), "values", 0)).toHaveLength(5);
});

test("both forms of a path are answered alike", async () => {
  const [plain, slashed] = [await api.get("/runs/search/run?limit=1"), await api.get("/runs/search/run/?limit=1")];
  expect(await plain.bytes()).toEqual(await slashed.bytes());
});

test("runs that are under way are shown without archived ones, and with numbers only (W14)", async () => {
  await makeRun(store, { hash: "old", createdAt: 1, archived: true });
  await makeRun(store, { hash: "over", createdAt: 1, finishedAt: 2 });
  const active = await objectsOf(await api.get("/runs/active"));
  expect([...active.keys()]).not.toContain("old");
  expect([...active.keys()]).not.toContain("over");
  const names = (at(active.get("good"), "traces", "metric") as StreamNode[]).map((node) => at(node, "name"));
  expect(names.sort()).toEqual(["loss", "mixed", "x"]);
});

test("log records have a level that the UI knows and a message, whatever was stored (W19)", async () => {
  const record = (fields: Record<string, Value>): ValueMap => new Map(Object.entries(fields));
  await makeRun(store, {
    hash: "logged",
    createdAt: 1,
    sequences: [
      {
        name: recordSequence,
        dtype: "log_records",
        points: pointsOf(
          record({ message: "boom", log_level: 50n }),
          record({ log_level: "critical" }),
          "just text",
          record({ message: 5n, log_level: 25n }),
        ),
      },
      {
        name: terminalSequence,
        dtype: "logs",
        points: Array.from({ length: 450 }, (_, i) => ({ step: BigInt(i), value: `line ${i}` })),
      },
    ],
  });
  const [records] = await documentsOf(await (await api.get("/runs/logged/log-records")).bytes());
  expect(records?.get("log_records_count")).toBe(4n);
  const fields = [0n, 1n, 2n, 3n].map((step) => [
    at(records?.get(step), "message"),
    at(records?.get(step), "log_level"),
  ]);
  expect(fields).toEqual([
    ["boom", "ERROR"],
    ["", "ERROR"],
    ["just text", "INFO"],
    ["5", "INFO"],
  ]);
  const lines = async (range: string) => {
    const [tree] = await documentsOf(await (await api.get(`/runs/logged/logs?record_range=${range}`)).bytes());
    return [...(tree ?? new Map()).keys()];
  };
  expect((await lines("")).length).toBe(200);
  expect((await lines(""))[0]).toBe(250n);
  expect(await lines("447:")).toEqual([447n, 448n, 449n]);
  expect(await lines(":2")).toEqual([0n, 1n]);
  expect(await lines("9:3")).toEqual([]);
  expect(await lines("-99999999999999999999999999:1")).toEqual([0n]);
});

test("the count of log records follows what is added, without counting all of them again", async () => {
  const own = await memoryStore();
  const ref = { hash: "r", contextId: 0, name: recordSequence };
  const counts = new LogCounts();
  const count = () => own.database.snapshot((tx) => counts.count(tx, own, ref));
  expect(await count()).toBe(0);
  for (const steps of [[0n, 1n, 5n], [6n], [], [9n, 7n]]) {
    const points = steps.map((step) => ({ step, value: "x" }));
    if (points.length > 0) await own.database.transact((tx) => new SequenceWriter(own, ref).write(tx, points));
  }
  expect(await count()).toBe(6);
  await own.database.transact((tx) => new SequenceWriter(own, ref).write(tx, [{ step: 10n, value: "x" }]));
  expect(await count()).toBe(7);
});
