// Clients that log while searches run and the server is killed again and again; afterwards everything that they were told
// is stored must be there, once, and nothing else.
import { contextId } from "../../formats/context.ts";
import { formatTimestamp } from "../../formats/messages/index.ts";
import { isMap, type Value } from "../../formats/value.ts";
import { openEmbeddedStack } from "../embedded.ts";
import type { Store } from "../store/index.ts";
import { readSequence } from "../store/sequences.ts";
import { TestConnection } from "./connection.ts";
import { startServed } from "./served.ts";

export interface SoakOptions {
  readonly data: string;
  /** Metrics with steps, of all clients together. */
  readonly points: number;
  /** Times that the server is killed with -9, spread evenly over the points. */
  readonly kills: number;
  readonly clients: number;
  readonly report?: (text: string) => void;
}

export interface SoakResult {
  readonly acknowledged: number;
  readonly kills: number;
  /** Frames sent again because their reply did not come. */
  readonly resent: number;
  readonly searches: number;
  /** Milliseconds from the start of each server to its address. */
  readonly starts: readonly number[];
  /** What is not as it must be; empty when all is well. */
  readonly faults: readonly string[];
  readonly seconds: number;
}

const batch = 100;

/** Beside the metrics, each frame has a record and a metric without a step: those could come twice most easily. */
function frameOf(run: string, frame: number): string {
  const moment = (n: number) => formatTimestamp(1_748_772_000.000_001 + frame + n / 1_000).replace("Z", "+00:00");
  const metric = (name: string, step: number | null, value: number, n: number) =>
    `{"type": "log_metric", "run_id": "${run}", "name": "${name}", "value": ${value}.0, "step": ${step}, "epoch": null, ` +
    `"context": null, "dtype": "float", "client_datetime": "${moment(n)}"}`;
  const items = Array.from({ length: batch }, (_, i) => metric("stepped", frame * batch + i, frame * batch + i, i));
  items.push(metric("stepless", null, frame, batch));
  items.push(
    `{"type": "log_record", "run_id": "${run}", "message": "frame ${frame}", "level": 20, "timestamp": ${1_748_772_000 + frame}.5}`,
  );
  return `[${items.join(", ")}]`;
}

export async function crashSoak(options: SoakOptions): Promise<SoakResult> {
  const { data, points, kills, clients, report = () => undefined } = options;
  const began = performance.now();
  const frames = Math.ceil(points / batch / clients);
  const runs = Array.from({ length: clients }, (_, i) => `soak${i}`.padEnd(32, "0"));
  let served = await startServed({ data });
  const ports = { port: portOf(served.api), frontierPort: portOf(served.frontier) };
  const starts = [served.startMs];
  const state = { done: 0, resent: 0, searches: 0, isOver: false };

  const logging = runs.map((run) => logFrames(() => served.frontier, run, frames, state));
  const searching = search(() => served.api, state);
  const killing = (async () => {
    for (let kill = 1; kill <= kills; kill++) {
      const at = Math.floor((frames * clients * kill) / (kills + 1));
      while (state.done < at) await Bun.sleep(1);
      await served.end("SIGKILL");
      served = await startServed({ data, ...ports });
      starts.push(served.startMs);
      report(
        `killed ${kill} times, ${state.done * batch} points acknowledged, started in ${served.startMs.toFixed(0)} ms`,
      );
    }
  })();
  try {
    await Promise.all([...logging, killing]);
  } finally {
    state.isOver = true;
    await searching;
    await served.end("SIGTERM");
  }
  const faults = await check(data, runs, frames);
  const { resent, searches, done } = state;
  const seconds = (performance.now() - began) / 1_000;
  return { acknowledged: done * batch, kills, resent, searches, starts, faults, seconds };
}

function portOf(address: string): number {
  return Number(new URL(address).port);
}

interface Tally {
  /** Frames acknowledged. */
  done: number;
  resent: number;
  searches: number;
  isOver: boolean;
}

/** Each frame is sent until it is acknowledged, over as many connections as that takes. */
async function logFrames(address: () => string, run: string, frames: number, tally: Tally): Promise<void> {
  let connection: TestConnection | undefined;
  const create = `{"type": "create_run", "run_id": "${run}", "client_datetime": "2025-06-01T09:00:00.5+00:00"}`;
  for (let frame = -1; frame < frames; ) {
    try {
      connection ??= await TestConnection.open(`${address()}/api/v1/ws/runs/${run}`);
      const { status, error } = await connection.ask(frame < 0 ? create : frameOf(run, frame));
      if (status !== "ok") throw new RefusedFrame(error ?? "");
      if (frame >= 0) tally.done++;
      frame++;
    } catch (error) {
      if (error instanceof RefusedFrame) throw error;
      connection = undefined;
      tally.resent++;
      await Bun.sleep(20);
    }
  }
  await connection?.close();
}

class RefusedFrame extends Error {}

async function search(address: () => string, tally: Tally): Promise<void> {
  const paths = ["search/metric/?q=metric.name=='stepped'&p=50", "search/run/?q=run.active", "active/"];
  for (let i = 0; !tally.isOver; i++) {
    try {
      const response = await fetch(`${address()}/api/v1/rest/runs/${paths[i % paths.length]}`);
      if (response.status === 200 && (await response.bytes()).length > 0) tally.searches++;
    } catch {
      // The server was killed: the next one will answer.
    }
    await Bun.sleep(20);
  }
}

async function check(data: string, runs: readonly string[], frames: number): Promise<string[]> {
  await using stack = await openEmbeddedStack({ dataDir: data, durability: "normal" }, { missing: "fail" });
  const faults: string[] = [];
  const expectSame = (what: string, found: readonly Value[], expected: (place: number) => Value, count: number) => {
    if (found.length !== count) faults.push(`${what}: ${found.length} instead of ${count}`);
    const wrong = found.findIndex((value, place) => value !== expected(place));
    if (wrong >= 0) faults.push(`${what}: '${found[wrong]}' at ${wrong} instead of '${expected(wrong)}'`);
  };
  for (const run of runs) {
    const stepped = await valuesOf(stack.store, run, "stepped");
    expectSame(`${run} stepped`, stepped, (place) => place, frames * batch);
    expectSame(`${run} stepless`, await valuesOf(stack.store, run, "stepless"), (place) => place, frames);
    const records = await valuesOf(stack.store, run, "__log_records");
    const texts = records.map((value) => (isMap(value) ? (value.get("message") ?? null) : value));
    expectSame(`${run} records`, texts, (place) => `frame ${place}`, frames);
  }
  return faults;
}

/** The values of a sequence, which must be at the steps 0, 1, 2 and so on. */
async function valuesOf(store: Store, hash: string, name: string): Promise<Value[]> {
  const found: Value[] = [];
  await store.database.snapshot(async (tx) => {
    for await (const points of readSequence(tx, store, { hash, contextId: contextId(null), name }))
      for (const { step, value } of points) {
        if (step !== BigInt(found.length)) throw new Error(`${hash} ${name}: step ${step} in place of ${found.length}`);
        found.push(value);
      }
  });
  return found;
}
