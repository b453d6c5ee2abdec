// Where a copy reads from, run by run: an embedded store, or a live server.
import { realpath } from "node:fs/promises";
import type { ArchiveWriter } from "../../formats/archive/types.ts";
import type { Value, ValueMap } from "../../formats/value.ts";
import { entityKinds } from "../../server/archive/archivedEntity.ts";
import { backupEntities, backupSettings } from "../../server/archive/backupEntities.ts";
import { backupRun } from "../../server/archive/backupRun.ts";
import { runsToBackUp } from "../../server/archive/backupSelect.ts";
import { parseSince } from "../../server/archive/since.ts";
import { openEmbeddedStack } from "../../server/embedded.ts";
import type { Stack } from "../../server/stack.ts";
import { runExperiment, runTags } from "../../server/store/associations.ts";
import { readEntity } from "../../server/store/entities.ts";
import { parseAddress } from "../client/address.ts";
import { notGivenOf, reasonOfRun } from "./backupRemote.ts";
import { writeEntities, writeExperiments, writeNotes } from "./backupRemoteEntities.ts";
import { backupRemoteRun, type Lack } from "./backupRemoteRun.ts";
import { type RemoteFilters, remoteRuns } from "./backupRemoteSelect.ts";
import { type ListedRun, RemoteServer } from "./backupRemoteServer.ts";

export interface RunReading {
  readonly archive: ArchiveWriter;
  readonly isWithBlobs: boolean;
  /** `count` more points are read. */
  advance(count: number): void;
  warn(message: string): void;
}

/** `gone`: deleted since it was listed, or being deleted. `failed`: the source can't give all of it, and why. */
export type RunRead = "written" | "gone" | { readonly failed: string };

export interface CopySource extends AsyncDisposable {
  /** Two of the same are one place. */
  readonly place: string;
  /** The hashes of the runs that pass the filters, in the order of creation. @throws MatyanError as a backup's filters do */
  runs(filters: RemoteFilters): Promise<readonly string[]>;
  /** Everything of the project but runs and notes. */
  writeEntities(archive: ArchiveWriter): Promise<void>;
  /** The notes of these runs and of all experiments, with the experiments that they belong to. */
  writeNotes(archive: ArchiveWriter, runs: readonly string[]): Promise<void>;
  /** One run, with the experiment and the tags that it refers to. */
  writeRun(reading: RunReading, hash: string): Promise<RunRead>;
  /** What the source kept to itself of what was read. */
  readonly notGiven: readonly string[];
}

/** @throws MatyanError `not_found` when there is no store in the folder */
export async function openStoreSource(folder: string, signal: AbortSignal | undefined): Promise<CopySource> {
  const stack = await openEmbeddedStack({ dataDir: folder, durability: "normal" }, { missing: "fail", access: "read" });
  return new StoreSource(stack, await realpath(folder), signal);
}

class StoreSource implements CopySource {
  readonly place: string;
  readonly notGiven = [];
  readonly #stack: Stack;
  readonly #signal: AbortSignal | undefined;

  constructor(stack: Stack, place: string, signal: AbortSignal | undefined) {
    this.#stack = stack;
    this.place = place;
    this.#signal = signal;
  }

  runs({ runs, experiment, since }: RemoteFilters): Promise<string[]> {
    const from = since === undefined ? undefined : parseSince(since);
    return runsToBackUp(this.#stack.store, { runs, experiment, since: from });
  }

  async writeEntities(archive: ArchiveWriter): Promise<void> {
    const { store } = this.#stack;
    const kinds = entityKinds.filter((kind) => kind !== "note");
    await backupEntities(store, archive, { kinds, signal: this.#signal });
    await backupSettings(store, archive);
  }

  async writeNotes(archive: ArchiveWriter, runs: readonly string[]): Promise<void> {
    const copied: ReadonlySet<Value | undefined> = new Set(runs);
    const isWanted = (kind: string, fields: ValueMap) =>
      kind !== "note" || !fields.has("run_hash") || copied.has(fields.get("run_hash"));
    await backupEntities(this.#stack.store, archive, { kinds: ["experiment", "note"], isWanted, signal: this.#signal });
  }

  async writeRun({ archive, isWithBlobs, advance, warn }: RunReading, hash: string): Promise<RunRead> {
    const { store, blobs } = this.#stack;
    const signal = this.#signal;
    const work = { store, archive, blobs: isWithBlobs ? blobs : undefined, advance, warn, signal };
    if ((await backupRun(work, hash)) !== "written") return "gone";
    await store.database.snapshot(async (tx) => {
      const write = async (kind: "experiment" | "tag", id: string) => {
        const fields = await readEntity(tx, store, kind, id);
        if (fields !== undefined) await archive.entity(kind, withId(id, fields));
      };
      const experiment = await runExperiment(tx, store, hash);
      if (experiment !== undefined) await write("experiment", experiment);
      for (const tag of await runTags(tx, store, hash)) await write("tag", tag);
    });
    return "written";
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.close();
  }
}

function withId(id: string, fields: ValueMap): ValueMap {
  return new Map<string, Value>([["id", id], ...fields]);
}

export function openServerSource(
  url: string,
  signal: AbortSignal | undefined,
  warn: (message: string) => void,
): CopySource {
  return new ServerSource(new RemoteServer(parseAddress(url), signal), warn);
}

class ServerSource implements CopySource {
  readonly #server: RemoteServer;
  readonly #warn: (message: string) => void;
  readonly #listed = new Map<string, ListedRun>();
  readonly #lacks = new Set<Lack>();

  constructor(server: RemoteServer, warn: (message: string) => void) {
    this.#server = server;
    this.#warn = warn;
  }

  get place(): string {
    return this.#server.http.address;
  }

  get notGiven(): readonly string[] {
    return notGivenOf(this.#lacks);
  }

  async runs(filters: RemoteFilters): Promise<string[]> {
    for (const run of await remoteRuns(this.#server, filters)) this.#listed.set(run.hash, run);
    return [...this.#listed.keys()];
  }

  async writeEntities(archive: ArchiveWriter): Promise<void> {
    await writeEntities(this.#server, archive, this.#warn);
  }

  async writeNotes(archive: ArchiveWriter, runs: readonly string[]): Promise<void> {
    const experiments = await writeExperiments(this.#server, archive, this.#warn);
    await writeNotes(this.#server, archive, { experiments, runs }, this.#warn);
  }

  /** Experiments and tags are found by the names that the run has of them. */
  async writeRun({ archive, isWithBlobs, advance, warn }: RunReading, hash: string): Promise<RunRead> {
    const server = this.#server;
    const run = this.#listed.get(hash);
    if (run === undefined) return "gone";
    const lacks = (what: Lack) => void this.#lacks.add(what);
    try {
      return await backupRemoteRun({ server, archive, isWithBlobs, advance, warn, lacks }, run);
    } catch (error) {
      server.signal?.throwIfAborted();
      return { failed: await reasonOfRun(server, error) };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
