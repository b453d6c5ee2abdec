// Gathers the figures of a system from the parts that a process has of it.
import { messageOf } from "../../formats/error.ts";
import type { Store } from "../store/index.ts";
import { countTerm } from "../store/indexPages.ts";
import type { ApplyLoop } from "../workers/apply.ts";
import type { BlobTally } from "./blobTally.ts";
import { type Figure, figureNames, type LiveFigures } from "./figures.ts";
import type { KafkaWatch } from "./kafkaWatch.ts";
import type { LiveWatch } from "./watch.ts";

export interface MeasuredParts {
  readonly store?: Store | undefined;
  /** Bytes of the store's files, where it has any. */
  readonly storeBytes?: (() => Promise<number>) | undefined;
  readonly blobs?: BlobTally | undefined;
  readonly kafka?: KafkaWatch | undefined;
  /** Of the process that serves. */
  readonly serving?:
    | {
        readonly watch: LiveWatch;
        /** Where this process applies what it takes. */
        readonly loop: ApplyLoop | undefined;
        /** Undefined where the frontier is another process. */
        readonly connections: (() => number) | undefined;
      }
    | undefined;
  /** Why what is not measured is not. */
  readonly reasons: Readonly<Partial<Record<Figure, string>>>;
}

/** Active runs are counted up to here. */
const countedRuns = 10_000;
/** How long files of blobs are counted for one answer, milliseconds. */
const countBlobsMs = 50;

/** What Kafka is asked for at once, so that one reason stands for all. */
const ofTopics: ReadonlySet<Figure> = new Set(["received", "applied", "letters"]);

/** A part that fails is missing, with the reason; the others are told. `now`: seconds since the epoch. */
export async function measure(parts: MeasuredParts, now: number): Promise<LiveFigures> {
  const missing: Partial<Record<Figure, string>> = {};
  const known = async <T>(name: Figure, look: (() => Promise<T>) | undefined): Promise<T | undefined> => {
    if (look === undefined) return undefined;
    try {
      return await look();
    } catch (error) {
      missing[name] = messageOf(error);
      return undefined;
    }
  };
  const { store, storeBytes, blobs, kafka, serving } = parts;
  const [bytes, files, topics, runs] = await Promise.all([
    known("store", storeBytes),
    known("blobs", blobs && (() => blobs.look(countBlobsMs))),
    known("lag", kafka && (() => kafka.look())),
    known("runs", store && (() => countRuns(store))),
  ]);
  const loop = serving?.loop?.stats;
  const takes = serving?.connections !== undefined;
  const figures: Omit<LiveFigures, "missing"> = {
    at: now,
    // Of a cluster this process knows but a part.
    received: kafka ? topics && { messages: topics.received } : takes ? serving.watch.received : undefined,
    applied: topics
      ? { messages: topics.applied }
      : loop && takes
        ? { points: loop.points, messages: loop.applied }
        : undefined,
    queue: loop && takes ? { messages: loop.queued, bytes: loop.queuedBytes } : undefined,
    lag: topics && { messages: topics.lag },
    letters: topics?.letters,
    store: bytes === undefined ? undefined : { bytes },
    blobs: files,
    runs,
    connections: serving?.connections && { open: serving.connections() },
    memory: serving && { bytes: process.memoryUsage.rss() },
    slow: serving?.watch.last.slow,
    errors: serving?.watch.last.errors,
  };
  const failure = missing.lag;
  for (const name of figureNames) {
    const reason = missing[name] ?? (ofTopics.has(name) ? failure : undefined) ?? parts.reasons[name];
    if (figures[name] === undefined && reason !== undefined) missing[name] = reason;
    else delete missing[name];
  }
  return { ...figures, missing };
}

async function countRuns(store: Store): Promise<{ active: number; more: boolean }> {
  const active = await store.database.snapshot((tx) => countTerm(tx, store, ["active", true], countedRuns));
  return { active, more: active >= countedRuns };
}
