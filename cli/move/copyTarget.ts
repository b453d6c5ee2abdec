// Where a copy writes to: an embedded store, which is made when it is not there, or a live server.
import { mkdir, realpath } from "node:fs/promises";
import { resolve } from "node:path";
import type { ArchiveReader } from "../../formats/archive/types.ts";
import { type RestoreOptions, type RestoreReport, restore } from "../../server/archive/restore.ts";
import { isInTheWay, readStoredRun } from "../../server/archive/restoreDecide.ts";
import { openEmbeddedStack } from "../../server/embedded.ts";
import type { Stack } from "../../server/stack.ts";
import { parseAddress } from "../client/address.ts";
import { Http, ServerRefusal } from "../client/http.ts";
import { restoreRemote } from "./restoreRemote.ts";

export type TargetOptions = Omit<RestoreOptions, "archive" | "store" | "blobs" | "now">;

export interface CopyTarget extends AsyncDisposable {
  /** Two of the same are one place. */
  readonly place: string;
  /**
   * Whether the run is there: `whole` when nothing can be missing of it, `some` when what was sent of it may be the part that
   * came before an interruption.
   */
  has(hash: string): Promise<"whole" | "some" | "none">;
  restore(archive: ArchiveReader, options: TargetOptions): Promise<RestoreReport>;
}

export async function openStoreTarget(folder: string, isDry: boolean): Promise<CopyTarget> {
  const missing = isDry ? "empty" : "create";
  if (!isDry) await mkdir(folder, { recursive: true });
  const stack = await openEmbeddedStack({ dataDir: folder, durability: "normal" }, { missing });
  return new StoreTarget(stack, isDry ? resolve(folder) : await realpath(folder));
}

class StoreTarget implements CopyTarget {
  readonly place: string;
  readonly #stack: Stack;

  constructor(stack: Stack, place: string) {
    this.#stack = stack;
    this.place = place;
  }

  /** A run becomes visible when all of it is there. */
  async has(hash: string): Promise<"whole" | "none"> {
    const { store } = this.#stack;
    const stored = await store.database.snapshot((tx) => readStoredRun(tx, store, hash));
    return isInTheWay(stored, "") ? "whole" : "none";
  }

  restore(archive: ArchiveReader, options: TargetOptions): Promise<RestoreReport> {
    const { store, blobs } = this.#stack;
    return restore({ ...options, archive, store, blobs, now: Date.now() / 1_000 });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.close();
  }
}

export function openServerTarget(url: string, signal: AbortSignal | undefined): CopyTarget {
  return new ServerTarget(url, signal);
}

class ServerTarget implements CopyTarget {
  readonly place: string;
  readonly #http: Http;
  readonly #signal: AbortSignal | undefined;

  constructor(url: string, signal: AbortSignal | undefined) {
    this.place = parseAddress(url);
    this.#http = new Http(this.place);
    this.#signal = signal;
  }

  async has(hash: string): Promise<"some" | "none"> {
    try {
      await this.#http.json({ path: `runs/${encodeURIComponent(hash)}/info`, signal: this.#signal });
      return "some";
    } catch (error) {
      if (!(error instanceof ServerRefusal)) throw error;
      // The existing server can't show some of its runs (W5).
      return error.status === 404 ? "none" : "some";
    }
  }

  restore(archive: ArchiveReader, options: TargetOptions): Promise<RestoreReport> {
    return restoreRemote({ ...options, archive, url: this.place });
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
