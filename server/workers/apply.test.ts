// What messages do to the store, one rule at a time (docs/ingestion.md).
import { beforeEach, expect, test } from "bun:test";
import type { IngestMessage } from "../../formats/messages/index.ts";
import { mapOf, type Value } from "../../formats/value.ts";
import { KvError } from "../kv/index.ts";
import { readAttrs } from "../store/attrs.ts";
import { readContexts } from "../store/contexts.ts";
import { findExperimentByName, findTagByName, readField } from "../store/entities.ts";
import type { Store } from "../store/index.ts";
import { clearTombstone, readMeta, readTombstone } from "../store/runs.ts";
import { type Point, readSequence } from "../store/sequences.ts";
import { collect, contentsOf, memoryStore } from "../store/testing.ts";
import { readTraces } from "../store/traces.ts";
import { type ApplyOptions, applyMessages } from "./apply.ts";
import { messageOf, noBlobs } from "./testing.ts";

let store: Store;
let blobs: ReturnType<typeof noBlobs>;

beforeEach(async () => {
  store = await memoryStore();
  blobs = noBlobs();
});

const start = 1_748_772_000;
const at = (seconds: number) => new Date((start + seconds) * 1_000).toISOString();
const create = (clientSeconds = 0, options: { resume?: boolean; now?: number } = {}) =>
  messageOf(
    "create_run",
    `{"client_datetime":"${at(clientSeconds)}","force_resume":${options.resume ?? false}}`,
    "run",
    options.now ?? start + clientSeconds + 0.5,
  );
const finish = (clientSeconds: number, now = start + clientSeconds + 0.5) =>
  messageOf("finish_run", `{"client_datetime":"${at(clientSeconds)}"}`, "run", now);
const metric = (value: string, step: number | null, more: { time?: number; context?: string; now?: number } = {}) =>
  messageOf(
    "log_metric",
    `{"name":"loss","value":${value},"step":${step},"epoch":null,"context":${more.context ?? "null"},"dtype":"float"` +
      `${more.time === undefined ? "" : `,"client_datetime":"${at(more.time)}"`}}`,
    "run",
    more.now ?? start + 100,
  );
const hparams = (value: string, now = start) => messageOf("log_hparams", `{"value":${value}}`, "run", now);

/** Applies messages that must all be taken. */
async function apply(...messages: IngestMessage[]): Promise<void> {
  const { outcomes } = await applyMessages(store, blobs, messages);
  expect(outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.error.message]))).toEqual([]);
}

async function refusals(messages: IngestMessage[], options: ApplyOptions = {}): Promise<(string | undefined)[]> {
  const { outcomes } = await applyMessages(store, blobs, messages, options);
  return outcomes.map((outcome) => (outcome.ok ? undefined : `${outcome.error.code}: ${outcome.error.message}`));
}

const meta = async () => Object.fromEntries((await store.database.snapshot((tx) => readMeta(tx, store, "run"))) ?? []);
const attrs = () => store.database.snapshot((tx) => readAttrs(tx, store, "run"));
const points = (name = "loss", contextId = 0): Promise<Point[]> =>
  store.database.snapshot((tx) => collect(readSequence(tx, store, { hash: "run", contextId, name })));
const trace = async (name = "loss") =>
  (await store.database.snapshot((tx) => readTraces(tx, store, "run"))).find((one) => one.name === name);

test("a run is created at the time of its message, and creating it again changes nothing", async () => {
  await apply(create(), messageOf("set_run_property", '{"name":"mine","archived":true,"experiment":"e"}'));
  const before = await contentsOf(store);
  await apply(create(0, { now: start + 900 }));
  expect(await contentsOf(store)).toEqual(before);
  expect(await meta()).toMatchObject({ name: "mine", created_at: start + 0.5, client_start_ts: start, active: true });
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

test("points carry the client's time where it is given, else the message's", async () => {
  await apply(create(), metric("1.0", 0, { time: 1.25 }), metric("2", 1));
  expect(await points()).toEqual([
    { step: 0n, value: 1, time: start + 1.25 },
    { step: 1n, value: 2, time: start + 100 },
  ]);
});

test("NaN and infinities are stored as such; null keeps the trace's value", async () => {
  await apply(create(), metric("0.5", 0), metric("null", 1));
  expect(await trace()).toMatchObject({ last: 0.5, lastStep: 1n });
  await apply(metric("NaN", 2), metric("-Infinity", 3));
  expect((await points()).map(({ value }) => value)).toEqual([0.5, null, Number.NaN, -Infinity]);
  expect(await trace()).toMatchObject({ last: -Infinity, lastStep: 3n });
});

test("a trace's last value is that of the highest step, of equal steps the later, in any batching", async () => {
  const steps: [string, number][] = [
    ["0.1", 5],
    ["0.2", 9],
    ["0.3", 7],
    ["null", 9],
    ["0.4", 9],
    ["null", 12],
    ["0.5", 10],
  ];
  const messages = steps.map(([value, step], i) => metric(value, step, { time: i }));
  await apply(...messages);
  expect(await trace()).toMatchObject({ last: 0.4, lastStep: 12n });
  const together = await contentsOf(store);
  store = await memoryStore();
  for (const message of messages) await apply(message);
  expect(await contentsOf(store)).toEqual(together);
});

test("points without a step follow the highest one, and one that comes again is known", async () => {
  const messages = [metric("0.5", null, { time: 1 }), metric("0.5", null, { time: 2 }), metric("7.0", 10, { time: 3 })];
  await apply(create(), ...messages, metric("0.1", null, { time: 4 }));
  expect((await points()).map(({ step, value }) => [step, value])).toEqual([
    [0n, 0.5],
    [1n, 0.5],
    [10n, 7],
    [11n, 0.1],
  ]);
  const before = await contentsOf(store);
  await apply(...messages, metric("0.1", null, { time: 4, now: start + 999 }));
  expect(await contentsOf(store)).toEqual(before);
});

test("log records are kept once each, whenever they come", async () => {
  const record = (text: string, time: number, now: number) =>
    messageOf(
      "log_record",
      `{"message":"${text}","level":20,"timestamp":${start + time}.5,"extra_args":{"n":1}}`,
      "run",
      now,
    );
  await apply(create(), record("a", 1, start + 1), record("b", 2, start + 2), record("a", 3, start + 3));
  const before = await contentsOf(store);
  // Two of them again in a frame that was sent again, at another time of arrival.
  await apply(record("b", 2, start + 20), record("a", 3, start + 20));
  expect(await contentsOf(store)).toEqual(before);
  const values = (await points("__log_records")).map(({ value }) => value);
  expect(values.length).toBe(3);
  expect(values[1]).toEqual(
    mapOf({ message: "b", log_level: 20n, timestamp: start + 2.5, args: mapOf({ n: 1n }), logger_info: null }),
  );
});

test("a log record without a time has that of its message", async () => {
  const untimed = (at: number, time: string) => messageOf("log_record", `{"message":"m","level":20${time}}`, "run", at);
  await apply(create(), untimed(start + 5, ""), untimed(start + 6, ',"timestamp":null'), untimed(start + 5, ""));
  const records: unknown[] = [];
  await store.database.snapshot(async (tx) => {
    for await (const points of readSequence(tx, store, { hash: "run", contextId: 0, name: "__log_records" }))
      for (const { value } of points) records.push(value instanceof Map && value.get("timestamp"));
  });
  expect(records).toEqual([start + 5, start + 6]);
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

test("the level of a log record is a number or a word", async () => {
  for (const level of ["20", '"30"', '"INFO"'])
    await apply(messageOf("log_record", `{"message":"m","level":${level},"timestamp":1.0}`));
  const levels = (await points("__log_records")).map(({ value }) =>
    value instanceof Map ? value.get("log_level") : value,
  );
  expect(levels).toEqual([20n, 30n, "INFO"]);
});

test("a terminal line that comes again keeps its time; another text at its step replaces it", async () => {
  const line = (text: string, step: number, now: number) =>
    messageOf("log_terminal_line", `{"line":"${text}","step":${step}}`, "run", now);
  await apply(create(), line("epoch", 0, start + 1), line("epoch", 0, start + 2), line("epoch 1", 1, start + 3));
  expect(await points("logs")).toEqual([
    { step: 0n, value: "epoch", time: start + 1 },
    { step: 1n, value: "epoch 1", time: start + 3 },
  ]);
  await apply(line("epoch 1", 0, start + 4));
  expect((await points("logs"))[0]).toEqual({ step: 0n, value: "epoch 1", time: start + 4 });
  expect(await trace("logs")).toMatchObject({ dtype: "logs", last: 0, lastStep: 1n });
});

test("the context of every trace is stored, whatever became of the messages before", async () => {
  const labelled = metric("1.0", 0, { context: '{"subset":"val"}' });
  const tooLong = messageOf("add_tag", `{"tag_name":"${"x".repeat(9_000)}"}`);
  const [, refused] = await refusals([labelled, tooLong]);
  expect(refused).toStartWith("too_large: ");
  const contexts = await store.database.snapshot((tx) => readContexts(tx, store, "run"));
  expect([...contexts.values()]).toEqual([mapOf({ subset: "val" })]);
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

test("a bad message is refused by name, and its neighbours are stored", async () => {
  const bad: [IngestMessage, string][] = [
    [messageOf("log_metric", '{"value":1.0,"step":0}'), "usage: log_metric.name: Field required"],
    [messageOf("log_metric", '{"name":"x","step":0}'), "usage: log_metric.value: Field required"],
    [
      messageOf("log_metric", '{"name":"x","value":"high","step":0}'),
      "usage: log_metric.value: Input should be a valid number",
    ],
    [
      messageOf("log_metric", '{"name":"x","value":1.0,"step":1.5}'),
      "usage: log_metric.step: Input should be a valid integer",
    ],
    [
      messageOf("log_metric", `{"name":"x","value":1.0,"step":${2n ** 64n}}`),
      "usage: log_metric.step: 18446744073709551616",
    ],
    [
      messageOf("log_metric", '{"name":"x","value":1.0,"context":[1]}'),
      "usage: log_metric.context: Input should be a valid",
    ],
    [
      messageOf("log_metric", `{"name":"${"n".repeat(9_990)}","value":1.0,"step":1}`),
      "too_large: the key of sequence 'nnn",
    ],
    [
      messageOf("log_terminal_line", '{"line":5,"step":0}'),
      "usage: log_terminal_line.line: Input should be a valid string",
    ],
    [messageOf("log_terminal_line", '{"line":"x"}'), "usage: log_terminal_line.step: Field required"],
    [messageOf("log_record", '{"message":"m","timestamp":1.0}'), "usage: log_record.level: Field required"],
    [messageOf("log_custom_object", '{"name":"x","step":0}'), "usage: log_custom_object.value: Field required"],
    [messageOf("log_custom_object", `{"name":"x","value":{"n":${2n ** 64n}},"step":0}`), "too_large: "],
    [messageOf("log_hparams", '{"value":[1]}'), "usage: log_hparams.value: Input should be a valid dictionary"],
    [messageOf("log_hparams", `{"value":{"${"k".repeat(10_000)}":1,"a":2}}`), "too_large: "],
    [messageOf("set_run_property", '{"name":5}'), "usage: set_run_property.name: Input should be a valid string"],
    [messageOf("set_run_property", `{"experiment":"${"e".repeat(9_000)}"}`), "too_large: "],
    [messageOf("add_tag", "{}"), "usage: add_tag.tag_name: Field required"],
    [messageOf("no_such_type", "{}"), "unsupported: the message type 'no_such_type' is not known"],
  ];
  const messages = bad.flatMap(([message], i) => [metric(`${i}.5`, i), message]);
  const outcomes = await refusals([create(), ...messages]);
  expect(outcomes.filter((_, i) => i % 2 === 1)).toEqual(bad.map(() => undefined));
  for (const [i, [, reason]] of bad.entries()) expect(outcomes[2 * i + 2]).toStartWith(reason);
  expect((await points()).map(({ step }) => step)).toEqual(bad.map((_, i) => BigInt(i)));
  // Nothing of what was refused is there.
  expect(await attrs()).toBeUndefined();
  expect((await store.database.snapshot((tx) => readTraces(tx, store, "run"))).map(({ name }) => name)).toEqual([
    "loss",
  ]);
});

test("a name that fits into some of its keys only is refused as a whole", async () => {
  const runId = "0cf28fd9b5bf20020cf28fd9b5bf2002";
  const named = (name: string) => messageOf("log_metric", `{"name":"${name}","value":1.0,"step":0}`, runId);
  const lengths = Array.from({ length: 40 }, (_, i) => 9_880 + 2 * i);
  const messages = lengths.flatMap((length) => [named("n".repeat(length)), named(`short ${length}`)]);
  const outcomes = await refusals(messages);
  expect(outcomes.filter((_, i) => i % 2 === 1)).toEqual(lengths.map(() => undefined));
  const taken = lengths.filter((_, i) => outcomes[2 * i] === undefined);
  expect(taken.length).toBeGreaterThan(3);
  expect(taken.length).toBeLessThan(36);
  expect(taken).toEqual(lengths.slice(0, taken.length));
  const names = (await store.database.snapshot((tx) => readTraces(tx, store, runId))).map(({ name }) => name);
  expect(names.length).toBe(taken.length + lengths.length);
});

test("ids of runs that no key can hold are refused, each run for itself", async () => {
  const named = (runId: string) => messageOf("add_tag", '{"tag_name":"a"}', runId);
  const outcomes = await refusals([
    named(""),
    named("x".repeat(501)),
    named("\ud800"),
    named("é".repeat(250)),
    named("ok"),
  ]);
  expect(outcomes.map((outcome) => outcome?.split(":")[0])).toEqual([
    "usage",
    "too_large",
    "usage",
    undefined,
    undefined,
  ]);
});

test("values larger than a transaction are stored whole, with or without a step, and stay so when they come again", async () => {
  const text = "0123456789abcdef".repeat(700_000);
  const figure = (step: number | null) =>
    messageOf(
      "log_custom_object",
      `{"name":"fig","value":{"type":"figure","data":"${text}"},"step":${step},"dtype":"figure"}`,
    );
  const big = [
    figure(3),
    figure(null),
    messageOf("log_terminal_line", `{"line":"${text}","step":0}`),
    messageOf("log_record", `{"message":"${text}","level":20,"timestamp":1.0}`),
    hparams(`{"hparams":{"blob":"${text}"}}`),
  ];
  await apply(create(), metric("1.0", 0), ...big, metric("2.0", 1));
  expect((await points("fig")).map(({ step, value }) => [step, value] as Value[])).toEqual([
    [3n, mapOf({ type: "figure", data: text })],
    [4n, mapOf({ type: "figure", data: text })],
  ]);
  expect((await points("logs"))[0]!.value).toBe(text);
  expect((await points("__log_records")).length).toBe(1);
  expect(await attrs()).toEqual(mapOf({ hparams: mapOf({ blob: text }) }));
  expect((await points()).length).toBe(2);
  const before = await contentsOf(store);
  await apply(...big);
  expect((await contentsOf(store)).size).toBe(before.size);
  expect(await contentsOf(store)).toEqual(before);
}, 30_000);

test("a batch that does not fit into a transaction is divided until it does", async () => {
  const small = memoryLimit(60);
  store = { ...store, database: small.wrap(store.database) };
  await apply(create(), ...Array.from({ length: 500 }, (_, i) => metric(`${i}.0`, i)));
  expect((await points()).length).toBe(500);
  expect(small.failures()).toBeGreaterThan(3);
});

/** A database whose transactions take only so many sets, failing as a too large transaction does. */
function memoryLimit(sets: number) {
  let failures = 0;
  return {
    failures: () => failures,
    wrap: (database: Store["database"]): Store["database"] => ({
      ...{ engine: database.engine, longSnapshots: database.longSnapshots },
      snapshot: (body) => database.snapshot(body),
      close: () => database.close(),
      transact: (body) =>
        database.transact((tx) => {
          let left = sets;
          return body(
            new Proxy(tx, {
              get(target, name) {
                if (name === "set")
                  return (key: Uint8Array, value: Uint8Array) => {
                    if (left-- === 0) {
                      failures++;
                      throw new KvError(2101);
                    }
                    target.set(key, value);
                  };
                const member: unknown = Reflect.get(target, name, target);
                return typeof member === "function" ? member.bind(target) : member;
              },
            }),
          );
        }),
    }),
  };
}

test("a failure of the store is the store's: nothing is refused for it", async () => {
  const broken: Store = {
    ...store,
    database: {
      ...store.database,
      engine: "memory",
      longSnapshots: true,
      transact: () => Promise.reject(new KvError(1020)),
    },
  };
  expect(applyMessages(broken, blobs, [create()])).rejects.toThrow("conflicts");
});

test("a delete takes the run, its files and its index, and messages that come later are dropped", async () => {
  blobs = noBlobs(["run/a.png", "run/seq/b.png", "run2/c.png"]);
  const other = messageOf("create_run", '{"client_datetime":"2025-06-01T10:00:00Z"}', "run2");
  await apply(create(), other, metric("1.0", 0), messageOf("add_tag", '{"tag_name":"t"}'));
  const { outcomes, dropped } = await applyMessages(store, blobs, [
    metric("2.0", 1),
    messageOf("delete_run", "{}", "run", start + 500),
    metric("3.0", 2),
    create(600),
  ]);
  expect([outcomes.map(({ ok }) => ok), dropped] as unknown[]).toEqual([[true, true, true, true], 2]);
  expect([...blobs.keys]).toEqual(["run2/c.png"]);
  expect(await meta()).toEqual({});
  expect(await store.database.snapshot((tx) => readTombstone(tx, store, "run"))).toBe(start + 500);
  const before = await contentsOf(store);
  await apply(messageOf("delete_run", "{}", "run", start + 900), create(), metric("1.0", 0));
  expect(await contentsOf(store)).toEqual(before);
});

test("once its tombstone is cleared, a deleted run can be made again at once", async () => {
  await apply(create(), metric("1.0", 0, { time: 1 }), messageOf("delete_run", "{}"));
  await apply(create());
  expect(await meta()).toEqual({});
  await store.database.transact(async (tx) => clearTombstone(tx, store, "run"));
  await apply(create(), metric("2.0", 0, { time: 2 }));
  expect(await meta()).toMatchObject({ active: true });
  expect((await points()).map(({ value }) => value)).toEqual([2]);
});

test("files that cannot be deleted are reported, and deleting again goes on", async () => {
  blobs = noBlobs(["run/a.png"]);
  const failing = { ...blobs, delete: () => Promise.reject(new Error("no route to the bucket")) };
  await apply(create());
  const { outcomes } = await applyMessages(store, failing, [messageOf("delete_run", "{}")]);
  expect(outcomes[0]!.ok ? "" : outcomes[0]!.error.message).toContain("no route to the bucket");
  await apply(messageOf("delete_run", "{}"));
  expect([...blobs.keys]).toEqual([]);
});
