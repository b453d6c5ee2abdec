// What the API tells other processes: which event each change sets off, and what becomes of events without a bus.
import { expect, test } from "bun:test";
import { MatyanError } from "../formats/error.ts";
import { type ControlEvent, formatControlEvent } from "../formats/messages/index.ts";
import { mapOf } from "../formats/value.ts";
import { createApi } from "./api/app.ts";
import { openTestApi } from "./api/testing.ts";
import type { OutgoingRecord, Producer, Published } from "./bus/index.ts";
import { BusEvents } from "./clusterEvents.ts";
import { createExperiment, createTag } from "./store/entities.ts";
import { createRun } from "./store/runs.ts";

/** A bus that is away for the first `fails` calls, and whose topic takes no records over `limit` characters. */
class Tape implements Producer {
  readonly records: OutgoingRecord[] = [];
  calls = 0;
  fails: number;
  readonly #limit: number;

  constructor(fails = 0, limit = Number.POSITIVE_INFINITY) {
    this.fails = fails;
    this.#limit = limit;
  }

  async publish(_: string, records: readonly OutgoingRecord[]): Promise<readonly Published[]> {
    this.calls++;
    if (this.fails-- > 0) throw new MatyanError("io", "no broker answers");
    return records.map((record) => {
      if (record.value.length > this.#limit)
        return { ok: false, error: new MatyanError("too_large", "it is too long") };
      this.records.push(record);
      return { ok: true };
    });
  }

  async publishTogether(): Promise<void> {}
  async close(): Promise<void> {}
}

const event = (n: number, more = ""): ControlEvent => {
  return { type: "tag_deleted", timestamp: 1_748_772_000.25, payload: mapOf({ tag_id: `${n}${more}` }) };
};

test("archiving, unarchiving and deleting tags and experiments tell the events of the existing backend, once per run", async () => {
  await using api = await openTestApi();
  const seen: ControlEvent[] = [];
  const context = { ...api.context, events: { emit: (one: ControlEvent) => void seen.push(one) } };
  const app = createApi(context);
  const send = async (method: string, path: string, body?: unknown) => {
    const init =
      body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
    return app.handle(new Request(`http://localhost/api/v1/rest${path}`, { method, ...init }));
  };
  const { store } = api;
  const { tag, experiment } = await store.database.transact(async (tx) => {
    for (const hash of ["a", "b"]) await createRun(tx, store, hash, { createdAt: 1 });
    const tag = await createTag(tx, store, { name: "t" }, { now: 1 });
    return { tag, experiment: await createExperiment(tx, store, { name: "e" }, { now: 1 }) };
  });
  const answers = [
    await send("PUT", "/runs/a/", { archived: true }),
    await send("PUT", "/runs/a/", { name: "says nothing" }),
    await send("POST", "/runs/archive-batch/?archive=false", ["a", "b", "a"]),
    await send("PUT", "/runs/none/", { archived: true }),
    await send("DELETE", `/tags/${tag}/`),
    await send("DELETE", `/experiments/${experiment}/`),
    await send("DELETE", `/experiments/${experiment}/`),
  ];
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 404, 200, 200, 404]);
  const at = '"timestamp":"2026-03-07T16:13:20Z"';
  expect(seen.map(formatControlEvent)).toEqual([
    `{"type":"run_archived",${at},"payload":{"run_id":"a","archived":true}}`,
    `{"type":"run_unarchived",${at},"payload":{"run_id":"a","archived":false}}`,
    `{"type":"run_unarchived",${at},"payload":{"run_id":"b","archived":false}}`,
    `{"type":"tag_deleted",${at},"payload":{"tag_id":"${tag}"}}`,
    `{"type":"experiment_deleted",${at},"payload":{"experiment_id":"${experiment}"}}`,
  ]);
});

test("events wait for a bus that is away and go out in their order, without a key, with one warning", async () => {
  const tape = new Tape(3);
  const warnings: string[] = [];
  const events = new BusEvents({ producer: tape, topic: "c", warn: (text) => warnings.push(text), retryMs: 1 });
  for (let n = 0; n < 5; n++) events.emit(event(n));
  while (events.stats.waiting > 0) await Bun.sleep(1);
  expect(tape.records).toEqual([0, 1, 2, 3, 4].map((n) => ({ key: null, value: formatControlEvent(event(n)) })));
  expect(warnings).toEqual(["control events could not be published and are tried again: no broker answers"]);
  expect(events.stats).toEqual({ waiting: 0, published: 5, lost: 0 });
});

test("closing tries once more; what is left then is counted and told", async () => {
  const tape = new Tape(100);
  const warnings: string[] = [];
  const events = new BusEvents({ producer: tape, topic: "c", warn: (text) => warnings.push(text), retryMs: 60_000 });
  events.emit(event(1));
  events.emit(event(2));
  while (tape.calls === 0) await Bun.sleep(1);
  await events.close();
  expect(tape.calls).toBe(2);
  expect(events.stats).toEqual({ waiting: 0, published: 0, lost: 2 });
  expect(warnings.at(-1)).toBe("2 control events were not published: the server is stopping");
});

test("a refused event and those beyond the bound are given up, told, and the others go out", async () => {
  const tape = new Tape(1, 200);
  const warnings: string[] = [];
  const warn = (text: string) => void warnings.push(text);
  const events = new BusEvents({ producer: tape, topic: "c", warn, retryMs: 1, maxWaiting: 3 });
  for (let n = 0; n < 4; n++) events.emit(event(n, n === 2 ? "x".repeat(300) : ""));
  while (events.stats.waiting > 0) await Bun.sleep(1);
  expect(tape.records.map(({ value }) => value)).toEqual([event(1), event(3)].map(formatControlEvent));
  expect(events.stats).toEqual({ waiting: 0, published: 2, lost: 2 });
  expect(warnings.filter((text) => text.includes("too many wait"))).toHaveLength(1);
  expect(warnings.filter((text) => text.includes("it is too long"))).toHaveLength(1);
});
