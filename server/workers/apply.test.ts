// What becomes of batches: bad messages among good ones, large ones, deletes, a store that fails (docs/ingestion.md).
import { beforeEach, expect, test } from "bun:test";
import type { IngestMessage } from "../../formats/messages/index.ts";
import { mapOf, type Value } from "../../formats/value.ts";
import { KvError } from "../kv/index.ts";
import type { Store } from "../store/index.ts";
import { clearTombstone, readTombstone } from "../store/runs.ts";
import { contentsOf } from "../store/testing.ts";
import { readTraces } from "../store/traces.ts";
import { applyMessages } from "./apply.ts";
import { messageOf } from "./testing.ts";
import {
  apply,
  attrs,
  blobs,
  create,
  emptyStore,
  hparams,
  meta,
  metric,
  points,
  refusals,
  start,
  store,
} from "./testRun.ts";

beforeEach(() => emptyStore());

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
  const limited = { ...store, database: small.wrap(store.database) };
  const messages = [create(), ...Array.from({ length: 500 }, (_, i) => metric(`${i}.0`, i))];
  const { outcomes } = await applyMessages(limited, blobs, messages);
  expect(outcomes.filter(({ ok }) => !ok)).toEqual([]);
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
  await emptyStore(["run/a.png", "run/seq/b.png", "run2/c.png"]);
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
  await emptyStore(["run/a.png"]);
  const failing = { ...blobs, delete: () => Promise.reject(new Error("no route to the bucket")) };
  await apply(create());
  const { outcomes } = await applyMessages(store, failing, [messageOf("delete_run", "{}")]);
  expect(outcomes[0]!.ok ? "" : outcomes[0]!.error.message).toContain("no route to the bucket");
  await apply(messageOf("delete_run", "{}"));
  expect([...blobs.keys]).toEqual([]);
});
