// The machine's own pip, which knows where its packages come from (mirrors, proxies, credentials).
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { MatyanError } from "../../formats/error.ts";

/** The version of the UI that this program is tested with. */
export const uiRequirement = "matyan-ui==0.3.2";

/** The ways in which pip may be called, best first. */
const candidates: readonly (readonly string[])[] = [
  ["python3", "-m", "pip"],
  ["pip3"],
  ["pip"],
  ["python", "-m", "pip"],
];

/**
 * Downloads the UI's wheel into the folder `into` and gives its path. The wheel asks for Python 3.12, but only pip's
 * answer is needed: it is never installed.
 * @throws MatyanError `not_found` when no pip answers, `io` with pip's own words when it fails.
 */
export async function downloadWheel(into: string, signal?: AbortSignal): Promise<string> {
  const pip = await findPip(signal);
  const options = ["--quiet", "--disable-pip-version-check", "--no-input", "--no-deps", "--only-binary=:all:"];
  const command = [...pip, "download", ...options, "--python-version", "3.12", "--dest", into, uiRequirement];
  const { code, errors } = await run(command, signal);
  signal?.throwIfAborted();
  const wheel = (await readdir(into)).find((name) => name.endsWith(".whl"));
  if (code === 0 && wheel !== undefined) return join(into, wheel);
  const words = errors.trim().split("\n").slice(-3).join("\n");
  throw new MatyanError("io", `'${pip.join(" ")} download ${uiRequirement}' failed: ${words || `exit code ${code}`}`, {
    hint: "Download the wheel where that works, and give it: `matyan ui install WHEEL`.",
  });
}

async function findPip(signal: AbortSignal | undefined): Promise<readonly string[]> {
  for (const candidate of candidates) {
    const program = Bun.which(candidate[0]!);
    if (program === null) continue;
    const { code } = await run([...candidate, "--version"], signal);
    signal?.throwIfAborted();
    if (code === 0) return candidate;
  }
  throw new MatyanError("not_found", "there is no pip on this machine (looked for python3 -m pip, pip3, pip)", {
    hint: `Download the wheel of ${uiRequirement} elsewhere, and give it: \`matyan ui install WHEEL\`.`,
  });
}

async function run(
  command: readonly string[],
  signal: AbortSignal | undefined,
): Promise<{ readonly code: number; readonly errors: string }> {
  const child = Bun.spawn([...command], { stdio: ["ignore", "ignore", "pipe"], ...(signal && { signal }) });
  const errors = await new Response(child.stderr).text();
  return { code: await child.exited, errors };
}
