// Test support: where Chromium is, and the wheel of the web UI (kept outside the repository).
import { existsSync } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { messageOf } from "../../../formats/error.ts";
import { downloadWheel } from "../pip.ts";

const cacheFolder = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "matyan-test", "ui-0.3.2");

export function findChromium(): string | undefined {
  for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
    const path = Bun.which(name);
    if (path !== null) return path;
  }
  return undefined;
}

/** The wheel of the web UI, got by pip on first use. */
export async function cachedUi(): Promise<{ readonly wheel: string } | { readonly missing: string }> {
  const kept = existsSync(cacheFolder) ? (await readdir(cacheFolder)).find((name) => name.endsWith(".whl")) : undefined;
  if (kept !== undefined) return { wheel: join(cacheFolder, kept) };
  await mkdir(cacheFolder, { recursive: true });
  try {
    return { wheel: await downloadWheel(cacheFolder) };
  } catch (error) {
    return { missing: `no wheel of the web UI: ${messageOf(error).split("\n")[0]}` };
  }
}
