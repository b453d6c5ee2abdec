// Test support: one run over an empty store, by the messages that make it.
import { expect } from "bun:test";
import type { IngestMessage } from "../../formats/messages/index.ts";
import { readAttrs } from "../store/attrs.ts";
import type { Store } from "../store/index.ts";
import { readMeta } from "../store/runs.ts";
import { type Point, readSequence } from "../store/sequences.ts";
import { collect, memoryStore } from "../store/testing.ts";
import { readTraces } from "../store/traces.ts";
import { type ApplyOptions, applyMessages } from "./apply.ts";
import { messageOf, noBlobs } from "./testing.ts";

export let store: Store;
export let blobs: ReturnType<typeof noBlobs>;

/** Before each test, or within one: begins anew. `keys` are the blobs that there are. */
export async function emptyStore(keys: readonly string[] = []): Promise<void> {
  store = await memoryStore();
  blobs = noBlobs(keys);
}

export const start = 1_748_772_000;
export const at = (seconds: number) => new Date((start + seconds) * 1_000).toISOString();
export const create = (clientSeconds = 0, options: { resume?: boolean; now?: number } = {}) =>
  messageOf(
    "create_run",
    `{"client_datetime":"${at(clientSeconds)}","force_resume":${options.resume ?? false}}`,
    "run",
    options.now ?? start + clientSeconds + 0.5,
  );
export const finish = (clientSeconds: number, now = start + clientSeconds + 0.5) =>
  messageOf("finish_run", `{"client_datetime":"${at(clientSeconds)}"}`, "run", now);
export const metric = (
  value: string,
  step: number | null,
  more: { time?: number; context?: string; now?: number } = {},
) =>
  messageOf(
    "log_metric",
    `{"name":"loss","value":${value},"step":${step},"epoch":null,"context":${more.context ?? "null"},"dtype":"float"` +
      `${more.time === undefined ? "" : `,"client_datetime":"${at(more.time)}"`}}`,
    "run",
    more.now ?? start + 100,
  );
export const hparams = (value: string, now = start) => messageOf("log_hparams", `{"value":${value}}`, "run", now);

/** Applies messages that must all be taken. */
export async function apply(...messages: IngestMessage[]): Promise<void> {
  const { outcomes } = await applyMessages(store, blobs, messages);
  expect(outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.error.message]))).toEqual([]);
}

export async function refusals(messages: IngestMessage[], options: ApplyOptions = {}): Promise<(string | undefined)[]> {
  const { outcomes } = await applyMessages(store, blobs, messages, options);
  return outcomes.map((outcome) => (outcome.ok ? undefined : `${outcome.error.code}: ${outcome.error.message}`));
}

export const meta = async () =>
  Object.fromEntries((await store.database.snapshot((tx) => readMeta(tx, store, "run"))) ?? []);
export const attrs = () => store.database.snapshot((tx) => readAttrs(tx, store, "run"));
export const points = (name = "loss", contextId = 0): Promise<Point[]> =>
  store.database.snapshot((tx) => collect(readSequence(tx, store, { hash: "run", contextId, name })));
export const trace = async (name = "loss") =>
  (await store.database.snapshot((tx) => readTraces(tx, store, "run"))).find((one) => one.name === name);
