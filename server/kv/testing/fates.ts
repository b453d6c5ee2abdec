// FoundationDB with commits that get lost, or whose answers do: what a network and a failing proxy make of them.
import { systemClock } from "../clock.ts";
import { FoundationDatabase } from "../foundationdb/database.ts";
import { Futures } from "../foundationdb/futures.ts";
import type { Client } from "../foundationdb/native.ts";
import { createDatabase, startNetwork } from "../foundationdb/network.ts";
import type { Database } from "../index.ts";
import { clusterFile, library } from "./foundationdb.ts";

/** A commit is done, or done without an answer, or never done and without an answer. */
export type Fate = "done" | "answer lost" | "lost";

export interface FatedDatabase {
  readonly database: Database;
  /** From here on commits meet these fates in turn, and all after them are done. */
  decide(fates: readonly Fate[]): void;
}

/** Commit_unknown_result. */
const unknownResult = 1021;

/** What "for ever" is in tests: commits of no transaction are tried more often. */
export function always(fate: Fate): Fate[] {
  return new Array<Fate>(100).fill(fate);
}

export function openFated(maxAttempts: number): FatedDatabase {
  const network = startNetwork({ library, apiVersion: 730 });
  const real = network.client;
  const inDoubt = new Set<number>();
  const decided: Fate[] = [];
  const client: Client = {
    ...real,
    fdb_transaction_commit(...given) {
      const fate = decided.shift() ?? "done";
      // Another future of the same transaction stands for the commit that never reached the store.
      const future =
        fate === "lost" ? real.fdb_transaction_get_read_version(...given) : real.fdb_transaction_commit(...given);
      if (fate !== "done") inDoubt.add(Number(future));
      return future;
    },
    fdb_future_get_error(...given) {
      const code = real.fdb_future_get_error(...given);
      return inDoubt.delete(Number(given[0])) && code === 0 ? unknownResult : code;
    },
  };
  const database = new FoundationDatabase({
    network: { ...network, client, futures: new Futures(client) },
    address: createDatabase(network, clusterFile!),
    clusterFile: clusterFile!,
    retry: { maxAttempts, initialDelayMs: 1, maxDelayMs: 10, timeoutMs: 30_000 },
    clock: systemClock,
    now: Date.now,
  });
  return { database, decide: (fates) => void decided.splice(0, decided.length, ...fates) };
}
