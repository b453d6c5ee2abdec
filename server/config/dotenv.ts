// The `.env` file of the working directory, which the existing services read too (pipeline.md 7.1), by python-dotenv's rules.
import { readFileSync } from "node:fs";
import { MatyanError, messageOf } from "../../formats/error.ts";
import type { Environment } from "./types.ts";

/** What the file sets, or nothing when there is none. @throws MatyanError `io` when it is there and can't be read. */
export function readDotenv(path: string, environment: Environment): Record<string, string> {
  let content: string;
  try {
    content = readFileSync(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    // A folder of that name (a Python environment, often) is no settings file.
    if (code === "ENOENT" || code === "ENOTDIR" || code === "EISDIR") return {};
    throw new MatyanError("io", `can't read ${path}: ${messageOf(error)}`, {
      hint: "Settings may be in it. Let this user read it, or start in another folder.",
      cause: error,
    });
  }
  return parseDotenv(content, environment);
}

const line =
  /^[^\S\n]*(?:export[^\S\n]+)?((?!export[^\S\n])[^\s=#'][^\s=#]*)[^\S\n]*=(?:[^\S\n]*'((?:\\'|[^'])*)'|[^\S\n]*"((?:\\"|[^"])*)"|((?![^\S\n]*['"])[^\n]*))[^\S\n]*(?:#[^\n]*)?$/gm;

/**
 * `NAME=value` lines, `export` before them, comments; single quotes take (almost) all as it is, double quotes know \n and
 * the like. `${NAME}` and `${NAME:-otherwise}` stand for what an earlier line or the environment says. Other lines are skipped.
 */
export function parseDotenv(content: string, environment: Environment = {}): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [, name, single, double, bare] of content.replaceAll(/\r\n?/g, "\n").matchAll(line)) {
    const value =
      single?.replaceAll(/\\(['\\])/g, "$1") ??
      double?.replaceAll(/\\(.)/g, (whole, letter: string) => escapes[letter] ?? whole) ??
      bare!.replace(/\s+#.*$/, "").trim();
    found[name!] = value.replaceAll(
      /\$\{([^}:]*)(?::-([^}]*))?\}/g,
      (_, wanted: string, otherwise = "") => found[wanted] ?? environment[wanted] ?? otherwise,
    );
  }
  return found;
}

const escapes: Readonly<Record<string, string>> = {
  ...{ n: "\n", t: "\t", r: "\r", a: "\x07", b: "\b", f: "\f", v: "\v" },
  ...{ '"': '"', "'": "'", "\\": "\\" },
};
