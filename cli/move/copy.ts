// Copies runs from one place into another: a live server, an embedded store's folder, or (as the source) an archive.
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { createArchive, openArchive } from "../../formats/archive/index.ts";
import type { ArchiveReader, ArchiveWriter } from "../../formats/archive/types.ts";
import { MatyanError } from "../../formats/error.ts";
import { type Progress, silentProgress } from "../../formats/progress.ts";
import { makeTempFolder } from "../../formats/tempFolder.ts";
import type { RestoreReport, RestoreWays, RunOutcome } from "../../server/archive/restore.ts";
import type { EntityOutcome } from "../../server/archive/restoreEntities.ts";
import type { Config } from "../../server/config.ts";
import type { RemoteFilters } from "./backupRemoteSelect.ts";
import { someRunsOf } from "./copyArchive.ts";
import { type CopySource, openServerSource, openStoreSource } from "./copySource.ts";
import { type CopyTarget, openServerTarget, openStoreTarget } from "./copyTarget.ts";

/** In a dry run, runs are not read. */
export interface CopyOptions extends RemoteFilters, Omit<RestoreWays, "skipEntities"> {
  /** A server's address, the folder of a store, or an archive. */
  readonly from: string;
  /** A server's address, or the folder of a store. */
  readonly to: string;
  /** Of the server that is copied to, where it is another address. */
  readonly frontier?: string | undefined;
  /** Of a store that is copied to; `full` unless told. */
  readonly durability?: Config["durability"] | undefined;
  readonly warn: (message: string) => void;
}

export interface CopyReport extends RestoreReport {
  /** Runs that were deleted at the source meanwhile. */
  readonly gone: readonly string[];
  /** What is not copied because the source's API does not give it. */
  readonly notGiven: readonly string[];
  /** What the target can't keep, for all runs; what concerns one is in its notes. */
  readonly notes: readonly string[];
}

/**
 * Experiments, tags and the like first, then run by run, then notes. One run at a time lies in the folder for temporary files,
 * as an archive with digests. Done again, it goes on where it stopped, and changes nothing when it was done.
 * @throws MatyanError `usage` when both are one place, `conflict` for `fail` when runs exist (nothing is written then), and
 * what reading and writing throw
 */
export async function copy(options: CopyOptions): Promise<CopyReport> {
  const { from, to, signal } = options;
  if (!isUrl(from) && !existsSync(from)) throw new MatyanError("not_found", `there is no file or folder '${from}'`);
  if (!isUrl(to) && (isArchive(to) || existsSync(join(to, "manifest.json"))))
    throw new MatyanError("usage", `'${to}' is an archive: copies go into stores and servers`, {
      hint: "Make an archive with: matyan backup OUT [--url URL]",
    });
  if (!isUrl(from) && !existsSync(join(from, "store.db"))) {
    await using archive = await openArchive(from, { ...(signal === undefined ? {} : { signal }) });
    await using target = await openTarget(options);
    const report = await target.restore(await someRunsOf(archive, options), restoreWays(options));
    return { notes: [], ...report, gone: [], notGiven: [] };
  }
  await using source = isUrl(from) ? openServerSource(from, signal, options.warn) : await openStoreSource(from, signal);
  // Before a store is made at the other end.
  const hashes = await source.runs(options);
  await using target = await openTarget(options);
  if (source.place === target.place)
    throw new MatyanError("usage", `'${from}' and '${to}' are the same place`, { hint: "Name two places." });
  const folder = await makeTempFolder("matyan-copy");
  try {
    return await new Copy(options, source, target, folder).run(hashes);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function isUrl(place: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(place);
}

function isArchive(place: string): boolean {
  return /\.(tar|tgz|gz)$/i.test(place) || place === "-";
}

async function openTarget({ to, frontier, durability = "full", dryRun, signal }: CopyOptions): Promise<CopyTarget> {
  return isUrl(to) ? openServerTarget(to, frontier, signal) : openStoreTarget(to, durability, dryRun ?? false);
}

function restoreWays({ dryRun, skipBlobs, onConflict, progress, signal, onRun, onEntity }: CopyOptions): RestoreWays {
  return { dryRun, skipBlobs, onConflict, progress, signal, onRun, onEntity };
}

class Copy {
  readonly #options: CopyOptions;
  readonly #source: CopySource;
  readonly #target: CopyTarget;
  readonly #folder: string;
  readonly #progress: Progress;
  readonly #runs = { create: 0, continue: 0, replace: 0, same: 0, keep: 0, nothing: 0, fail: 0 };
  readonly #entities = { create: 0, same: 0, keep: 0, replace: 0, map: 0 };
  readonly #totals = { points: 0, blobs: 0, blobBytes: 0 };
  readonly #failures: { hash: string; reason: string }[] = [];
  readonly #gone: string[] = [];
  readonly #notes = new Set<string>();

  constructor(options: CopyOptions, source: CopySource, target: CopyTarget, folder: string) {
    this.#options = options;
    this.#source = source;
    this.#target = target;
    this.#folder = folder;
    this.#progress = options.progress ?? silentProgress;
  }

  async run(hashes: readonly string[]): Promise<CopyReport> {
    const { signal, dryRun = false, onConflict } = this.#options;
    const source = this.#source;
    if (onConflict === "fail") await this.#refuseExisting(hashes);
    this.#progress.stage("copying entities", undefined, "entities");
    const { settings } = await this.#copyEntities(
      (archive) => source.writeEntities(archive),
      () => true,
    );
    this.#progress.stage("copying", undefined, "points");
    for (const [index, hash] of hashes.entries()) {
      signal?.throwIfAborted();
      const label = `run ${index + 1} of ${hashes.length}: ${hash}`;
      this.#progress.item(label);
      const outcome = await this.#copyRun(hash, () => this.#progress.item(`${label}, being written`));
      if (outcome === undefined) this.#gone.push(hash);
      else this.#note(outcome);
    }
    this.#progress.stage("copying notes", undefined, "entities");
    await this.#copyEntities(
      (archive) => source.writeNotes(archive, hashes),
      ({ kind }) => kind === "note",
    );
    return {
      ...{ dryRun, runs: this.#runs, ...this.#totals, entities: this.#entities, settings },
      ...{ failures: this.#failures, gone: this.#gone, notGiven: source.notGiven, notes: [...this.#notes] },
    };
  }

  #note(outcome: RunOutcome): void {
    this.#runs[outcome.action]++;
    this.#totals.points += outcome.points;
    this.#totals.blobs += outcome.blobs;
    this.#totals.blobBytes += outcome.blobBytes;
    if (outcome.action === "fail") this.#failures.push({ hash: outcome.hash, reason: outcome.reason ?? "" });
    this.#options.onRun?.(outcome);
  }

  /** Those of an archive that are told of: others are in it so that they can be referred to. */
  #copyEntities(
    write: (archive: ArchiveWriter) => Promise<void>,
    isTold: (outcome: EntityOutcome) => boolean,
  ): Promise<RestoreReport> {
    const { dryRun, onConflict, signal } = this.#options;
    return this.#through(
      async (archive) => void (await write(archive)),
      (archive) =>
        this.#restore(archive, {
          ...{ dryRun, onConflict: onConflict === "fail" ? "skip" : onConflict, signal },
          onEntity: (outcome) => {
            if (!isTold(outcome)) return;
            this.#entities[outcome.action]++;
            this.#progress.advance(1);
            this.#options.onEntity?.(outcome);
          },
        }),
    );
  }

  async #restore(archive: ArchiveReader, options: RestoreWays): Promise<RestoreReport> {
    const report = await this.#target.restore(archive, options);
    for (const note of report.notes ?? []) this.#notes.add(note);
    return report;
  }

  /** Undefined when the run is gone from the source. */
  async #copyRun(hash: string, onRead: () => void): Promise<RunOutcome | undefined> {
    const { dryRun, skipBlobs = false, onConflict = "skip", signal } = this.#options;
    const nothing = { hash, name: "", points: 0, blobs: 0, blobBytes: 0, reason: undefined, notes: [] };
    const there = await this.#target.has(hash);
    if (there === "whole" && onConflict !== "replace")
      return { ...nothing, action: "keep", reason: "a run of that hash is there already" };
    const actions = { none: "create", some: "continue", whole: "replace" } as const;
    if (dryRun) return { ...nothing, action: actions[there], reason: "its data are not read in a dry run" };

    const notes: string[] = [];
    const reading = {
      isWithBlobs: !skipBlobs,
      advance: (count: number) => this.#progress.advance(count),
      warn: (message: string) => void notes.push(message),
    };
    let failed: RunOutcome | undefined;
    let isGone = false;
    let done: RunOutcome | undefined;
    await this.#through(
      async (archive) => {
        const read = await this.#source.writeRun({ archive, ...reading }, hash);
        isGone = read === "gone";
        if (typeof read === "object") failed = { ...nothing, action: "fail", reason: read.failed };
      },
      async (archive, points) => {
        if (archive.runHashes.length === 0) return;
        onRead();
        const onRun = (outcome: RunOutcome) => {
          done = checked({ ...outcome, notes: [...outcome.notes, ...notes] }, points);
        };
        // What the run refers to is there by now, or is not wanted: it is only found.
        await this.#restore(archive, { skipEntities: true, skipBlobs, onConflict, signal, onRun });
      },
    );
    return isGone ? undefined : (failed ?? done);
  }

  /** Makes an archive in the temporary folder, hands it on, and removes it. */
  async #through<T>(
    write: (archive: ArchiveWriter) => Promise<void>,
    read: (archive: ArchiveReader, points: number) => Promise<T>,
  ): Promise<T> {
    const { signal } = this.#options;
    const signaled = signal === undefined ? {} : { signal };
    const out = await mkdtemp(join(this.#folder, "part-"));
    try {
      await using writer = await createArchive({ out, kind: "backup", durable: false, ...signaled });
      await write(writer);
      const { path, records } = await writer.finish();
      await using archive = await openArchive(path, signaled);
      return await read(archive, records);
    } finally {
      await rm(out, { recursive: true, force: true });
    }
  }

  async #refuseExisting(hashes: readonly string[]): Promise<void> {
    const existing: string[] = [];
    for (const hash of hashes) if ((await this.#target.has(hash)) === "whole") existing.push(hash);
    if (existing.length === 0) return;
    const shown = existing.slice(0, 5).join(", ") + (existing.length > 5 ? ", ..." : "");
    throw new MatyanError("conflict", `${this.#options.to} has ${existing.length} of the runs already: ${shown}`, {
      hint: "Nothing was written. Use --on-conflict skip to keep them, or replace to put the copies in their place.",
    });
  }
}

/** A run that was written has as many points as were read. */
function checked(outcome: RunOutcome, points: number): RunOutcome {
  const isWritten = ["create", "continue", "replace"].includes(outcome.action);
  if (!isWritten || outcome.points === points) return outcome;
  return { ...outcome, notes: [...outcome.notes, `${points} points were read, and ${outcome.points} written`] };
}
