// What the object stores have in common: keys and ranges are checked, errors name place and key, and many are deleted.

import { MatyanError } from "../../formats/error.ts";
import type { ObjectStoreSettings } from "../config/engines.ts";
import { eachOf } from "./concurrency.ts";
import { DeletionTally, groupsOf, keysOf } from "./deletion.ts";
import {
  type BlobDeletion,
  type BlobEngineName,
  type BlobEntry,
  type BlobGetOptions,
  type BlobInfo,
  type BlobListOptions,
  type BlobPutOptions,
  type BlobSource,
  type BlobStore,
  checkBlobKey,
  checkDeletePrefix,
  checkRange,
  compareKeys,
  type PresignedPut,
  type PresignOptions,
} from "./index.ts";
import { type PartTarget, putInParts } from "./parts.ts";
import { type ObjectSource, readObject } from "./reading.ts";
import { type BlobPlace, type Refusal, refusalError } from "./refusal.ts";

/** One service's requests. They throw what its SDK throws, after the SDK's own retries. */
export interface ObjectService {
  readonly engine: BlobEngineName;
  readonly place: BlobPlace;
  refusalOf(error: unknown): Refusal;
  /** What in the key the service can't have, if anything. */
  refuses(key: string): string | undefined;
  /** Where the bytes of one put go; errors of its parts are the service's. */
  target(key: string, contentType: string): PartTarget;
  open: ObjectSource["open"];
  head(key: string): Promise<BlobInfo | undefined>;
  /** The listing in order, page by page, from `after` on or a little before it. */
  pages(prefix: string, after: string | undefined): AsyncIterable<readonly BlobEntry[]>;
  /** Nothing happens when there is none. */
  delete(key: string): Promise<void>;
  /** Where the service deletes several in one request: the keys that it did not delete. Up to `deletesPerRequest` keys. */
  readonly deleteGroup?: (keys: readonly string[]) => Promise<readonly GroupFailure[]>;
  presign(key: string, options: PresignOptions): Promise<PresignedPut>;
  /** Resolves when the bucket can be used. */
  look(): Promise<void>;
  /** Whether `look` failed because there is no bucket. */
  isMissing(refusal: Refusal): boolean;
  /** Also fine when another process made it meanwhile. */
  create(): Promise<void>;
  uriOf(key: string): string;
  close(): void;
}

export interface GroupFailure {
  readonly key: string;
  readonly refusal: Refusal;
  /** Whether trying again may help. */
  readonly passing: boolean;
}

const deletesPerRequest = 1_000;
const deleteRounds = 4;
/** Deletes of one object each, at the same time. */
const concurrentDeletes = 32;

export class ObjectBlobs implements BlobStore {
  readonly engine: BlobEngineName;
  readonly #service: ObjectService;
  readonly #createMissing: boolean;
  readonly #source: ObjectSource;

  constructor(service: ObjectService, { createMissing }: Pick<ObjectStoreSettings, "createMissing">) {
    this.engine = service.engine;
    this.#service = service;
    this.#createMissing = createMissing;
    this.#source = {
      open: (...request) => this.#named("read", request[0], () => service.open(...request)),
      failed: (key, error) => refusalError(service.place, "read", key, service.refusalOf(error)),
    };
  }

  async put(key: string, source: BlobSource, { contentType }: BlobPutOptions = {}): Promise<void> {
    this.#checkNewKey(key);
    const target = this.#service.target(key, contentType || "application/octet-stream");
    const named = <T>(work: () => Promise<T>) => this.#named("write", key, work);
    // The source's own errors are passed on as they are.
    await putInParts(source, {
      partsInFlight: target.partsInFlight,
      whole: (bytes) => named(() => target.whole(bytes)),
      begin: async () => {
        const upload = await named(() => target.begin());
        return {
          part: (index, bytes) => named(() => upload.part(index, bytes)),
          complete: (parts, bytes) => named(() => upload.complete(parts, bytes)),
          abort: () => upload.abort(),
        };
      },
    });
  }

  async get(key: string, { range }: BlobGetOptions = {}): Promise<AsyncIterable<Uint8Array> | undefined> {
    checkBlobKey(key);
    if (range !== undefined) checkRange(range);
    if (this.#faultOf(key) !== undefined) return undefined;
    return readObject(this.#source, key, range ?? { start: 0 });
  }

  async head(key: string): Promise<BlobInfo | undefined> {
    checkBlobKey(key);
    if (this.#faultOf(key) !== undefined) return undefined;
    return this.#named("read", key, () => this.#service.head(key));
  }

  async *list(prefix: string, { after }: BlobListOptions = {}): AsyncIterable<BlobEntry> {
    const pages = this.#service.pages(prefix, after)[Symbol.asyncIterator]();
    for (;;) {
      const page = await this.#named("list", undefined, () => pages.next());
      if (page.done === true) return;
      yield* after === undefined ? page.value : page.value.filter(({ key }) => compareKeys(key, after) > 0);
    }
  }

  async delete(key: string): Promise<void> {
    checkBlobKey(key);
    if (this.#faultOf(key) !== undefined) return;
    await this.#named("delete", key, () => this.#service.delete(key));
  }

  async deleteMany(keys: Iterable<string> | AsyncIterable<string>): Promise<BlobDeletion> {
    const tally = new DeletionTally();
    const group = this.#service.deleteGroup;
    const alone = group === undefined ? keys : this.#deleteInGroups(keys, group, tally);
    await eachOf(alone, concurrentDeletes, async (key) => {
      try {
        await this.delete(key);
        tally.gone(1);
      } catch (error) {
        tally.failed(key, error);
      }
    });
    return tally.result();
  }

  /** Yields the keys that no group can name. */
  async *#deleteInGroups(
    keys: Iterable<string> | AsyncIterable<string>,
    send: NonNullable<ObjectService["deleteGroup"]>,
    tally: DeletionTally,
  ): AsyncGenerator<string> {
    for await (const group of groupsOf(keys, deletesPerRequest)) {
      const named = (key: string) => fitsXml(key) && this.#faultOf(key) === undefined;
      yield* group.filter((key) => !named(key));
      await this.#deleteGroup(group.filter(named), send, tally);
    }
  }

  /** One request, and more for those that the service could not delete just now. */
  async #deleteGroup(
    keys: readonly string[],
    send: NonNullable<ObjectService["deleteGroup"]>,
    tally: DeletionTally,
  ): Promise<void> {
    let left = keys;
    for (let round = 1; left.length > 0; round++) {
      let failures: readonly GroupFailure[];
      try {
        failures = await this.#named("delete blobs of", undefined, () => send(left));
      } catch (error) {
        for (const key of left) tally.failed(key, error);
        return;
      }
      tally.gone(left.length - failures.length);
      const again = failures.filter(({ passing }) => passing && round < deleteRounds);
      for (const failure of failures) {
        if (again.includes(failure)) continue;
        tally.failed(failure.key, refusalError(this.#service.place, "delete", failure.key, failure.refusal));
      }
      left = again.map(({ key }) => key);
      if (left.length > 0) await Bun.sleep(100 * 2 ** round);
    }
  }

  async deletePrefix(prefix: string): Promise<BlobDeletion> {
    checkDeletePrefix(prefix);
    return this.deleteMany(keysOf(this.list(prefix)));
  }

  readonly presignPut = async (key: string, options: PresignOptions): Promise<PresignedPut> => {
    this.#checkNewKey(key);
    return this.#named("sign an upload of", key, () => this.#service.presign(key, options));
  };

  async check(): Promise<void> {
    const service = this.#service;
    await this.#named("use", undefined, async () => {
      try {
        await service.look();
      } catch (error) {
        if (!this.#createMissing || !service.isMissing(service.refusalOf(error))) throw error;
        await service.create();
        await service.look();
      }
    });
  }

  uriOf(key: string): string {
    return this.#service.uriOf(key);
  }

  async close(): Promise<void> {
    this.#service.close();
  }

  /** Why the service can hold no blob of this key: where URLs are made of it, `.` and `..` lead to other keys. */
  #faultOf(key: string): string | undefined {
    const segments = key.split("/");
    return segments.includes(".") || segments.includes("..") ? "a segment '.' or '..'" : this.#service.refuses(key);
  }

  #checkNewKey(key: string): void {
    checkBlobKey(key);
    const fault = this.#faultOf(key);
    if (fault === undefined) return;
    throw new MatyanError("usage", `the blob key '${key.slice(0, 80)}' has ${fault}, which ${this.engine} can't hold`, {
      hint: "Give the artifact another name.",
    });
  }

  async #named<T>(verb: string, key: string | undefined, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof MatyanError) throw error;
      throw refusalError(this.#service.place, verb, key, this.#service.refusalOf(error));
    }
  }
}

/** Whether the key can be named in the XML of a request for many; the others are deleted one by one, or refused so. */
function fitsXml(key: string): boolean {
  return key !== "" && key.isWellFormed() && !/[\u0000-\u001f\ufffe\uffff]/.test(key);
}
