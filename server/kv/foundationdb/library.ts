// Where FoundationDB's client library is found. It is no part of this program: the version must fit the cluster's.
import { existsSync } from "node:fs";
import { MatyanError, messageOf } from "../../../formats/error.ts";

const libraryName = process.platform === "darwin" ? "libfdb_c.dylib" : "libfdb_c.so";

/** Where FoundationDB's own packages and images put it, asked after the loader's path. */
const usualPlaces = [
  "/usr/lib",
  "/usr/lib64",
  "/usr/lib/x86_64-linux-gnu",
  "/usr/lib/aarch64-linux-gnu",
  "/usr/local/lib",
  "/opt/foundationdb/lib",
];

export const libraryHint =
  "Install FoundationDB's client package of the cluster's version, or set FDB_LIBRARY to the path of its libfdb_c.";

/**
 * Tries `load` with each place in which the library may be, and answers for the first that is it. A given path is the only
 * one tried: who names a library means that one.
 * @throws MatyanError `usage` that tells where was looked and what was wrong there.
 */
export function findLibrary<T>(given: string | undefined, load: (path: string) => T): T {
  // The bare name makes the loader look: LD_LIBRARY_PATH, the loader's cache.
  const paths = given === undefined ? [libraryName, ...placesThatExist()] : [given];
  const failures: string[] = [];
  for (const path of paths) {
    try {
      return load(path);
    } catch (error) {
      if (error instanceof MatyanError) throw error;
      failures.push(`${path}: ${messageOf(error)}`);
    }
  }
  throw new MatyanError(
    "usage",
    given === undefined
      ? `FoundationDB's client library is not on this machine (${failures.join("; ")})`
      : `FDB_LIBRARY is no FoundationDB client library (${failures.join("; ")})`,
    { hint: libraryHint },
  );
}

function placesThatExist(): string[] {
  return usualPlaces.map((folder) => `${folder}/${libraryName}`).filter((path) => existsSync(path));
}
