// Test support: a frontier of its own on a free port, over a store in memory and blobs in a folder.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { contextId } from "../../formats/context.ts";
import type { ValueMap } from "../../formats/value.ts";
import { openFolderBlobs } from "../blobs/folder.ts";
import type { BlobStore } from "../blobs/index.ts";
import type { Store } from "../store/index.ts";
import { readMeta } from "../store/runs.ts";
import { readSequence } from "../store/sequences.ts";
import { memoryStore } from "../store/testing.ts";
import { ApplyLoop } from "../workers/apply.ts";
import type { Connection, FrontierOptions } from "./index.ts";
import { Frontier } from "./index.ts";

export interface TestFrontier extends AsyncDisposable {
  readonly frontier: Frontier;
  readonly address: string;
  readonly store: Store;
  readonly blobs: BlobStore;
  /** Where the blobs lie. */
  readonly folder: string;
  readonly loop: ApplyLoop;
  /** `http://host:port` with the path of a run's socket. */
  socketOf(run: string): string;
  /** The float points of a sequence whose context is `{"subset": "train"}`, by step. */
  pointsOf(run: string, name: string): Promise<Record<string, unknown>>;
  metaOf(run: string): Promise<ValueMap | undefined>;
}

export const testSecret = new Uint8Array(32).fill(7);

export async function openTestFrontier(options: Partial<FrontierOptions> = {}): Promise<TestFrontier> {
  const folder = await mkdtemp(join(tmpdir(), "matyan-frontier-test-"));
  const store = await memoryStore();
  const blobs = options.blobs ?? (await openFolderBlobs(folder, { durability: "normal" }));
  const loop = new ApplyLoop(store, blobs);
  const frontier = new Frontier({
    store,
    blobs,
    ingest: loop,
    secret: testSecret,
    now: () => 1_800_000_000,
    presignExpirySeconds: 3_600,
    maxUploadBytes: 10_000_000,
    ...options,
  });
  const server = Bun.serve<Connection>({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request, own) => {
      const answer = frontier.answer(request, new URL(request.url), own);
      return answer === "upgraded" ? undefined : (answer ?? new Response("elsewhere", { status: 404 }));
    },
    websocket: frontier.sockets.handler,
  });
  const address = `http://127.0.0.1:${server.port}`;
  return {
    frontier,
    address,
    store,
    blobs,
    folder,
    loop,
    socketOf: (run) => `${address}/api/v1/ws/runs/${run}`,
    pointsOf: (run, name) => floatPoints(store, run, name),
    metaOf: (run) => store.database.snapshot((tx) => readMeta(tx, store, run)),
    [Symbol.asyncDispose]: async () => {
      await server.stop(true);
      await loop.close();
      await store.database.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const train = contextId(new Map([["subset", "train"]]));

export async function floatPoints(store: Store, run: string, name: string): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  await store.database.snapshot(async (tx) => {
    for await (const points of readSequence(tx, store, { hash: run, contextId: train, name }))
      for (const { step, value } of points) found[String(step)] = value;
  });
  return found;
}
