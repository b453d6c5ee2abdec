// Test support: messages of many runs that show whether one was lost, came twice or out of order, and what they make of a store.

import { parseMessage } from "../../../formats/messages/index.ts";
import type { Bus } from "../../bus/index.ts";
import { openEmbedded } from "../../kv/embedded.ts";
import { openStore, type Store } from "../../store/index.ts";
import { systemRange } from "../../store/keys.ts";
import { contentsOf, memoryStore } from "../../store/testing.ts";
import { applyMessages } from "../../workers/apply.ts";
import { noBlobs } from "../../workers/testing.ts";

export interface Sent {
  readonly run: string;
  readonly value: string;
}

const moment = (n: number) =>
  `2025-06-01T10:${String(Math.floor(n / 60) % 60).padStart(2, "0")}:${String(n % 60).padStart(2, "0")}.25`;

/**
 * Of every run a creation, points with and without steps, log records, lines, properties that overwrite each other, a tag that is
 * given and taken, and a finish; every fourth is deleted in the end and written to after that. `poison` bad messages lie between.
 */
export function workload({ runs, points, poison = 0 }: { runs: number; points: number; poison?: number }): Sent[] {
  const all: Sent[] = [];
  const send = (run: string, type: string, n: number, payload: object) =>
    all.push({ run, value: JSON.stringify({ type, run_id: run, timestamp: `${moment(n)}Z`, payload }) });
  const names = Array.from({ length: runs }, (_, i) => `run${i}`);
  for (const run of names) send(run, "create_run", 0, { client_datetime: `${moment(0)}+00:00` });
  for (let n = 0; n < points; n++)
    for (const run of names) {
      const time = { client_datetime: `${moment(n)}+00:00` };
      send(run, "log_metric", n, {
        name: "stepped",
        value: n + 0.5,
        step: n,
        epoch: null,
        context: null,
        dtype: "float",
        ...time,
      });
      send(run, "log_metric", n, {
        name: "stepless",
        value: n + 0.25,
        step: null,
        epoch: null,
        context: { a: 1 },
        dtype: "float",
        ...time,
      });
      send(run, "log_record", n, { message: `record ${n}`, level: 20, timestamp: 1_748_772_000.5 + n });
      send(run, "log_terminal_line", n, { line: `line ${n}`, step: n });
      if (n % 5 === 0) send(run, "set_run_property", n, { name: `name ${n}`, experiment: `${run} ${n % 10}` });
      if (n % 7 === 0) send(run, n % 2 === 0 ? "add_tag" : "remove_tag", n, { tag_name: `${run} tag` });
      if (n % 3 === 0) send(run, "log_hparams", n, { value: { hparams: { lr: 0.1 * n, n } } });
    }
  names.forEach((run, i) => {
    send(run, "finish_run", points, { client_datetime: `${moment(points)}+00:00` });
    if (i % 4 !== 3) return;
    send(run, "delete_run", points, {});
    send(run, "set_run_property", points, { name: "too late" });
  });
  for (let i = 0; i < poison; i++)
    all.splice(Math.floor(((i + 1) * all.length) / (poison + 1)), 0, {
      run: `run${i % runs}`,
      value: `{"poison": ${i}}`,
    });
  return all;
}

export async function publish(bus: Bus, topic: string, messages: readonly Sent[]): Promise<void> {
  for (let at = 0; at < messages.length; at += 200) {
    const records = messages.slice(at, at + 200).map(({ run, value }) => ({ key: run, value }));
    for (const outcome of await bus.producer.publish(topic, records)) if (!outcome.ok) throw outcome.error;
  }
}

/** What the messages make of a store when each is applied once, in order, without any bus. */
export async function expectedOf(messages: readonly Sent[]): Promise<Map<string, string>> {
  const store = await memoryStore();
  const good = messages.filter(({ value }) => !value.includes("poison"));
  await applyMessages(
    store,
    noBlobs(),
    good.map(({ value }) => parseMessage(value)),
  );
  return withoutNotes(store);
}

/** The contents of the SQLite file, without what a worker notes of its own doings. */
export async function foundIn(path: string): Promise<Map<string, string>> {
  const database = await openEmbedded({ path, durability: "normal", create: false });
  try {
    return await withoutNotes(await openStore(database, "read"));
  } finally {
    await database.close();
  }
}

export async function withoutNotes(store: Store): Promise<Map<string, string>> {
  const contents = await contentsOf(store);
  const prefixes = ["_position", "_outbox"].map((name) => {
    const { begin } = systemRange(store, name);
    return `system ${begin.subarray(store.dirs.system.length, begin.length - 1).toHex()}`;
  });
  return new Map([...contents].filter(([key]) => !prefixes.some((prefix) => key.startsWith(prefix))));
}
