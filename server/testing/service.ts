// Test support: a service of `matyan` as the process that operators start, with an environment of its own.
import { join } from "node:path";

const main = join(import.meta.dir, "../../cli/main.ts");

export interface Service<T> extends AsyncDisposable {
  /** The line of JSON that it prints when it is up. */
  readonly told: T;
  readonly pid: number;
  /** Sends a signal and gives the exit code, with what was written to stderr. */
  end(signal: "SIGTERM" | "SIGKILL"): Promise<{ readonly code: number | null; readonly errors: string }>;
}

/** @throws Error with the service's own words when it does not come up. */
export async function startService<T>(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  cwd: string,
): Promise<Service<T>> {
  const child = Bun.spawn([process.execPath, main, ...args, "--json"], {
    cwd,
    env: { PATH: process.env["PATH"] ?? "", LOG_LEVEL: "error", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const errors = new Response(child.stderr).text();
  const reader = child.stdout.getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`matyan ${args.join(" ")} did not come up: ${await errors}`);
    text += Buffer.from(value).toString();
  }
  const end = async (signal: "SIGTERM" | "SIGKILL") => {
    child.kill(signal);
    return { code: await child.exited, errors: await errors };
  };
  return {
    told: JSON.parse(text) as T,
    pid: child.pid,
    end,
    [Symbol.asyncDispose]: async () => void (await end("SIGKILL")),
  };
}

/** Waits until `look` gives something. @throws Error naming what was waited for */
export async function eventually<T>(what: string, look: () => Promise<T | undefined>, ms = 30_000): Promise<T> {
  const end = performance.now() + ms;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`waited ${ms} ms for ${what}`);
    await Bun.sleep(50);
  }
}
