// The command line as a process, for tests: what it prints, where, and its exit code.
import { join } from "node:path";
import { assertDescribed } from "./testingJson.ts";

export const mainFile = join(import.meta.dir, "main.ts");

export interface Surroundings {
  readonly cwd: string;
  /** The whole environment beside PATH. */
  readonly env?: Readonly<Record<string, string>>;
  /** What it reads; nothing unless told. */
  readonly stdin?: Uint8Array | undefined;
}

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export function startMatyan(args: readonly string[], { cwd, env, stdin }: Surroundings) {
  return Bun.spawn([process.execPath, mainFile, ...args], {
    cwd,
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdin: stdin ?? "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
}

/** Runs it to its end. What it prints with `--json` must be as docs/json.schema.json describes it. */
export async function runMatyan(args: readonly string[], surroundings: Surroundings): Promise<Ended> {
  const child = startMatyan(args, surroundings);
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  assertDescribed(args, { out, err });
  return { code, out, err };
}
