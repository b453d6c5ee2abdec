// What parameters and sequences there are over all runs, kept up to date in pieces: the UI asks for it on nearly every page.
//
// Runs are taken in order of creation and cut into segments. The merged content of a segment of finished runs is kept until
// one of its runs changes (`updated_at`), or for `keptMs`; runs under way are read each time. Memory goes with the number of
// segments and the names in them, not with what runs hold.
import { formatAnswer } from "../../formats/jsonAnswer.ts";
import type { Value } from "../../formats/value.ts";
import type { Store } from "../store/index.ts";
import { readMetaFields } from "../store/metaFields.ts";
import { listRuns } from "../store/runs.ts";
import { RunsContent, readContent } from "./runsContent.ts";
import type { SequenceType } from "./sequenceTypes.ts";

/** Where a segment ends is a matter of its runs' hashes, so that a run that comes or goes leaves the other segments as they are. */
const meanSegment = 64;
const longestSegment = 256;
/** A change of a finished run that left no trace in `updated_at` is seen after this. */
const keptMs = 30_000;
/** At most so many segments are read again only for their age in one request. */
const refreshedAtOnce = 4;
/** An answer that took long to make is given again for some multiple of that time, but never for longer than this. */
const reuseFactor = 5;
const cheapMs = 25;
const longestReuseMs = 2_000;

interface Segment {
  readonly content: RunsContent;
  readonly readAt: number;
}

interface Run {
  readonly hash: string;
  /** What changes with the run's attributes; undefined for a run that is under way. */
  readonly version: string | undefined;
}

export class ProjectParams {
  readonly #store: Store;
  /** Milliseconds of a clock that does not jump. */
  readonly #clock: () => number;
  #segments = new Map<string, Segment>();
  #running: Promise<RunsContent> | undefined;
  #last: { readonly content: RunsContent; readonly until: number } | undefined;

  constructor(store: Store, clock: () => number = () => performance.now()) {
    this.#store = store;
    this.#clock = clock;
  }

  /** The answer as JSON. `types` are filled, the others empty (rest-api.md 1.9). */
  async text(withParams: boolean, types: readonly SequenceType[]): Promise<string> {
    const content = await this.#content();
    const answer = new Map<string, Value>();
    if (withParams) answer.set("params", content.params());
    for (const type of ["metric", "images", "texts", "figures", "distributions", "audios"] as const)
      answer.set(type, types.includes(type) ? content.sequences(type) : new Map());
    return formatAnswer(answer);
  }

  /** Requests at the same time share one reading. */
  #content(): Promise<RunsContent> {
    if (this.#last !== undefined && this.#clock() < this.#last.until) return Promise.resolve(this.#last.content);
    this.#running ??= this.#read().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #read(): Promise<RunsContent> {
    const start = this.#clock();
    const content = new RunsContent();
    const kept = new Map<string, Segment>();
    let refreshed = 0;
    for await (const runs of this.#cut()) {
      const key = runs.map(({ hash, version }) => `${hash} ${version}`).join("\n");
      const isFinal = runs.every(({ version }) => version !== undefined);
      let segment = isFinal ? this.#segments.get(key) : undefined;
      const isOld = segment !== undefined && this.#clock() - segment.readAt > keptMs;
      if (segment === undefined || (isOld && refreshed++ < refreshedAtOnce)) {
        const hashes = runs.map(({ hash }) => hash);
        segment = { content: await readContent(this.#store, hashes), readAt: this.#clock() };
        // Between two pieces of work others have their turn.
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (isFinal) kept.set(key, segment);
      content.add(segment.content);
    }
    this.#segments = kept;
    const took = this.#clock() - start;
    const reuse = took < cheapMs ? 0 : Math.min(longestReuseMs, took * reuseFactor);
    this.#last = { content, until: this.#clock() + reuse };
    return content;
  }

  /** All runs by time of creation, archived ones too, in segments; each run that is under way is one of its own. */
  async *#cut(): AsyncGenerator<readonly Run[]> {
    let segment: Run[] = [];
    for await (const hashes of listRuns(this.#store)) {
      const rows = await this.#store.database.snapshot((tx) =>
        readMetaFields(tx, this.#store, hashes, ["active", "updated_at"]),
      );
      for (const [i, hash] of hashes.entries()) {
        const [active, updated] = rows[i]!;
        const run = { hash, version: active === false ? String(updated) : undefined };
        if (run.version === undefined) {
          if (segment.length > 0) yield segment;
          segment = [];
          yield [run];
          continue;
        }
        segment.push(run);
        if (segment.length < longestSegment && Bun.hash.crc32(hash) % meanSegment !== 0) continue;
        yield segment;
        segment = [];
      }
    }
    if (segment.length > 0) yield segment;
  }
}
