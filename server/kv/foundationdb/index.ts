// The engine of cluster mode: FoundationDB 7, through its own client library.
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { MatyanError } from "../../../formats/error.ts";
import { type Clock, systemClock } from "../clock.ts";
import type { Database } from "../index.ts";
import { FoundationDatabase } from "./database.ts";
import { apiVersions } from "./native.ts";
import { createDatabase, startNetwork } from "./network.ts";

export interface FoundationDbOptions {
  /** Path of the cluster file. */
  readonly clusterFile: string;
  /** 700 to 730; the same for all databases of a process. */
  readonly apiVersion?: number;
  /** Path of libfdb_c; undefined for the loader's path and the usual places. */
  readonly library?: string | undefined;
  readonly retry?: {
    /** Attempts in all when the store has trouble, at least 1. Conflicts do not count. */
    readonly maxAttempts: number;
    /** Pauses between these attempts. */
    readonly initialDelaySeconds: number;
    readonly maxDelaySeconds: number;
  };
  /** How long a transaction may take in all, its attempts and pauses together, before it fails with 1031 (or 1021). */
  readonly timeoutSeconds?: number;
  readonly clock?: Clock;
}

/** FDB_RETRY_* of the existing services. */
const usualRetry = { maxAttempts: 5, initialDelaySeconds: 0.05, maxDelaySeconds: 2 };
const usualTimeoutSeconds = 30;

/**
 * Opens the database of a cluster file. It does not wait for the cluster: transactions do. A transaction whose commit is in
 * doubt is looked up and done exactly once; where that takes longer than `timeoutSeconds`, it fails with KvError 1021.
 * @throws MatyanError `usage` when the library is missing or too old, or there is no such cluster file.
 */
export async function openFoundationDb({
  clusterFile,
  apiVersion = apiVersions.newest,
  library,
  retry = usualRetry,
  timeoutSeconds = usualTimeoutSeconds,
  clock = systemClock,
}: FoundationDbOptions): Promise<Database> {
  const network = startNetwork({ library, apiVersion });
  const path = resolve(clusterFile);
  if (!statSync(path, { throwIfNoEntry: false })?.isFile())
    throw new MatyanError("usage", `there is no cluster file '${path}'`, {
      hint: "Set FDB_CLUSTER_FILE to the path of the cluster's file (often /etc/foundationdb/fdb.cluster).",
    });
  return new FoundationDatabase({
    network,
    address: createDatabase(network, path),
    clusterFile: path,
    retry: {
      maxAttempts: retry.maxAttempts,
      initialDelayMs: 1000 * retry.initialDelaySeconds,
      maxDelayMs: 1000 * retry.maxDelaySeconds,
      timeoutMs: 1000 * timeoutSeconds,
    },
    clock,
    now: Date.now,
  });
}
