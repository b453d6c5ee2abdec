// What messages about a run itself do to the store: its life, properties, tags, parameters (docs/ingestion.md).
import { beforeEach, expect, test } from "bun:test";
import { mapOf } from "../../formats/value.ts";
import { findExperimentByName, findTagByName, readField } from "../store/entities.ts";
import { contentsOf } from "../store/testing.ts";
import { messageOf } from "./testing.ts";
import { apply, attrs, create, emptyStore, finish, hparams, meta, refusals, start, store } from "./testRun.ts";

beforeEach(() => emptyStore());

test("a run is created at the time of its message, and creating it again changes nothing", async () => {
  await apply(create(), messageOf("set_run_property", '{"name":"mine","archived":true,"experiment":"e"}'));
  const before = await contentsOf(store);
  await apply(create(0, { now: start + 900 }));
  expect(await contentsOf(store)).toEqual(before);
  expect(await meta()).toMatchObject({ name: "mine", created_at: start + 0.5, client_start_ts: start, active: true });
});

test("a run that moved here keeps the age that its creation names, to the last digit", async () => {
  const born = 1_500_000_000.730_663_1;
  const moved = messageOf("create_run", `{"client_datetime":"2017-07-14T02:40:00+00:00","created_at":${born}}`);
  await apply(moved, messageOf("finish_run", '{"client_datetime":"2017-07-14T02:41:00+00:00"}'));
  expect(await meta()).toMatchObject({ created_at: born, duration: 60, finalized_at: born + 60 });
  const before = await contentsOf(store);
  await apply(moved);
  expect(await contentsOf(store)).toEqual(before);
  await apply(create(0, { now: start + 900 }));
  expect(await meta()).toMatchObject({ created_at: born });
});

test("a finish takes the client's time, so that the duration is the run's own", async () => {
  await apply(create(0, { now: start + 5 }), finish(300, start + 330));
  expect(await meta()).toMatchObject({ active: false, duration: 300, finalized_at: start + 305 });
  await apply(finish(300, start + 999));
  expect(await meta()).toMatchObject({ finalized_at: start + 305, updated_at: start + 330 });
});

test("a finish without a client's time ends at the time of its message", async () => {
  await apply(create(), messageOf("finish_run", "{}", "run", start + 77));
  expect(await meta()).toMatchObject({ active: false, duration: null, finalized_at: start + 77 });
});

test("a resume that comes again after the finish does not bring the run back", async () => {
  const story = [create(), finish(10), create(100, { resume: true }), finish(160)];
  await apply(...story);
  const before = await contentsOf(store);
  expect(await meta()).toMatchObject({
    active: false,
    duration: 160,
    finalized_at: start + 160.5,
    client_start_ts: start + 100,
  });
  for (let from = 0; from < story.length; from++) {
    await apply(...story.slice(from));
    expect(await contentsOf(store)).toEqual(before);
  }
  // Sent again on another connection: the times of arrival are others.
  await apply(create(100, { resume: true, now: start + 900 }));
  expect(await contentsOf(store)).toEqual(before);
});

test("replaying all that led to an active run leaves it active, however far the replay got", async () => {
  const story = [create(), finish(10), create(100, { resume: true })];
  await apply(...story);
  const before = await contentsOf(store);
  await apply(create());
  await apply(finish(10));
  expect(await contentsOf(store)).toEqual(before);
  expect(await meta()).toMatchObject({ active: true, finalized_at: null });
});

test("a new session without force_resume makes the run active and keeps what it has", async () => {
  await apply(create(), messageOf("set_run_property", '{"name":"kept"}'), finish(10), create(100));
  expect(await meta()).toMatchObject({
    name: "kept",
    active: true,
    created_at: start + 0.5,
    client_start_ts: start + 100,
  });
});

test("a creation that comes after a property made the run fills in its start", async () => {
  await apply(messageOf("set_run_property", '{"name":"early"}'), create(3));
  expect(await meta()).toMatchObject({ name: "early", created_at: start, client_start_ts: start + 3, active: true });
});

test("a finish of a run that is not there is refused, and makes none", async () => {
  expect(await refusals([finish(1)])).toEqual(["not_found: there is no run 'run'"]);
  expect((await contentsOf(store)).size).toBe(0);
});

test("a sequence that a finished run gets is a change of the run, a further point of it is none", async () => {
  const updated = async () => (await meta())["updated_at"];
  const later = (step: number, at: number, name: string) =>
    messageOf("log_metric", `{"name":"${name}","value":1.0,"step":${step}}`, "run", at);
  await apply(create());
  const created = await updated();
  await apply(later(0, start + 1, "loss"));
  expect(await updated()).toBe(created);
  await apply(messageOf("finish_run", "{}", "run", start + 10));
  await apply(later(1, start + 20, "loss"));
  expect(await updated()).toBe(start + 10);
  await apply(later(0, start + 30, "acc"));
  expect(await updated()).toBe(start + 30);
  const before = await contentsOf(store);
  await apply(later(0, start + 30, "acc"));
  expect(await contentsOf(store)).toEqual(before);
});

test("tags count runs: adding twice, removing twice and replaying count once", async () => {
  const tag = (type: string) => messageOf(type, '{"tag_name":"prod"}');
  const count = () =>
    store.database.snapshot(async (tx) => {
      const id = await findTagByName(tx, store, "prod");
      return id === undefined ? undefined : readField(tx, store, "tag", id, "run_count");
    });
  await apply(create(), tag("add_tag"), tag("add_tag"));
  expect(await count()).toBe(1n);
  await apply(tag("remove_tag"), tag("remove_tag"));
  expect(await count()).toBe(0n);
  await apply(messageOf("remove_tag", '{"tag_name":"never made"}'));
});

test("a tag and an experiment are as old as the earliest message that names them, in any order of the runs", async () => {
  const times = () =>
    store.database.snapshot(async (tx) => {
      const tag = (await findTagByName(tx, store, "prod"))!;
      const experiment = (await findExperimentByName(tx, store, "base"))!;
      return [
        await readField(tx, store, "tag", tag, "created_at"),
        await readField(tx, store, "tag", tag, "updated_at"),
        await readField(tx, store, "experiment", experiment, "created_at"),
      ];
    });
  const naming = (run: string, at: number) => [
    messageOf("add_tag", '{"tag_name":"prod"}', run, at),
    messageOf("set_run_property", '{"experiment":"base"}', run, at),
  ];
  await apply(...naming("late", start + 50), ...naming("early", start + 10), ...naming("between", start + 20));
  expect(await times()).toEqual([start + 10, start + 10, start + 10]);
  const before = await contentsOf(store);
  await apply(...naming("late", start + 50), ...naming("between", start + 20));
  expect(await contentsOf(store)).toEqual(before);
});

test("parameters follow the client's rule of merging, and several at the root leave the others alone", async () => {
  await apply(create(), hparams('{"hparams":{"a":1,"b":{"c":2,"d":3}}}'), hparams('{"hparams":{"b":{"c":4}}}'));
  expect(await attrs()).toEqual(mapOf({ hparams: mapOf({ a: 1n, b: mapOf({ c: 4n, d: 3n }) }) }));
  await apply(messageOf("blob_ref", '{"s3_key":"run/m.pt","artifact_path":"dir/m.pt"}'));
  await apply(hparams('{"x":4,"hparams":{"e":5,"f":6.0}}'));
  expect(await attrs()).toEqual(
    mapOf({
      __blobs__: mapOf({ "dir/m.pt": mapOf({ s3_key: "run/m.pt", content_type: "application/octet-stream" }) }),
      hparams: mapOf({ e: 5n, f: 6 }),
      x: 4n,
    }),
  );
  await apply(hparams("{}"));
});

test("a scalar that becomes a branch, and a branch that becomes a scalar: the last one counts", async () => {
  await apply(
    create(),
    hparams('{"a":1}'),
    hparams('{"a":{"b":2}}'),
    hparams('{"hparams":{}}'),
    hparams('{"hparams":{"x":1}}'),
  );
  expect(await attrs()).toEqual(mapOf({ a: mapOf({ b: 2n }), hparams: mapOf({ x: 1n }) }));
  await apply(hparams('{"a":5}'));
  expect(await attrs()).toEqual(mapOf({ a: 5n, hparams: mapOf({ x: 1n }) }));
});

test("what is set to what it is does not touch the time of the last change", async () => {
  await apply(create(), hparams('{"hparams":{"lr":0.1,"l":[1,{"a":null}],"e":{},"f":[]}}', start + 1));
  const before = await contentsOf(store);
  await apply(hparams('{"hparams":{"f":[],"e":{},"l":[1,{"a":null}],"lr":0.1}}', start + 50));
  await apply(
    messageOf("set_run_property", '{"name":"Run: run","description":"","archived":false}', "run", start + 60),
  );
  expect(await contentsOf(store)).toEqual(before);
  await apply(hparams('{"hparams":{"f":[],"e":{},"l":[1,{"a":null}],"lr":1}}', start + 70));
  expect(await meta()).toMatchObject({ updated_at: start + 70 });
});
