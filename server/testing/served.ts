// Test support: `matyan serve` as the process that people start, on free ports, and other commands beside it.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const main = join(import.meta.dir, "../../cli/main.ts");

/** Whoever runs the tests may work on a cluster. */
const ownFolder = { MATYAN_MODE: "embedded" } as const;

export interface ServedOptions {
  readonly data: string;
  /** 0 for free ones, which is the default. */
  readonly port?: number;
  readonly frontierPort?: number;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface Served extends AsyncDisposable {
  readonly api: string;
  readonly frontier: string;
  readonly pid: number;
  /** Milliseconds from the start of the process until it said where it listens. */
  readonly startMs: number;
  /** Sends a signal and gives the exit code, with what was written to stderr. */
  end(signal: "SIGTERM" | "SIGINT" | "SIGKILL"): Promise<{ readonly code: number | null; readonly errors: string }>;
}

/** @throws Error with the server's own words when it does not start. */
export async function startServed({
  data,
  port = 0,
  frontierPort = 0,
  args = [],
  env = {},
}: ServedOptions): Promise<Served> {
  const ports = ["--port", String(port), "--frontier-port", String(frontierPort)];
  const start = performance.now();
  const child = Bun.spawn([process.execPath, main, "serve", "--data", data, ...ports, "--json", ...args], {
    env: { ...process.env, ...ownFolder, LOG_LEVEL: "error", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const errors = new Response(child.stderr).text();
  const reader = child.stdout.getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`the server did not start: ${await errors}`);
    text += Buffer.from(value).toString();
  }
  const startMs = performance.now() - start;
  const { api, frontier, pid } = JSON.parse(text) as { api: string; frontier: string; pid: number };
  const end = async (signal: "SIGTERM" | "SIGINT" | "SIGKILL") => {
    child.kill(signal);
    return { code: await child.exited, errors: await errors };
  };
  return { api, frontier, pid, startMs, end, [Symbol.asyncDispose]: async () => void (await end("SIGKILL")) };
}

export interface Finished {
  readonly code: number;
  readonly out: string;
  readonly errors: string;
}

/** Runs a command of `matyan` to its end. */
export async function matyan(...args: readonly string[]): Promise<Finished> {
  return await runProgram([process.execPath, main, ...args], ownFolder);
}

export async function runProgram(
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  const child = Bun.spawn([...command], { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const [out, errors] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, out, errors };
}

export interface TestFolder extends AsyncDisposable {
  readonly path: string;
}

/** A new folder that goes away with its scope. */
export async function testFolder(): Promise<TestFolder> {
  const path = await mkdtemp(join(tmpdir(), "matyan-serve-test-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
