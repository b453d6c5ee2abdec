// What messages with points do to the store, one rule at a time (docs/ingestion.md).
import { beforeEach, expect, test } from "bun:test";
import { mapOf } from "../../formats/value.ts";
import { readContexts } from "../store/contexts.ts";
import { readSequence } from "../store/sequences.ts";
import { contentsOf } from "../store/testing.ts";
import { messageOf } from "./testing.ts";
import { apply, create, emptyStore, metric, points, refusals, start, store, trace } from "./testRun.ts";

beforeEach(() => emptyStore());

test("points carry the client's time where it is given, else the message's", async () => {
  await apply(create(), metric("1.0", 0, { time: 1.25 }), metric("2", 1));
  expect(await points()).toEqual([
    { step: 0n, value: 1, time: start + 1.25 },
    { step: 1n, value: 2, time: start + 100 },
  ]);
});

test("lines and records take a time and a step that they are sent with, and repetitions change nothing", async () => {
  const at = "2025-06-01T10:00:00.250000+00:00";
  const line = messageOf("log_terminal_line", `{"line":"a","step":7,"client_datetime":"${at}"}`);
  const record = messageOf(
    "log_record",
    `{"message":"m","level":20,"timestamp":1.5,"step":9,"client_datetime":"${at}"}`,
  );
  await apply(create(), line, record);
  const before = await contentsOf(store);
  await apply(line, record);
  expect(await contentsOf(store)).toEqual(before);
  expect(await points("logs")).toEqual([{ step: 7n, value: "a", time: start + 0.25 }]);
  expect(await points("__log_records")).toMatchObject([{ step: 9n, time: start + 0.25 }]);
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
  await emptyStore();
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

test("an object that comes with the step that an equal one was given keeps its time, in any batching", async () => {
  const object = (step: string, now: number) =>
    messageOf("log_custom_object", `{"name":"notes","value":{"type":"text","data":"a"},"step":${step}}`, "run", now);
  const messages = [create(), object("null", start + 1), object("0", start + 2)];
  await apply(...messages);
  expect((await points("notes")).map(({ step, time }) => [step, time])).toEqual([[0n, start + 1]]);
  const together = await contentsOf(store);
  await emptyStore();
  for (const message of messages) await apply(message);
  expect(await contentsOf(store)).toEqual(together);
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
