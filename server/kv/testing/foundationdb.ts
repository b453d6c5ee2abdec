// FoundationDB for tests: a cluster that the environment names, shared with other suites and programs. Each test has a part
// of one directory of its own, which it leaves empty.
import { randomBytes } from "node:crypto";
import { messageOf } from "../../../formats/error.ts";
import type { Clock } from "../clock.ts";
import { DirectoryLayer } from "../directory.ts";
import { openFoundationDb } from "../foundationdb/index.ts";
import { startNetwork } from "../foundationdb/network.ts";
import { type Database, prefixRange } from "../index.ts";
import { SubspaceDatabase } from "./subspace.ts";

export const clusterFile = process.env["FDB_CLUSTER_FILE"];
export const library = process.env["FDB_LIBRARY"] || undefined;
const testDirectory: readonly string[] = ["_test_matyan"];

/** Why there is no FoundationDB for tests here; undefined when there is. */
export const missingFoundationDb: string | undefined = whyMissing();

function whyMissing(): string | undefined {
  if (!clusterFile) return "FDB_CLUSTER_FILE is not set";
  try {
    startNetwork({ library, apiVersion: 730 });
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

export interface TestSpace {
  readonly database: Database;
  readonly prefixBytes: number;
}

/** A database of its own in an empty part of the cluster, which is emptied when it is closed. */
export async function newDatabase(options?: { readonly clock?: Clock }): Promise<TestSpace> {
  const prefix = await newPrefix();
  const database = await openTestCluster(options);
  const close = async () => {
    await database.close();
    await empty(prefix);
  };
  return { database: new SubspaceDatabase(database, prefix, close), prefixBytes: prefix.length };
}

/** An empty part of the cluster over the process's shared database, emptied when it is closed. */
export async function newSpace(): Promise<Database> {
  const prefix = await newPrefix();
  return new SubspaceDatabase(await shared(), prefix, () => empty(prefix));
}

export function openTestCluster(options?: { readonly clock?: Clock }): Promise<Database> {
  return openFoundationDb({ clusterFile: clusterFile!, library, ...options });
}

let opened: Promise<Database> | undefined;

function shared(): Promise<Database> {
  opened ??= openTestCluster();
  return opened;
}

let directory: Promise<Uint8Array> | undefined;

export async function newPrefix(): Promise<Uint8Array> {
  const database = await shared();
  directory ??= database.transact((tx) => new DirectoryLayer().createOrOpen(tx, testDirectory));
  return Buffer.concat([await directory, randomBytes(6)]);
}

async function empty(prefix: Uint8Array): Promise<void> {
  const database = await shared();
  await database.transact(async (tx) => tx.clearRange(prefixRange(prefix)));
}
