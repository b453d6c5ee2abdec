// What parameters and sequences there are over all runs, kept up to date in pieces: the UI asks for it on nearly every page.
//
// Runs are taken in order of creation and cut into segments, of finished runs or of runs under way. The merged content of a
// segment of finished runs is kept until one of its runs changes (`updated_at`), or for `keptMs`. Of runs under way the
// parameters are kept in the same way, one by one, and the sequences are read each time. Memory goes with the number of
// segments and the names in them, not with the number of runs.
import { formatAnswer } from "../../formats/jsonAnswer.ts";
import type { Value } from "../../formats/value.ts";
import type { Store } from "../store/index.ts";
import { readMetaFields } from "../store/metaFields.ts";
import { listRuns } from "../store/runs.ts";
import { addSequences, RunsContent, readContent, readParams } from "./runsContent.ts";
import type { SequenceType } from "./sequenceTypes.ts";

/** Where a segment ends is a matter of its runs' hashes, so that a run that comes or goes leaves the other segments as they are. */
const meanSegment = 64;
const longestSegment = 256;
/** A change of a finished run that left no trace in `updated_at` (a point that came late) is seen after this. */
const keptMs = 30_000;
/** At most so many runs under way have their parameters kept. */
const keptParams = 2_000;
/** At most so many segments are read again only for their age in one request. */
const refreshedAtOnce = 4;
/** An answer that took long to make is given again for some multiple of that time, but never for longer than this. */
const reuseFactor = 5;
const cheapMs = 25;
const longestReuseMs = 2_000;

interface Kept {
  readonly content: RunsContent;
  readonly readAt: number;
}

interface Run {
  readonly hash: string;
  readonly isLive: boolean;
  /** Changes with the run's attributes. */
  readonly version: string;
}

export class ProjectParams {
  readonly #store: Store;
  /** Milliseconds of a clock that does not jump. */
  readonly #clock: () => number;
  /** Finished runs by what they are and how old. */
  #segments = new Map<string, Kept>();
  /** Parameters of runs under way, likewise. */
  #live = new Map<string, Kept>();
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
    const segments = new Map<string, Kept>();
    const live = new Map<string, Kept>();
    let refreshes = refreshedAtOnce;
    for await (const runs of this.#cut()) {
      if (runs[0]!.isLive) {
        await this.#addLive(runs, content, live);
        continue;
      }
      const key = runs.map(identify).join("\n");
      let segment = this.#segments.get(key);
      if (segment === undefined || (this.#isOld(segment) && refreshes-- > 0)) {
        const hashes = runs.map(({ hash }) => hash);
        segment = { content: await readContent(this.#store, hashes), readAt: this.#clock() };
        await othersTurn();
      }
      segments.set(key, segment);
      content.add(segment.content);
    }
    this.#segments = segments;
    this.#live = live;
    const took = this.#clock() - start;
    const reuse = took < cheapMs ? 0 : Math.min(longestReuseMs, took * reuseFactor);
    this.#last = { content, until: this.#clock() + reuse };
    return content;
  }

  async #addLive(runs: readonly Run[], content: RunsContent, live: Map<string, Kept>): Promise<void> {
    await this.#store.database.snapshot(async (tx) => {
      for (const run of runs) {
        const key = identify(run);
        let params = this.#live.get(key);
        if (params === undefined || this.#isOld(params)) {
          params = { content: new RunsContent(), readAt: this.#clock() };
          params.content.addParams(await readParams(tx, this.#store, run.hash));
        }
        if (live.size < keptParams) live.set(key, params);
        content.add(params.content);
        await addSequences(tx, this.#store, run.hash, content);
      }
    });
    await othersTurn();
  }

  #isOld({ readAt }: Kept): boolean {
    return this.#clock() - readAt > keptMs;
  }

  /** All runs by time of creation, archived ones too, in segments that are all live or all finished. */
  async *#cut(): AsyncGenerator<readonly Run[]> {
    let segment: Run[] = [];
    for await (const hashes of listRuns(this.#store)) {
      const rows = await this.#store.database.snapshot((tx) =>
        readMetaFields(tx, this.#store, hashes, ["active", "updated_at"]),
      );
      for (const [i, hash] of hashes.entries()) {
        const [active, updated] = rows[i]!;
        const run = { hash, isLive: active !== false, version: String(updated) };
        if (segment.length > 0 && segment[0]!.isLive !== run.isLive) {
          yield segment;
          segment = [];
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

function identify({ hash, version }: Run): string {
  return `${hash} ${version}`;
}

/** Between two pieces of work other requests are served. */
function othersTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
