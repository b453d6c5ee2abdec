// Checks a whole archive in one pass over its files, from a folder, a tar or a pipe, and names everything that is wrong.
import { rmSync, statSync } from "node:fs";
import { MatyanError } from "../error.ts";
import { type Progress, silentProgress } from "../progress.ts";
import { makeTempFolder } from "../tempFolder.ts";
import { ArchiveCheck, ScatteredRun, type VerifyResult } from "./archiveCheck.ts";
import { type ArchiveEntry, folderEntries } from "./entries.ts";
import { guard } from "./fileSink.ts";
import { locateArchive } from "./locate.ts";
import { fileBytes, readTar, type TarOptions } from "./tarReader.ts";
import { unpackTar } from "./unpack.ts";

export interface VerifyOptions {
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
  /** Bytes to read instead of standard input for "-". */
  readonly stdin?: AsyncIterable<Uint8Array>;
  /** Where a tar that cannot be checked in one pass is unpacked. */
  readonly tempDir?: string;
}

/**
 * Checks the archive at `path`: a folder, a tar file, or "-" for a tar on standard input. What is wrong with the archive
 * is in the result; throws only when there is none to check, or the signal is aborted.
 */
export async function verifyArchive(path: string, options: VerifyOptions = {}): Promise<VerifyResult> {
  options.signal?.throwIfAborted();
  const progress = options.progress ?? silentProgress;
  if (path === "-") return verifyPipe(options.stdin ?? Bun.stdin.stream(), options, progress);
  const located = locateArchive(path);
  if (located.kind === "folder") {
    progress.stage("verifying", undefined, "bytes");
    return verifyEntries(folderEntries(located.path), located.path, { ...options, progress });
  }
  const size = guard(located.path, () => statSync(located.path)).size;
  progress.stage("verifying", size, "bytes");
  try {
    return await verifyTar(fileBytes(located.path), located.path, options, progress);
  } catch (error) {
    if (!(error instanceof ScatteredRun)) throw error;
    return verifyUnpacked(located.path, options, progress);
  }
}

/** Checks entries in any order in which the files of a run are together. `label` names the archive in the result. */
export async function verifyEntries(
  entries: AsyncIterable<ArchiveEntry>,
  label: string,
  options: { readonly progress?: Progress; readonly signal?: AbortSignal } = {},
): Promise<VerifyResult> {
  return new ArchiveCheck(label, options.progress ?? silentProgress, options.signal).run(entries);
}

async function verifyPipe(
  stdin: AsyncIterable<Uint8Array>,
  options: VerifyOptions,
  progress: Progress,
): Promise<VerifyResult> {
  const label = "standard input";
  progress.stage("verifying", undefined, "bytes");
  try {
    return await verifyTar(stdin, label, options, progress);
  } catch (error) {
    if (!(error instanceof ScatteredRun)) throw error;
    throw new MatyanError("unsupported", `${label}: ${error.message}, so it cannot be checked in one pass`, {
      hint: "Save it to a file and verify that.",
    });
  }
}

async function verifyTar(
  source: AsyncIterable<Uint8Array>,
  label: string,
  options: VerifyOptions,
  progress: Progress,
): Promise<VerifyResult> {
  let read = 0;
  const check = new ArchiveCheck(label, { ...progress, advance() {} }, options.signal);
  const tar: TarOptions = {
    label,
    signal: options.signal,
    onRead: (bytes) => {
      progress.advance(bytes - read);
      read = bytes;
    },
    onOpenEnd: () => check.faults.warning(label, "open-end", "the tar has no end mark: it may have been cut short"),
  };
  return check.run(readTar(source, tar));
}

async function verifyUnpacked(path: string, options: VerifyOptions, progress: Progress): Promise<VerifyResult> {
  const temp = await makeTempFolder("matyan-unpacked", options.tempDir);
  try {
    await unpackTar(fileBytes(path), temp, { label: path, signal: options.signal });
    progress.stage("verifying", undefined, "bytes");
    return await verifyEntries(folderEntries(temp), path, options);
  } finally {
    rmSync(temp, { recursive: true, force: true });
  }
}
