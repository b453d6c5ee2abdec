// What a person reads who has no client library, or another library.
import { expect, test } from "bun:test";
import { MatyanError } from "../../../formats/error.ts";
import { findLibrary } from "./library.ts";
import { loadClient } from "./native.ts";

function refusal(library: string): MatyanError {
  try {
    findLibrary(library, loadClient);
  } catch (error) {
    if (error instanceof MatyanError) return error;
    throw error;
  }
  throw new Error("it was loaded");
}

test("a path that leads to no library is named, with the way out", () => {
  const { code, message, hint } = refusal("/nowhere/libfdb_c.so");
  expect(code).toBe("usage");
  expect(message).toStartWith("FDB_LIBRARY is no FoundationDB client library (/nowhere/libfdb_c.so: ");
  expect(hint).toContain("Install FoundationDB's client package");
});

test("a library that is another one is refused, and the function that it lacks is named", () => {
  const { code, message } = refusal(process.platform === "darwin" ? "libSystem.B.dylib" : "libc.so.6");
  expect(code).toBe("usage");
  expect(message).toContain("fdb_get_max_api_version");
});

test("without FDB_LIBRARY every place is tried, and each failure is told", () => {
  const tried: string[] = [];
  const find = () =>
    findLibrary(undefined, (path) => {
      tried.push(path);
      throw new Error("not here");
    });
  expect(find).toThrow("FoundationDB's client library is not on this machine (libfdb_c");
  expect(tried[0]).toStartWith("libfdb_c.");
});

test("the first place that has the library is the last one asked", () => {
  expect(findLibrary(undefined, (path) => path)).toStartWith("libfdb_c.");
  expect(findLibrary("/a/given/one", (path) => path)).toBe("/a/given/one");
});
