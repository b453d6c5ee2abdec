// Experiments, tags, notes, dashboards, apps and reports over HTTP.
import { describe, expect, test } from "bun:test";
import { countingReads, makeRun as makeStoredRun, type ReadCounts } from "../search/testing.ts";
import { readEntity } from "../store/entities.ts";
import { createRun } from "../store/runs.ts";
import { memoryStore } from "../store/testing.ts";
import { openTestApi, type TestApi } from "./testing.ts";

const base = "/api/v1/rest";

async function makeRun(api: TestApi, hash: string, createdAt = 1_772_000_000): Promise<void> {
  await api.store.database.transact((tx) => createRun(tx, api.store, hash, { createdAt }));
}

/** Sends and gives status and JSON. */
async function ask(api: TestApi, method: string, path: string, body?: unknown, headers?: Record<string, string>) {
  const response = await api.send(method, base + path, body, headers);
  const text = await response.text();
  return { status: response.status, json: text === "" ? undefined : JSON.parse(text) };
}

describe("experiments", () => {
  test("are made, listed, found, changed and deleted", async () => {
    await using api = await openTestApi();
    const { json: made } = await ask(api, "POST", "/experiments/", { name: "  Exp A ", description: "not taken" });
    expect(made).toEqual({ id: expect.stringMatching(/^[0-9a-f-]{36}$/), status: "OK" });
    const shown = {
      id: made.id,
      name: "Exp A",
      description: "",
      run_count: 0,
      archived: false,
      creation_time: 1_772_900_000,
    };
    expect((await ask(api, "GET", "/experiments")).json).toEqual([shown]);
    expect((await ask(api, "GET", "/experiments/search?q=EXP")).json).toEqual([shown]);
    expect((await ask(api, "GET", "/experiments/search?q=zzz")).json).toEqual([]);
    const change = { name: "B", description: "d", archived: true, unknown: 1 };
    expect((await ask(api, "PUT", `/experiments/${made.id}`, change)).json).toEqual({ id: made.id, status: "OK" });
    expect((await ask(api, "GET", `/experiments/${made.id}/`)).json).toEqual({
      ...shown,
      name: "B",
      description: "d",
      archived: true,
    });
    expect((await ask(api, "DELETE", `/experiments/${made.id}`)).json).toEqual({ status: "OK" });
    expect((await ask(api, "DELETE", `/experiments/${made.id}`)).status).toBe(404);
  });

  test("times are floats on the wire and counts integers", async () => {
    await using api = await openTestApi();
    await ask(api, "POST", "/experiments", { name: "a" });
    const text = await (await api.send("GET", `${base}/experiments`)).text();
    expect(text).toContain('"run_count":0,"archived":false,"creation_time":1772900000.0}]');
  });

  test("a change of one member leaves the others, the description too", async () => {
    await using api = await openTestApi();
    const { json: made } = await ask(api, "POST", "/experiments", { name: "a" });
    await ask(api, "PUT", `/experiments/${made.id}`, { description: "kept" });
    for (const change of [{ archived: true }, {}, { name: null, description: null }, { name: "" }])
      expect((await ask(api, "PUT", `/experiments/${made.id}`, change)).status).toBe(200);
    expect((await ask(api, "GET", `/experiments/${made.id}`)).json).toMatchObject({
      name: "a",
      description: "kept",
      archived: true,
    });
  });

  test("a name that is taken is refused, and then nothing of the change is made", async () => {
    await using api = await openTestApi();
    await ask(api, "POST", "/experiments", { name: "a" });
    const { json: b } = await ask(api, "POST", "/experiments", { name: "b" });
    const taken = "Experiment with name 'a' already exists";
    const again = await ask(api, "POST", "/experiments", { name: " a " });
    expect(again).toEqual({
      status: 400,
      json: {
        error: { code: "bad_request", message: taken },
        detail: taken,
        message: `${taken}. Choose another name.`,
      },
    });
    const renamed = await ask(api, "PUT", `/experiments/${b.id}`, { name: "a", description: "x" });
    expect(renamed.status).toBe(400);
    expect((await ask(api, "GET", `/experiments/${b.id}`)).json).toMatchObject({ name: "b", description: "" });
  });

  test("what does not fit is told in pydantic's words", async () => {
    await using api = await openTestApi();
    const message = async (body: unknown) => {
      const { status, json } = await ask(api, "POST", "/experiments", body);
      expect([status, json.error.code, json.detail]).toEqual([422, "validation_error", json.error.message]);
      return json.detail;
    };
    expect(await message({})).toBe("Field required");
    expect(await message({ name: 3 })).toBe("Input should be a valid string");
    expect(await message({ name: null })).toBe("Input should be a valid string");
    expect(await message([])).toBe("Input should be a valid dictionary or object to extract fields from");
    expect(await message("[")).toBe("JSON decode error");
    expect(await message({ name: "  " })).toBe("String should have at least 1 character");
  });

  test("the last page of many runs reads the rows of its own, not those of all before it", async () => {
    const counts: ReadCounts = { snapshots: 0, open: 0, keys: 0 };
    const store = await memoryStore();
    await using api = await openTestApi({ store: { ...store, database: countingReads(store.database, counts) } });
    const hashes = Array.from({ length: 400 }, (_, i) => `r${String(i).padStart(3, "0")}`);
    for (const hash of hashes) await makeStoredRun(store, { hash, experiment: "e" });
    const [made] = (await ask(api, "GET", "/experiments")).json;
    counts.keys = 0;
    const { json } = await ask(api, "GET", `/experiments/${made.id}/runs?limit=10&offset=r395`);
    expect(json.runs.map(({ run_id }: { run_id: string }) => run_id)).toEqual(hashes.slice(396));
    expect(counts.keys).toBeLessThan(hashes.length * 2);
  });

  test("runs are listed by hash in pages that a deleted run does not shorten", async () => {
    await using api = await openTestApi();
    const { json: made } = await ask(api, "POST", "/experiments", { name: "e" });
    for (const hash of ["a1", "b2", "c3", "d4"]) {
      await makeRun(api, hash);
      await ask(api, "PUT", `/runs/${hash}`, { experiment: "e" });
    }
    const page = async (query: string) => {
      const { json } = await ask(api, "GET", `/experiments/${made.id}/runs?${query}`);
      return json.runs.map(({ run_id }: { run_id: string }) => run_id);
    };
    expect(await page("limit=2")).toEqual(["a1", "b2"]);
    expect(await page("limit=2&offset=b2")).toEqual(["c3", "d4"]);
    expect([(await page("limit=0")).length, (await page("limit=-1")).length]).toEqual([4, 4]);
    await ask(api, "DELETE", "/runs/b2");
    expect(await page("limit=2")).toEqual(["a1", "c3"]);
    expect(await page("limit=2&offset=b2")).toEqual(["c3", "d4"]);
    expect(await page("offset=unknown")).toEqual(["a1", "c3", "d4"]);
    expect((await ask(api, "GET", `/experiments/${made.id}/runs?limit=x`)).status).toBe(422);
  });

  test("activity is counted by the hours of the caller's clock", async () => {
    await using api = await openTestApi();
    const { json: made } = await ask(api, "POST", "/experiments", { name: "e" });
    await makeRun(api, "a1", Date.UTC(2026, 2, 2, 10, 30) / 1_000);
    await makeRun(api, "b2", Date.UTC(2026, 2, 2, 10, 59) / 1_000);
    for (const hash of ["a1", "b2"]) await ask(api, "PUT", `/runs/${hash}`, { experiment: "e" });
    await ask(api, "PUT", "/runs/b2", { archived: true, active: false });
    const activity = (offset: string) =>
      ask(api, "GET", `/experiments/${made.id}/activity`, undefined, { "x-timezone-offset": offset });
    expect((await activity("-240")).json).toEqual({
      num_runs: 2,
      num_archived_runs: 1,
      num_active_runs: 1,
      activity_map: { "2026-03-02T14:00:00": 2 },
    });
    expect((await activity("660")).json.activity_map).toEqual({ "2026-03-01T23:00:00": 2 });
  });
});

describe("tags", () => {
  test("are made with what is given, and missing members are empty texts", async () => {
    await using api = await openTestApi();
    const { json: full } = await ask(api, "POST", "/tags", { name: " t ", color: " #f00 ", description: " d " });
    const { json: bare } = await ask(api, "POST", "/tags", { name: "bare", color: null });
    expect((await ask(api, "GET", `/tags/${full.id}`)).json).toEqual({
      id: full.id,
      name: "t",
      color: "#f00",
      description: "d",
      run_count: 0,
      archived: false,
    });
    expect((await ask(api, "GET", `/tags/${bare.id}`)).json).toMatchObject({ color: "", description: "" });
    expect((await ask(api, "GET", "/tags/search?q=BAR")).json).toHaveLength(1);
  });

  test("renaming onto a taken name is refused, and the old owner keeps it", async () => {
    await using api = await openTestApi();
    const { json: a } = await ask(api, "POST", "/tags", { name: "a" });
    const { json: b } = await ask(api, "POST", "/tags", { name: "b" });
    const { status, json } = await ask(api, "PUT", `/tags/${b.id}`, { name: "a", color: "red" });
    expect([status, json.detail]).toEqual([400, "Tag with name 'a' already exists"]);
    expect((await ask(api, "GET", `/tags/${b.id}`)).json).toMatchObject({ name: "b", color: "" });
    await makeRun(api, "r");
    expect((await ask(api, "POST", "/runs/r/tags/new", { tag_name: "a" })).json.tag_id).toBe(a.id);
  });

  test("attaching twice counts once, and detaching what is not attached changes nothing", async () => {
    await using api = await openTestApi();
    await makeRun(api, "r");
    const { json: attached } = await ask(api, "POST", "/runs/r/tags/new", { tag_name: " new " });
    expect(attached).toEqual({ id: "r", tag_id: expect.any(String), status: "OK" });
    await ask(api, "POST", "/runs/r/tags/new/", { tag_name: "new" });
    const count = async () => (await ask(api, "GET", `/tags/${attached.tag_id}`)).json.run_count;
    expect(await count()).toBe(1);
    for (let i = 0; i < 2; i++) {
      const { json } = await ask(api, "DELETE", `/runs/r/tags/${attached.tag_id}/`);
      expect(json).toEqual({ id: "r", removed: true, status: "OK" });
      expect(await count()).toBe(0);
    }
  });

  test("detaching an unknown tag is refused and makes none", async () => {
    await using api = await openTestApi();
    await makeRun(api, "r");
    for (const id of ["not-a-uuid", "00000000-0000-4000-8000-000000000000"]) {
      const { status, json } = await ask(api, "DELETE", `/runs/r/tags/${id}`);
      expect([status, json.detail, json.message]).toEqual([404, "Not Found", `There is no tag '${id}'`]);
    }
    expect((await ask(api, "GET", "/tags")).json).toEqual([]);
  });

  test("a change of nothing changes nothing, and its time neither, but of nothing that is there", async () => {
    await using api = await openTestApi();
    for (const kind of ["tag", "experiment"] as const) {
      const { json: made } = await ask(api, "POST", `/${kind}s`, { name: "x" });
      api.clock += 10;
      for (const body of [{}, { name: null }, { name: "" }, { other: 1 }])
        expect((await ask(api, "PUT", `/${kind}s/${made.id}`, body)).status).toBe(200);
      const read = () => api.store.database.snapshot((tx) => readEntity(tx, api.store, kind, String(made.id)));
      expect((await read())?.get("updated_at")).toBe(api.clock - 10);
      await ask(api, "PUT", `/${kind}s/${made.id}`, { description: "" });
      expect((await read())?.get("updated_at")).toBe(api.clock);
      const { status, json } = await ask(api, "PUT", `/${kind}s/nope`, {});
      expect([status, json.message]).toEqual([404, `There is no ${kind} 'nope'`]);
    }
  });

  test("a deletion answers null and reaches the runs", async () => {
    await using api = await openTestApi();
    await makeRun(api, "r");
    const { json: attached } = await ask(api, "POST", "/runs/r/tags/new", { tag_name: "t" });
    expect((await ask(api, "GET", `/tags/${attached.tag_id}/runs`)).json).toEqual({
      id: attached.tag_id,
      runs: [{ run_id: "r", name: "Run: r", experiment: null, creation_time: 1_772_000_000, end_time: null }],
    });
    const deleted = await api.send("DELETE", `${base}/tags/${attached.tag_id}`);
    expect([deleted.status, await deleted.text()]).toEqual([200, "null"]);
    expect((await ask(api, "GET", "/runs/r/info")).json.props.tags).toEqual([]);
    expect((await ask(api, "GET", `/tags/${attached.tag_id}/runs`)).status).toBe(404);
  });
});

describe("notes", () => {
  test("of a run are made, read, changed and deleted through it, oldest first", async () => {
    await using api = await openTestApi();
    await makeRun(api, "r");
    await makeRun(api, "other");
    const { status, json: first } = await ask(api, "POST", "/runs/r/note/", { content: "  one " });
    expect([status, first]).toEqual([201, { id: expect.any(String), created_at: 1_772_900_000 }]);
    for (let i = 0; i < 5; i++) {
      api.clock++;
      await ask(api, "POST", "/runs/r/note", { content: `later ${i}` });
    }
    const { json: notes } = await ask(api, "GET", "/runs/r/note");
    expect(notes[0]).toEqual({
      id: first.id,
      content: "one",
      created_at: 1_772_900_000,
      run_hash: "r",
      updated_at: 1_772_900_000,
    });
    expect(notes.map(({ content }: { content: string }) => content).slice(1)).toEqual(
      [0, 1, 2, 3, 4].map((i) => `later ${i}`),
    );
    expect((await ask(api, "PUT", `/runs/r/note/${first.id}`, { content: "two" })).json).toEqual({
      id: first.id,
      content: "two",
      updated_at: 1_772_900_005,
    });
    for (const [method, body] of [["GET"], ["PUT", { content: "x" }], ["DELETE"]] as const)
      expect((await ask(api, method, `/runs/other/note/${first.id}`, body)).status).toBe(404);
    expect((await ask(api, "DELETE", `/runs/r/note/${first.id}`)).json).toEqual({ status: "OK" });
    expect((await ask(api, "GET", `/runs/r/note/${first.id}`)).status).toBe(404);
  });

  test("are refused for a run or experiment that is not there", async () => {
    await using api = await openTestApi();
    expect((await ask(api, "POST", "/runs/nope/note", { content: "x" })).status).toBe(404);
    expect((await ask(api, "GET", "/runs/nope/note")).json).toEqual([]);
    expect((await ask(api, "POST", "/experiments/nope/note", { content: "x" })).status).toBe(404);
    expect((await ask(api, "GET", "/experiments/nope/note")).status).toBe(404);
  });

  test("of one experiment are not those of another", async () => {
    await using api = await openTestApi();
    const { json: a } = await ask(api, "POST", "/experiments", { name: "a" });
    const { json: b } = await ask(api, "POST", "/experiments", { name: "b" });
    const { json: note } = await ask(api, "POST", `/experiments/${a.id}/note`, { content: "x" });
    expect((await ask(api, "GET", `/experiments/${a.id}/note/${note.id}`)).status).toBe(200);
    expect((await ask(api, "GET", `/experiments/${b.id}/note/${note.id}`)).status).toBe(404);
  });

  test("have times that the UI's parser of dates reads, and numbers for programs", async () => {
    await using api = await openTestApi();
    await makeRun(api, "r");
    const ui = { "x-timezone-offset": "-120" };
    const { json: made } = await ask(api, "POST", "/runs/r/note", { content: "x" }, ui);
    expect(made.created_at).toBe("2026-03-07T16:13:20.000Z");
    const [shown] = (await ask(api, "GET", "/runs/r/note", undefined, ui)).json;
    expect([shown.created_at, shown.updated_at]).toEqual([made.created_at, made.created_at]);
    const [plain] = (await ask(api, "GET", "/runs/r/note")).json;
    expect(plain.created_at).toBe(1_772_900_000);
  });
});

describe("dashboards, apps and reports", () => {
  test("a dashboard tells the type of its app, and a deleted one is not listed", async () => {
    await using api = await openTestApi();
    const state = { select: { query: "", list: [1, 1.5, { й: null }] } };
    const { status, json: app } = await ask(api, "POST", "/apps", { type: "metrics", state });
    expect([status, app.state]).toEqual([201, state]);
    const { json: dashboard } = await ask(api, "POST", "/dashboards", { name: "d", app_id: app.id });
    expect(dashboard).toEqual({
      id: expect.any(String),
      name: "d",
      description: "",
      app_id: app.id,
      app_type: "metrics",
      updated_at: 1_772_900_000,
      created_at: 1_772_900_000,
    });
    api.clock += 5;
    const changed = await ask(api, "PUT", `/dashboards/${dashboard.id}`, { description: "x" });
    expect(changed.json).toEqual({ ...dashboard, description: "x", updated_at: 1_772_900_005 });
    expect((await ask(api, "DELETE", `/apps/${app.id}`)).status).toBe(204);
    expect((await ask(api, "GET", "/dashboards")).json[0].app_type).toBeNull();
    for (let i = 0; i < 2; i++) expect((await ask(api, "DELETE", `/dashboards/${dashboard.id}`)).status).toBe(204);
    expect((await ask(api, "GET", "/dashboards")).json).toEqual([]);
    expect((await ask(api, "GET", `/dashboards/${dashboard.id}`)).status).toBe(200);
  });

  test("the state of an app is replaced whole, and all faults of a body are told", async () => {
    await using api = await openTestApi();
    const { json: app } = await ask(api, "POST", "/apps", { type: "runs", state: { a: 1, b: { c: 2 } } });
    expect((await ask(api, "PUT", `/apps/${app.id}`, { state: { a: {} } })).json.state).toEqual({ a: {} });
    expect((await ask(api, "PUT", `/apps/${app.id}`, {})).json).toMatchObject({ type: "runs", state: { a: {} } });
    expect((await ask(api, "POST", "/apps", { type: 1 })).json.detail).toBe(
      "Input should be a valid string; Field required",
    );
  });

  test("a report keeps what a change does not name, and ignores what it cannot change", async () => {
    await using api = await openTestApi();
    const { json: report } = await ask(api, "POST", "/reports", { name: "r", code: "# hi\n" });
    expect(report).toMatchObject({ name: "r", code: "# hi\n", description: "" });
    const change = { ...report, description: "d", id: "other", created_at: 1 };
    expect((await ask(api, "PUT", `/reports/${report.id}`, change)).json).toEqual({ ...report, description: "d" });
    expect((await ask(api, "DELETE", `/reports/${report.id}`)).status).toBe(204);
    expect((await ask(api, "GET", `/reports/${report.id}`)).status).toBe(404);
  });
});
