// What ingestion costs: `bun scripts/bench/apply.ts [MESSAGES] [FOLDER]`, default 200,000 metrics of one run, 10 sequences.
// Durable commits of 1,000 messages each, from parsed messages and from the text of frames of 100. Rates are per second on
// one core; the peer is the store's own column writer on the same points, which is what is left without messages.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatTimestamp, type IngestMessage, parseFrame, parseMessage } from "../../formats/messages/index.ts";
import { openFolderBlobs } from "../../server/blobs/folder.ts";
import { openEmbedded } from "../../server/kv/embedded.ts";
import { openStore, type Store } from "../../server/store/index.ts";
import { SequenceWriter } from "../../server/store/sequences.ts";
import { ApplyLoop, applyMessages } from "../../server/workers/apply.ts";

const count = Number(process.argv[2] ?? 200_000);
const folder = mkdtempSync(join(process.argv[3] ?? tmpdir(), "matyan-bench-apply-"));
const batch = 1_000;
const sequences = 10;
const turns = 3;

const run = (turn: string) => `3f2a9c1e5b7d4f80a1c2e3d4f506${turn.padStart(4, "0")}`;

function frameItem(i: number): string {
  const time = formatTimestamp(1_748_772_000 + i / 1_000).replace("Z", "+00:00");
  return (
    `{"type": "log_metric", "run_id": "x", "name": "metric_${i % sequences}", "value": ${1 / (i + 1)}, ` +
    `"step": ${Math.floor(i / sequences)}, "epoch": null, "context": {"subset": "train"}, "dtype": "float", "client_datetime": "${time}"}`
  );
}

const frames = Array.from({ length: count / 100 }, (_, f) => {
  const items = Array.from({ length: 100 }, (_, i) => frameItem(f * 100 + i));
  return `[${items.join(", ")}]`;
});

function messagesOf(frame: string, runId: string): IngestMessage[] {
  const parsed = parseFrame(frame, { runId, timestamp: 1_748_772_000 });
  if (!("items" in parsed)) throw new Error(parsed.error);
  return parsed.items.flatMap((item) => (item.ok ? [item.message] : []));
}

const create = (runId: string): IngestMessage =>
  parseMessage(
    `{"type":"create_run","run_id":"${runId}","timestamp":1748772000,"payload":{"client_datetime":"2025-06-01T10:00:00+00:00"}}`,
  );

async function rate(label: string, work: (turn: number) => Promise<void>): Promise<void> {
  let best = 0;
  let cpu = 0;
  for (let turn = 0; turn < turns; turn++) {
    const before = process.cpuUsage();
    const start = performance.now();
    await work(turn);
    const used = process.cpuUsage(before);
    const perSecond = Math.round((count / (performance.now() - start)) * 1_000);
    if (perSecond > best) {
      best = perSecond;
      cpu = (used.user + used.system) / count;
    }
  }
  console.log(`${label.padEnd(58)} ${best.toLocaleString("en-US").padStart(9)}/s  ${cpu.toFixed(1)} µs CPU each`);
}

async function bench(store: Store, blobs: Awaited<ReturnType<typeof openFolderBlobs>>): Promise<void> {
  await rate("column writer alone, 1,000 points of one sequence a commit", async (turn) => {
    const writer = new SequenceWriter(store, { hash: run(`w${turn}`), contextId: 0, name: "loss" });
    for (let first = 0; first < count; first += batch) {
      const steps = Array.from({ length: batch }, (_, i) => first + i);
      const values = Float64Array.from(steps, (step) => 1 / (step + 1));
      await store.database.transact((tx) => writer.writeFloats(tx, { steps, values, times: values }));
    }
  });
  const parsed = frames.map((frame) => messagesOf(frame, ""));
  await rate("parsed messages, 1,000 a commit", async (turn) => {
    const runId = run(`a${turn}`);
    await applyMessages(store, blobs, [create(runId)]);
    for (let at = 0; at < parsed.length; at += batch / 100) {
      const messages = parsed.slice(at, at + batch / 100).flat();
      await applyMessages(
        store,
        blobs,
        messages.map((message) => ({ ...message, runId })),
      );
    }
  });
  await rate("frames of 100 as text, 1,000 a commit", async (turn) => {
    const runId = run(`b${turn}`);
    await applyMessages(store, blobs, [create(runId)]);
    for (let at = 0; at < frames.length; at += batch / 100) {
      const messages = frames.slice(at, at + batch / 100).flatMap((frame) => messagesOf(frame, runId));
      await applyMessages(store, blobs, messages);
    }
  });
  await rate("frames of 100 from 10 senders through the loop", async (turn) => {
    const loop = new ApplyLoop(store, blobs);
    const sender = async (s: number) => {
      const runId = run(`c${turn}${s}`);
      await loop.submit([create(runId)]);
      for (let at = s; at < frames.length; at += 10) await loop.submit(messagesOf(frames[at]!, runId));
    };
    await Promise.all(Array.from({ length: 10 }, (_, s) => sender(s)));
    await loop.close();
  });
}

const database = await openEmbedded({ path: join(folder, "store.db"), durability: "full" });
try {
  const blobs = await openFolderBlobs(join(folder, "blobs"), { durability: "full" });
  await bench(await openStore(database), blobs);
  console.log(`memory at the end: ${Math.round(process.memoryUsage.rss() / 1e6)} MB`);
} finally {
  await database.close();
  rmSync(folder, { recursive: true });
}
