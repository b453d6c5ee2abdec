// Re-ingests an archive into a live server, ours or the existing Python one, through REST and its frontier.
import type { ArchiveReader } from "../../formats/archive/types.ts";
import { MatyanError } from "../../formats/error.ts";
import type { Progress } from "../../formats/progress.ts";
import type { RestoreReport, RunOutcome } from "../../server/archive/restore.ts";
import type { OnConflict } from "../../server/archive/restoreDecide.ts";
import type { EntityOutcome } from "../../server/archive/restoreEntities.ts";

export interface RestoreRemoteOptions {
  readonly archive: ArchiveReader;
  /** Address of the API, as people type it. */
  readonly url: string;
  /** Address of the frontier where it is another one (the existing system's port 53801); by default found from `url`. */
  readonly frontier?: string | undefined;
  /** Reads all of the archive, asks the server what it has, says what would be done, and writes nothing. */
  readonly dryRun?: boolean | undefined;
  readonly skipEntities?: boolean | undefined;
  readonly skipBlobs?: boolean | undefined;
  /** As for a restore into the store of this machine; `skip` by default. */
  readonly onConflict?: OnConflict | undefined;
  readonly progress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onRun?: ((outcome: RunOutcome) => void) | undefined;
  readonly onEntity?: ((outcome: EntityOutcome) => void) | undefined;
}

export interface RestoreRemoteReport extends RestoreReport {
  /** What no message or request carries to that server, for the archive as a whole; what concerns one run is in its notes. */
  readonly notes: readonly string[];
}

export async function restoreRemote(options: RestoreRemoteOptions): Promise<RestoreRemoteReport> {
  throw new MatyanError("unsupported", `nothing can be restored into ${options.url} yet`);
}
