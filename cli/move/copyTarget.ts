// Where a copy writes to: an embedded store, which is made when it is not there, or a live server.
import { mkdir, realpath } from "node:fs/promises";
import { resolve } from "node:path";
import type { ArchiveReader } from "../../formats/archive/types.ts";
import { isMap } from "../../formats/value.ts";
import { type RestoreReport, type RestoreWays, restore } from "../../server/archive/restore.ts";
import { isInTheWay, readStoredRun } from "../../server/archive/restoreDecide.ts";
import type { Config } from "../../server/config.ts";
import { openEmbeddedStack } from "../../server/embedded.ts";
import type { Stack } from "../../server/stack.ts";
import { parseAddress } from "../client/address.ts";
import { Http, ServerRefusal } from "../client/http.ts";
import { type RestoreRemoteReport, restoreRemote } from "./restoreRemote.ts";
import { isMarked } from "./restoreRemoteRun.ts";

export interface CopyTarget extends AsyncDisposable {
  /** Two of the same are one place. */
  readonly place: string;
  /** Whether the run is there: `some` when it may be what came before an interruption. */
  has(hash: string): Promise<"whole" | "some" | "none">;
  /** The report has notes where the place can't keep all of an archive. */
  restore(archive: ArchiveReader, options: RestoreWays): Promise<RestoreReport & Partial<RestoreRemoteReport>>;
}

export async function openStoreTarget(
  folder: string,
  durability: Config["durability"],
  isDry: boolean,
): Promise<CopyTarget> {
  const missing = isDry ? "empty" : "create";
  if (!isDry) await mkdir(folder, { recursive: true });
  const stack = await openEmbeddedStack({ dataDir: folder, durability }, { missing });
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

  restore(archive: ArchiveReader, options: RestoreWays): Promise<RestoreReport> {
    const { store, blobs } = this.#stack;
    return restore({ ...options, archive, store, blobs, now: Date.now() / 1_000 });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.close();
  }
}

export function openServerTarget(
  url: string,
  frontier: string | undefined,
  signal: AbortSignal | undefined,
): CopyTarget {
  return new ServerTarget(url, frontier, signal);
}

class ServerTarget implements CopyTarget {
  readonly place: string;
  readonly #frontier: string | undefined;
  readonly #http: Http;
  readonly #signal: AbortSignal | undefined;

  constructor(url: string, frontier: string | undefined, signal: AbortSignal | undefined) {
    this.place = parseAddress(url);
    this.#frontier = frontier;
    this.#http = new Http(this.place);
    this.#signal = signal;
  }

  /** A run has its own name when all of it is there. */
  async has(hash: string): Promise<"whole" | "some" | "none"> {
    try {
      const info = await this.#http.json({ path: `runs/${encodeURIComponent(hash)}/info`, signal: this.#signal });
      const props = isMap(info) ? info.get("props") : undefined;
      const name = isMap(props) ? props.get("name") : undefined;
      return typeof name !== "string" || isMarked(name) || name === `Run: ${hash}` ? "some" : "whole";
    } catch (error) {
      if (!(error instanceof ServerRefusal)) throw error;
      // The existing server can't show some of its runs (W5).
      return error.status === 404 ? "none" : "some";
    }
  }

  restore(archive: ArchiveReader, options: RestoreWays): Promise<RestoreRemoteReport> {
    return restoreRemote({ ...options, archive, url: this.place, frontier: this.#frontier });
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
