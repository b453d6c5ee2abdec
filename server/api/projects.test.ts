// The project as a whole over HTTP, and its parameters kept up to date in pieces.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { mapOf, type Value, type ValueMap } from "../../formats/value.ts";
import { addEntry } from "../store/indexes.ts";
import { memoryStore } from "../store/testing.ts";
import { ApplyLoop } from "../workers/apply.ts";
import { noBlobs } from "../workers/testing.ts";
import { equalityKey } from "./equalityKey.ts";
import { ProjectParams } from "./projectParams.ts";
import { RunsContent } from "./runsContent.ts";
import { sequenceTypes } from "./sequenceTypes.ts";
import { openTestApi, type TestApi } from "./testing.ts";

const base = "/api/v1/rest/projects";

type Messages = readonly (readonly [string, Record<string, Value>])[];

async function ingest(loop: ApplyLoop, runId: string, timestamp: number, messages: Messages): Promise<void> {
  const sent = messages.map(([type, payload]) => ({ type, runId, timestamp, payload: mapOf(payload) }));
  for (const outcome of await loop.submit(sent)) if (!outcome.ok) throw outcome.error;
}

async function ask(api: TestApi, method: string, path: string, body?: unknown, headers?: Record<string, string>) {
  const response = await api.send(method, base + path, body, headers);
  return { status: response.status, json: JSON.parse(await response.text()) };
}

const created = ["create_run", { force_resume: false }] as const;
const finished = ["finish_run", {}] as const;
const params = (value: Record<string, Value>) => ["log_hparams", { value: mapOf(value) }] as const;
const point = (name: string, context: Record<string, Value> = {}) =>
  ["log_metric", { name, value: 1, step: 0n, context: mapOf(context) }] as const;

test("the project, its status and its pinned sequences", async () => {
  await using api = await openTestApi();
  const text = await (await api.send("GET", base)).text();
  expect(text).toBe(
    '{"name":"My project","path":"","description":"","telemetry_enabled":0,"warn_index":false,"warn_runs":false}',
  );
  expect((await ask(api, "GET", "/status")).json).toBe("up-to-date");
  expect((await ask(api, "GET", "/pinned-sequences")).json).toEqual({ sequences: [] });
  const sequences = [{ name: "x", context: { a: 1 } }];
  const pinned = await ask(api, "POST", "/pinned-sequences", { sequences: [{ ...sequences[0], extra: 1 }] });
  expect(pinned.json).toEqual({ sequences });
  expect((await ask(api, "GET", "/pinned-sequences/")).json).toEqual({ sequences });
  for (const body of [{}, { sequences: [{ name: "x" }] }])
    expect((await ask(api, "POST", "/pinned-sequences", body)).json.detail).toBe("Field required");
  await ask(api, "POST", "/pinned-sequences", { sequences: [] });
  expect((await ask(api, "GET", "/pinned-sequences")).json).toEqual({ sequences: [] });
});

test("activity is counted by the days of the caller's clock", async () => {
  await using api = await openTestApi();
  const evening = Date.UTC(2026, 2, 2, 22) / 1_000;
  await ingest(api.loop, "a", evening, [created]);
  await ingest(api.loop, "b", evening + 3 * 3_600, [created, finished, ["set_run_property", { archived: true }]]);
  const activity = async (offset?: string) =>
    (await ask(api, "GET", "/activity", undefined, offset === undefined ? {} : { "x-timezone-offset": offset })).json;
  expect(await activity()).toEqual({
    num_experiments: 0,
    num_runs: 2,
    num_archived_runs: 1,
    num_active_runs: 1,
    activity_map: { "2026-03-02T00:00:00": 1, "2026-03-03T00:00:00": 1 },
  });
  expect((await activity("-240")).activity_map).toEqual({ "2026-03-03T00:00:00": 2 });
  expect((await activity("240")).activity_map).toEqual({ "2026-03-02T00:00:00": 2 });
  expect((await ask(api, "GET", "/activity", undefined, { "x-timezone-offset": "1.5" })).status).toBe(422);
});

test("activity counts more runs than one page of an index holds", async () => {
  await using api = await openTestApi();
  const { store } = api;
  const count = 20_001;
  for (let from = 0; from < count; from += 1_000)
    await store.database.transact(async (tx) => {
      for (let run = from; run < Math.min(count, from + 1_000); run++) {
        const hash = run.toString(16).padStart(32, "0");
        addEntry(tx, store, hash, ["created_at", 1_772_500_000 + (run % 2) * 86_400]);
        addEntry(tx, store, hash, ["active", run % 3 === 0]);
      }
    });
  expect((await ask(api, "GET", "/activity")).json).toEqual({
    num_experiments: 0,
    num_runs: count,
    num_archived_runs: 0,
    num_active_runs: count / 3,
    activity_map: { "2026-03-03T00:00:00": 10_001, "2026-03-04T00:00:00": 10_000 },
  });
});

describe("parameters", () => {
  test("are those of all runs merged, without environment and files, with all buckets", async () => {
    await using api = await openTestApi();
    await ingest(api.loop, "a", 1_000, [
      created,
      params({ hparams: mapOf({ lr: 0.1, model: mapOf({ depth: 2n }) }), __system_params: mapOf({ x: 1n }) }),
      ["blob_ref", { artifact_path: "f", s3_key: "a/f", content_type: "x/y" }],
      point("loss", { subset: "val" }),
      ["log_custom_object", { name: "pic", value: mapOf({}), step: 0n, dtype: "image" }],
      ["log_terminal_line", { line: "x", step: 0n }],
    ]);
    await ingest(api.loop, "b", 2_000, [
      created,
      params({ hparams: mapOf({ lr: 1, model: mapOf({ name: "r" }) }) }),
      point("loss", { subset: "train" }),
      point("loss", { subset: "val" }),
      finished,
      ["set_run_property", { archived: true }],
    ]);
    const text = await (await api.send("GET", `${base}/params`)).text();
    expect(text).toBe(
      '{"params":{"hparams":{"lr":1.0,"model":{"depth":2,"name":"r"}}},' +
        '"metric":{"loss":[{"subset":"val"},{"subset":"train"}]},' +
        '"images":{"pic":[{}]},"texts":{},"figures":{},"distributions":{},"audios":{}}',
    );
    const { json: only } = await ask(api, "GET", "/params?exclude_params=true&sequence=images");
    expect(only).toEqual({
      ...{ metric: {}, images: { pic: [{}] }, texts: {}, figures: {}, distributions: {}, audios: {} },
    });
    expect((await ask(api, "GET", "/params?exclude_params=maybe")).status).toBe(422);
  });

  test("follow every change at once: new runs, new values, new sequences, deletions", async () => {
    await using api = await openTestApi();
    const seen = async () => {
      const { json } = await ask(api, "GET", "/params");
      return [Object.keys(json.params).sort().join(), Object.keys(json.metric).sort().join()];
    };
    expect(await seen()).toEqual(["", ""]);
    await ingest(api.loop, "a", 1_000, [created, params({ p: 1n }), point("m")]);
    expect(await seen()).toEqual(["p", "m"]);
    await ingest(api.loop, "a", 1_001, [point("n")]);
    expect(await seen()).toEqual(["p", "m,n"]);
    await ingest(api.loop, "a", 1_002, [params({ q: 1n }), finished]);
    expect(await seen()).toEqual(["p,q", "m,n"]);
    await ingest(api.loop, "a", 1_003, [params({ r: 1n })]);
    expect(await seen()).toEqual(["p,q,r", "m,n"]);
    await ingest(api.loop, "b", 900, [created, params({ s: 1n }), finished]);
    expect(await seen()).toEqual(["p,q,r,s", "m,n"]);
    await api.send("DELETE", "/api/v1/rest/runs/a");
    expect(await seen()).toEqual(["s", ""]);
  });

  test("are read once for requests at the same time", async () => {
    await using api = await openTestApi();
    await ingest(api.loop, "a", 1_000, [created, params({ p: 1n })]);
    let snapshots = 0;
    const { database } = api.store;
    const counting = {
      ...api.store,
      database: {
        engine: database.engine,
        longSnapshots: database.longSnapshots,
        transact: database.transact.bind(database),
        close: database.close.bind(database),
        snapshot: ((body) => {
          snapshots++;
          return database.snapshot(body);
        }) as typeof database.snapshot,
      },
    };
    const project = new ProjectParams(counting);
    await project.text(true, sequenceTypes);
    const alone = snapshots;
    await Promise.all(Array.from({ length: 10 }, () => project.text(true, sequenceTypes)));
    expect(snapshots).toBeLessThanOrEqual(alone * 2);
  });

  test("kept in pieces are the same as read anew, whatever happens to runs", async () => {
    const change = fc.record({
      run: fc.integer({ min: 0, max: 7 }),
      kind: fc.constantFrom("params", "point", "finish", "resume", "delete"),
      name: fc.constantFrom("a", "b", "c"),
      value: fc.constantFrom<Value>(1n, "x", mapOf({ y: 1n }), mapOf({ z: 2n }), []),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 25 }), async (changes) => {
        const store = await memoryStore();
        const loop = new ApplyLoop(store, noBlobs());
        const kept = new ProjectParams(store);
        let now = 1_000;
        for (const { run, kind, name, value } of changes) {
          const runId = `run${run}`;
          // Points come to runs that are under way; one that comes late is seen when what is kept is old (see below).
          const start = [["create_run", { force_resume: kind === "resume" || kind === "point" }]] as const;
          const more: Messages =
            kind === "params"
              ? [params({ h: mapOf({ [name]: value }) })]
              : kind === "point"
                ? [point(name, { c: value })]
                : kind === "finish"
                  ? [finished]
                  : [];
          const messages: Messages = kind === "delete" ? [["delete_run", {}]] : [...start, ...more];
          await ingest(loop, runId, now++, messages);
          expect(await kept.text(true, sequenceTypes)).toBe(await new ProjectParams(store).text(true, sequenceTypes));
        }
        await loop.close();
      }),
      { numRuns: 25 },
    );
  });

  test("a change that leaves no trace is seen when what is kept is old", async () => {
    await using api = await openTestApi();
    await ingest(api.loop, "a", 2_000, [created, params({ p: 1n }), finished]);
    let clock = 0;
    const project = new ProjectParams(api.store, () => clock);
    await project.text(true, sequenceTypes);
    // A message older than what is stored does not move `updated_at`, and neither does a point.
    await ingest(api.loop, "a", 1_000, [params({ q: 1n }), point("late")]);
    expect(await project.text(true, sequenceTypes)).not.toContain('"late"');
    clock += 31_000;
    const text = await project.text(true, sequenceTypes);
    expect([text.includes('"q"'), text.includes('"late"')]).toEqual([true, true]);
  });
});

describe("merging", () => {
  const { map } = fc.letrec<{ value: Value; map: ValueMap }>((tie) => ({
    value: fc.oneof({ weight: 2, arbitrary: fc.constantFrom<Value>(1n, "x", null) }, tie("map")),
    map: fc
      .array(fc.tuple(fc.constantFrom("a", "b", "c"), tie("value")), { maxLength: 3 })
      .map((entries): ValueMap => new Map(entries)),
  }));

  /** Deep merge as it is defined: later values win, maps are merged name by name. */
  function merge(earlier: ValueMap, later: ValueMap): ValueMap {
    const merged = new Map(earlier);
    for (const [name, node] of later) {
      const before = merged.get(name);
      merged.set(name, before instanceof Map && node instanceof Map ? merge(before, node) : node);
    }
    return merged;
  }

  test("run by run and piece by piece gives what the definition says", () => {
    fc.assert(
      fc.property(fc.array(map, { maxLength: 6 }), fc.nat(6), fc.nat(6), (maps, i, j) => {
        const [low, high] = [Math.min(i, j), Math.max(i, j)];
        const pieces = [maps.slice(0, low), maps.slice(low, high), maps.slice(high)].map((part) => {
          const content = new RunsContent();
          for (const each of part) content.addParams(each);
          return content;
        });
        const before = pieces.map((piece) => piece.params());
        const all = new RunsContent();
        for (const piece of pieces) all.add(piece);
        expect(all.params()).toEqual(maps.reduce(merge, new Map()));
        expect(pieces.map((piece) => piece.params())).toEqual(before);
      }),
    );
  });

  test("contexts that Python holds equal are one", () => {
    expect(equalityKey(mapOf({ a: 1n, b: true }))).toBe(equalityKey(mapOf({ b: 1, a: 1 })));
    const distinct: Value[] = [
      mapOf({ a: 1n }),
      mapOf({ a: "1" }),
      mapOf({ a: 1.5 }),
      mapOf({ a: null }),
      mapOf({}),
      [],
    ];
    expect(new Set(distinct.map(equalityKey)).size).toBe(distinct.length);
  });
});
