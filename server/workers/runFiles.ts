// The files of deleted runs, and the deletes that crashes and failing stores left behind.
import { MatyanError, messageOf } from "../../formats/error.ts";
import type { BlobStore } from "../blobs/index.ts";
import { pause } from "../pause.ts";
import type { Store } from "../store/index.ts";
import { cutText } from "../store/keys.ts";
import { type DropFiles, resumeDeletes, resumeRequests } from "../store/runs.ts";

/** The data of a run is gone and some of its files are not. The outbox has the run until they are. */
export class RunFilesError extends MatyanError {
  constructor(hash: string, cause: unknown) {
    super("io", `run '${cutText(hash)}' is deleted, but not all of its files: ${messageOf(cause)}`, {
      hint: "They are deleted when the server tries again. Deleting the run again does so too.",
      cause,
    });
  }
}

/** Removes everything below `<hash>/`. @throws RunFilesError */
export function removeFiles(blobs: BlobStore): DropFiles {
  return async (hash) => {
    try {
      const { failures } = await blobs.deletePrefix(`${hash}/`);
      const [first] = failures;
      if (first !== undefined) throw new Error(`${first.key}: ${first.reason}`);
    } catch (cause) {
      throw new RunFilesError(hash, cause);
    }
  };
}

export interface DeletionDuty {
  /** Sees to it that `delete_run` is applied behind all that was logged to the run. Absent, another process does. */
  readonly request?: (hash: string) => Promise<void>;
  /** Removes or announces the files of a run whose data is gone. Absent, another process does. */
  readonly files?: DropFiles;
  /** Seconds since the epoch. */
  readonly now: () => number;
  readonly signal: AbortSignal;
  readonly warn: (text: string) => void;
}

/** Between two looks into the outbox, milliseconds. */
const retryMs = 60_000;

/** Completes what is in the outbox, now and whenever something fails and is left there, until the signal. */
export async function keepDeleting(store: Store, duty: DeletionDuty, everyMs = retryMs): Promise<void> {
  const { signal, warn } = duty;
  while (!signal.aborted) {
    try {
      await completeDeletes(store, duty);
    } catch (error) {
      if (!signal.aborted) warn(`deletes that were cut short could not be completed: ${messageOf(error)}`);
    }
    await pause(everyMs, signal);
  }
}

/** One look into the outbox. */
export async function completeDeletes(store: Store, duty: DeletionDuty): Promise<void> {
  const { request, files, now, signal } = duty;
  if (request !== undefined) await resumeRequests(store, request, signal);
  if (files !== undefined) await resumeDeletes(store, { now: now(), files, signal });
}
