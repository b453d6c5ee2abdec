// Runs over HTTP: what is told of one, and all that changes them.
import { describe, expect, test } from "bun:test";
import { mapOf, type Value } from "../../formats/value.ts";
import { contentsOf } from "../store/testing.ts";
import { jsonOf, openTestApi, type TestApi } from "./testing.ts";

const base = "/api/v1/rest";
const start = 1_772_000_000;

async function ingest(api: TestApi, runId: string, messages: readonly (readonly [string, Record<string, Value>])[]) {
  const sent = messages.map(([type, payload], i) => {
    return { type, runId, timestamp: start + i, payload: mapOf(payload) };
  });
  for (const outcome of await api.loop.submit(sent)) if (!outcome.ok) throw outcome.error;
}

function point(name: string, step: number, value: number | null, context: Record<string, Value> = {}) {
  return ["log_metric", { name, value, step: BigInt(step), context: mapOf(context) }] as const;
}

const created = ["create_run", { client_datetime: "2026-02-25T06:13:20+00:00", force_resume: false }] as const;

async function ask(api: TestApi, method: string, path: string, body?: unknown) {
  const response = await api.send(method, base + path, body);
  const text = await response.text();
  return { status: response.status, json: text === "" ? undefined : JSON.parse(text) };
}

describe("the info of a run", () => {
  test("has all its parts, in order, with number kinds", async () => {
    await using api = await openTestApi();
    await ingest(api, "r", [
      created,
      ["log_hparams", { value: mapOf({ hparams: mapOf({ lr: 0.1, n: 2n, one: 1 }) }) }],
      point("loss", 0, 0.5, { subset: "val" }),
      point("lr", 0, 1),
      ["log_custom_object", { name: "pic", value: mapOf({ caption: "" }), step: 0n, dtype: "image" }],
      ["log_terminal_line", { line: "hello", step: 0n }],
      ["blob_ref", { artifact_path: "models/a.pt", s3_key: "r/models/a.pt", content_type: "x/y" }],
      ["blob_ref", { artifact_path: "seq/pic/0.png", s3_key: "r/seq/pic/0.png", content_type: "image/png" }],
      ["blob_ref", { artifact_path: "theirs", s3_key: "other/secret", content_type: "x/y" }],
      ["add_tag", { tag_name: "t" }],
    ]);
    const text = await (await api.send("GET", `${base}/runs/r/info/`)).text();
    expect(text.replace(/"id":"[0-9a-f-]{36}"/, '"id":"T"')).toBe(
      '{"params":{"hparams":{"lr":0.1,"n":2,"one":1.0}},' +
        '"traces":{"metric":[{"context":{},"name":"lr","last_value":1.0},' +
        '{"context":{"subset":"val"},"name":"loss","last_value":0.5}],' +
        '"images":[{"context":{},"name":"pic","last_value":0.1}],"texts":[],"distributions":[],"audios":[],"figures":[]},' +
        '"props":{"name":"Run: r","description":"","experiment":{"id":null,"name":null,"description":null},' +
        '"tags":[{"id":"T","name":"t","color":"","description":""}],' +
        '"creation_time":1772000000.0,"end_time":null,"archived":false,"active":true},' +
        '"artifacts":[{"name":"a.pt","path":"models/a.pt","uri":"s3://matyan-artifacts/r/models/a.pt"},' +
        '{"name":"theirs","path":"theirs","uri":""}]}',
    );
  });

  test("counts the run's notes for the UI, which shows how many there are", async () => {
    await using api = await openTestApi();
    await ingest(api, "r", [created]);
    await ingest(api, "other", [created]);
    for (const run of ["r", "r", "other"]) await ask(api, "POST", `/runs/${run}/note`, { content: "a note" });
    const browser = { "x-timezone-offset": "0", "content-type": "application/json" };
    const shown = await api.send("GET", `${base}/runs/r/info`, undefined, browser);
    expect(((await shown.json()) as { props: { notes: number } }).props.notes).toBe(2);
    expect((await ask(api, "GET", "/runs/r/info")).json.props).not.toHaveProperty("notes");
  });

  test("leaves out the environment and types that are not asked for", async () => {
    await using api = await openTestApi();
    await ingest(api, "r", [
      created,
      ["log_hparams", { value: mapOf({ a: 1n, __system_params: mapOf({ arguments: [] }) }) }],
      point("m", 0, 1),
    ]);
    const info = async (query: string) => (await ask(api, "GET", `/runs/r/info?${query}`)).json;
    expect((await info("")).params).toEqual({ a: 1, __system_params: { arguments: [] } });
    expect((await info("skip_system=True")).params).toEqual({ a: 1 });
    expect(Object.keys((await info("sequence=images&sequence=metric")).traces)).toEqual(["metric", "images"]);
    expect((await info("sequence=none")).traces).toEqual({});
    expect(Object.keys((await info("sequence=")).traces)).toHaveLength(6);
  });

  test("opens for a run that diverged, whatever its numbers and bytes are", async () => {
    await using api = await openTestApi();
    await ingest(api, "r", [
      created,
      ["log_hparams", { value: mapOf({ nan: Number.NaN, inf: -Infinity, big: 2n ** 64n - 1n }) }],
      point("m", 0, Number.NaN),
      point("n", 0, Number.POSITIVE_INFINITY),
    ]);
    const { status, json } = await ask(api, "GET", "/runs/r/info");
    expect(status).toBe(200);
    expect(json.params).toMatchObject({ nan: null, inf: null });
    expect(json.traces.metric.map(({ last_value }: { last_value: unknown }) => last_value)).toEqual([null, null]);
  });

  test("has the end by the client's clock where that is known", async () => {
    await using api = await openTestApi();
    const end = ["finish_run", { client_datetime: "2026-02-25T06:13:30.500000+00:00" }] as const;
    await ingest(api, "r", [created, end]);
    expect((await ask(api, "GET", "/runs/r/info")).json.props).toMatchObject({ end_time: start + 10.5, active: false });
  });

  test("is not there for an unknown run", async () => {
    await using api = await openTestApi();
    const { status, json } = await ask(api, "GET", "/runs/nope/info");
    expect([status, json.error, json.message]).toEqual([
      404,
      { code: "not_found", message: "Not Found" },
      "There is no run 'nope'",
    ]);
  });
});

describe("changing a run", () => {
  test("makes all changes of a request, null meaning none", async () => {
    await using api = await openTestApi();
    await ingest(api, "r", [created]);
    await ask(api, "POST", "/experiments", { name: "e" });
    const change = { name: "n", description: "d", archived: true, active: false, experiment: "e" };
    expect((await ask(api, "PUT", "/runs/r", change)).json).toEqual({ id: "r", status: "OK" });
    const nothing = { name: null, description: null, archived: null, active: null, experiment: null };
    for (const body of [nothing, {}]) expect((await ask(api, "PUT", "/runs/r/", body)).status).toBe(200);
    const { json } = await ask(api, "GET", "/runs/r/info");
    expect(json.props).toMatchObject({
      ...{ name: "n", description: "d", archived: true, active: false, end_time: api.clock },
      experiment: { name: "e" },
    });
  });

  test("finishes once and resumes", async () => {
    await using api = await openTestApi();
    await ingest(api, "r", [created]);
    await ask(api, "PUT", "/runs/r", { active: false });
    api.clock += 10;
    await ask(api, "PUT", "/runs/r", { active: false });
    const end = async () => (await ask(api, "GET", "/runs/r/info")).json.props.end_time;
    expect(await end()).toBe(1_772_900_000);
    await ask(api, "PUT", "/runs/r", { active: true });
    expect(await end()).toBeNull();
  });

  test("an unknown experiment takes the run out of its own wholly: link, count and index", async () => {
    await using api = await openTestApi();
    await ingest(api, "r", [created]);
    const { json: made } = await ask(api, "POST", "/experiments", { name: "e" });
    const before = await contentsOf(api.store);
    await ask(api, "PUT", "/runs/r", { experiment: "e" });
    expect((await ask(api, "GET", `/experiments/${made.id}`)).json.run_count).toBe(1);
    await ask(api, "PUT", "/runs/r", { experiment: "nobody's" });
    const after = await contentsOf(api.store);
    // Only the time of the change is left of it.
    const changed = [...after].filter(([key, value]) => before.get(key) !== value);
    expect(changed).toHaveLength(1);
    expect(after.size).toBe(before.size);
  });

  test("is refused for an unknown run and for what does not fit, and changes nothing then", async () => {
    await using api = await openTestApi();
    await ingest(api, "r", [created]);
    const before = await contentsOf(api.store);
    expect((await ask(api, "PUT", "/runs/nope", { name: "x" })).status).toBe(404);
    const odd = await ask(api, "PUT", "/runs/r", { name: "x", archived: "maybe" });
    expect([odd.status, odd.json.detail]).toEqual([422, "Input should be a valid boolean, unable to interpret input"]);
    expect(await contentsOf(api.store)).toEqual(before);
  });

  test("takes the words and numbers that pydantic takes for booleans", async () => {
    await using api = await openTestApi();
    await ingest(api, "r", [created]);
    for (const [value, archived] of [
      ["yes", true],
      [0, false],
      [1, true],
      ["OFF", false],
      [1.0, true],
    ] as const) {
      await ask(api, "PUT", "/runs/r", { archived: value });
      expect((await ask(api, "GET", "/runs/r/info")).json.props.archived).toBe(archived);
    }
  });
});

describe("lists of runs", () => {
  test("are archived, taken back and finished", async () => {
    await using api = await openTestApi();
    for (const hash of ["a", "b"]) await ingest(api, hash, [created]);
    const props = async (hash: string) => (await ask(api, "GET", `/runs/${hash}/info`)).json.props;
    expect((await ask(api, "POST", "/runs/archive-batch", ["a", "b", "a"])).json).toEqual({ status: "OK" });
    expect([(await props("a")).archived, (await props("b")).archived]).toEqual([true, true]);
    await ask(api, "POST", "/runs/archive-batch?archive=false", ["a"]);
    expect([(await props("a")).archived, (await props("b")).archived]).toEqual([false, true]);
    await ask(api, "POST", "/runs/finish-batch/", ["a"]);
    expect([(await props("a")).active, (await props("b")).active]).toEqual([false, true]);
    for (const path of ["archive", "finish", "delete"])
      expect((await ask(api, "POST", `/runs/${path}-batch`, [])).json).toEqual({ status: "OK" });
  });

  test("with a run that is not there are refused as a whole, naming it", async () => {
    await using api = await openTestApi();
    await ingest(api, "a", [created]);
    const before = await contentsOf(api.store);
    for (const path of ["archive", "finish", "delete"]) {
      const { status, json } = await ask(api, "POST", `/runs/${path}-batch`, ["a", "unknown-1", "unknown-2"]);
      expect([status, json.detail]).toEqual([404, "There is no run 'unknown-1', 'unknown-2': nothing was changed"]);
    }
    expect(await contentsOf(api.store)).toEqual(before);
  });

  test("are lists of texts", async () => {
    await using api = await openTestApi();
    const detail = async (body: unknown) => (await ask(api, "POST", "/runs/archive-batch", body)).json.detail;
    expect(await detail({ x: 1 })).toBe("Input should be a valid list");
    expect(await detail([1, null])).toBe("Input should be a valid string; Input should be a valid string");
  });

  test("may be longer than what one transaction changes", async () => {
    await using api = await openTestApi();
    const hashes = Array.from({ length: 1_201 }, (_, i) => `run${i}`);
    await Promise.all(hashes.map((hash) => ingest(api, hash, [created])));
    expect((await ask(api, "POST", "/runs/archive-batch", hashes)).status).toBe(200);
    expect((await ask(api, "GET", "/projects/activity")).json).toMatchObject({
      num_runs: 1_201,
      num_archived_runs: 1_201,
    });
    expect((await ask(api, "POST", "/runs/archive-batch?archive=0", [...hashes, "nope"])).status).toBe(404);
    expect((await ask(api, "GET", "/projects/activity")).json.num_archived_runs).toBe(1_201);
  });
});

describe("deleting runs", () => {
  test("is done when it is answered: data, tags, files and all, and messages do not bring it back", async () => {
    await using api = await openTestApi();
    await api.blobs.put("r/a.txt", new Uint8Array(3));
    await ingest(api, "r", [created, point("m", 0, 1), ["add_tag", { tag_name: "t" }]]);
    const [tag] = (await ask(api, "GET", "/tags")).json;
    expect((await ask(api, "DELETE", "/runs/r")).json).toEqual({ id: "r", status: "OK" });
    expect((await ask(api, "GET", "/runs/r/info")).status).toBe(404);
    expect((await ask(api, "GET", `/tags/${tag.id}`)).json.run_count).toBe(0);
    expect(await api.blobs.head("r/a.txt")).toBeUndefined();
    expect((await ask(api, "DELETE", "/runs/r")).status).toBe(404);
    await ingest(api, "r", [created]);
    expect((await ask(api, "GET", "/runs/r/info")).status).toBe(404);
    const cleared = await api.send("POST", `${base}/runs/r/clear-tombstone/`);
    expect([cleared.status, await cleared.text()]).toEqual([204, ""]);
    await ingest(api, "r", [created]);
    expect((await ask(api, "GET", "/runs/r/info")).status).toBe(200);
  });

  test("works on lists", async () => {
    await using api = await openTestApi();
    for (const hash of ["a", "b", "c"]) await ingest(api, hash, [created]);
    expect((await ask(api, "POST", "/runs/delete-batch", ["a", "b", "a"])).json).toEqual({ status: "OK" });
    expect((await ask(api, "GET", "/projects/activity")).json.num_runs).toBe(1);
  });

  test("clearing a tombstone that is not there is fine", async () => {
    await using api = await openTestApi();
    expect((await ask(api, "POST", "/runs/never/clear-tombstone", "any body")).status).toBe(204);
  });
});

describe("points of metrics", () => {
  const batch = async (api: TestApi, query: string, traces: unknown) => {
    const response = await api.send("POST", `${base}/runs/r/metric/get-batch/?${query}`, traces);
    return { status: response.status, json: await jsonOf(response) };
  };
  const steps = async (api: TestApi, name: string, query: string) => {
    const response = await api.send("POST", `${base}/runs/r/metric/get-batch?${query}`, [{ name, context: {} }]);
    return (JSON.parse(await response.text()) as { iters: number[] }[])[0]?.iters;
  };

  test("are sampled as the existing services do", async () => {
    await using api = await openTestApi();
    const sparse = [0, 10, 50, 100, 200, 500, 999];
    await ingest(api, "r", [
      created,
      ...Array.from({ length: 10 }, (_, i) => point("ten", i, i)),
      ...sparse.map((step) => point("sparse", step, step)),
    ]);
    expect(await steps(api, "ten", "record_density=3")).toEqual([0, 4, 9]);
    expect(await steps(api, "ten", "record_density=4")).toEqual([0, 3, 6, 9]);
    expect(await steps(api, "ten", "record_density=5")).toEqual([0, 2, 4, 7, 9]);
    expect(await steps(api, "ten", "record_density=7")).toEqual([0, 2, 3, 4, 6, 8, 9]);
    expect(await steps(api, "sparse", "record_density=3")).toEqual([0, 500, 999]);
    expect(await steps(api, "sparse", "record_density=4")).toEqual([0, 50, 200, 999]);
    expect(await steps(api, "sparse", "record_density=5")).toEqual([0, 50, 100, 200, 999]);
    expect(await steps(api, "sparse", "record_density=1")).toEqual([0]);
    for (const all of ["record_density=0", "record_density=-1", "record_density=", "record_density=50000"])
      expect(await steps(api, "sparse", all)).toEqual(sparse);
  });

  test("come whole when their details are asked for: kinds of numbers, NaN, epochs and times", async () => {
    await using api = await openTestApi();
    await ingest(api, "r", [
      created,
      point("m", 0, 0.5),
      point("m", 3, Number.NaN),
      point("m", 7, Number.NEGATIVE_INFINITY),
      ...Array.from({ length: 12_000 }, (_, i) => point("long", i, i)),
    ]);
    const traces = ["m", "unknown", "long"].map((name) => ({ name, context: {} }));
    const details = async (query: string, asked: unknown) => {
      const response = await api.send("POST", `${base}/runs/r/metric/get-batch?point_details=true${query}`, asked);
      return JSON.parse(await response.text()) as { name: string; dtype: string; points: unknown[][] }[];
    };
    const [m, long] = await details("", traces);
    expect(m).toMatchObject({ name: "m", context: {}, dtype: "float" });
    expect(m!.points.map((row) => row.slice(0, 3))).toEqual([
      [0, 0.5, null],
      [3, "NaN", null],
      [7, "-Infinity", null],
    ]);
    expect(m!.points.every(([, , , time]) => typeof time === "number")).toBe(true);
    expect(long!.points.map(([step]) => step)).toEqual(Array.from({ length: 12_000 }, (_, i) => i));
    const part = async (range: string) => (await details(`&record_range=${range}`, traces))[0]!.points.length;
    expect([await part("1:7"), await part("3:"), await part("5:2")]).toEqual([1, 2, 0]);
  });

  test("are written while they are read when all are asked for, steps and values of the same points", async () => {
    await using api = await openTestApi();
    const count = 12_345;
    await ingest(api, "r", [created, ...Array.from({ length: count }, (_, i) => point("m", 2 * i, i / 2))]);
    const two = ["m", "m"].map((name) => ({ name, context: {} }));
    const ask = async (query: string, traces: unknown) => {
      const response = await api.send("POST", `${base}/runs/r/metric/get-batch?${query}`, traces);
      return JSON.parse(await response.text()) as { iters: number[]; values: number[] }[];
    };
    const all = await ask("record_density=0", two);
    expect(all).toHaveLength(2);
    for (const { iters, values } of all) {
      expect(iters).toEqual(Array.from({ length: count }, (_, i) => 2 * i));
      expect(values).toEqual(Array.from({ length: count }, (_, i) => i / 2));
    }
    const part = await ask("record_density=0&record_range=10:21", two);
    expect(part[1]!.iters).toEqual([10, 12, 14, 16, 18, 20]);
    // Too many for memory are chosen by position.
    const many = Array.from({ length: 100 }, () => ({ name: "m", context: {} }));
    const sampled = await ask("record_density=6000", many);
    for (const { iters, values } of [sampled[0]!, sampled[99]!]) {
      expect(iters).toHaveLength(6_000);
      expect([iters[0], iters.at(-1)]).toEqual([0, 2 * (count - 1)]);
      expect(values).toEqual(iters.map((step) => step / 4));
    }
    expect(await ask("record_density=0", [])).toEqual([]);
  });

  test("are those of a range whose end is excluded", async () => {
    await using api = await openTestApi();
    await ingest(api, "r", [created, ...Array.from({ length: 10 }, (_, i) => point("m", i - 3, i))]);
    expect(await steps(api, "m", "record_range=2:5")).toEqual([2, 3, 4]);
    expect(await steps(api, "m", "record_range=:-1")).toEqual([-3, -2]);
    expect(await steps(api, "m", "record_range=5:")).toEqual([5, 6]);
    expect(await steps(api, "m", "record_range=5:5")).toEqual([]);
    expect(await steps(api, "m", "record_range=7:2")).toEqual([]);
    expect(await steps(api, "m", "record_range=1000:")).toEqual([]);
    expect((await batch(api, "record_range=a:b", [])).status).toBe(422);
  });

  test("are found by equal contexts, whatever order and number kinds the browser sends", async () => {
    await using api = await openTestApi();
    await ingest(api, "r", [
      created,
      point("m", 0, 1, { fold: 1, deep: mapOf({ a: [1n, 2.5, null, true] }) }),
      point("m", 0, 2, { fold: 2 }),
    ]);
    const asked = [{ name: "m", context: { deep: { a: [1, 2.5, null, true] }, fold: 1 }, values: { extra: 1 } }];
    const found = await api.send("POST", `${base}/runs/r/metric/get-batch`, asked);
    expect(await found.json()).toEqual([{ name: "m", context: asked[0]!.context, iters: [0], values: [1] }]);
  });

  test("keep the order of the request, leave out what is not there, and say null for what is no number", async () => {
    await using api = await openTestApi();
    await ingest(api, "r", [created, point("a", 0, Number.NaN), point("b", 0, 7), point("b", 1, null)]);
    const names = ["b", "nope", "a"].map((name) => ({ name, context: {} }));
    const response = await api.send("POST", `${base}/runs/r/metric/get-batch`, names);
    expect(await response.text()).toBe(
      '[{"name":"b","context":{},"iters":[0,1],"values":[7.0,null]},{"name":"a","context":{},"iters":[0],"values":[null]}]',
    );
  });

  test("are refused where the body does not fit or the run is not there", async () => {
    await using api = await openTestApi();
    await ingest(api, "r", [created]);
    expect((await batch(api, "", [{ context: {} }])).status).toBe(422);
    expect((await batch(api, "", [{ name: "m", context: null }])).status).toBe(422);
    expect((await batch(api, "", [{ name: "m", context: {} }])).json).toEqual([]);
    const unknown = await api.send("POST", `${base}/runs/nope/metric/get-batch`, [{ name: "m", context: {} }]);
    expect(unknown.status).toBe(404);
  });
});
