// What a run notes of the machine and program that made it: `__system_params` (pipeline.md 5.3).
import { mapOf, type Value, type ValueMap } from "../../formats/value.ts";
import type { Environment } from "../../server/config.ts";

/** Names of variables whose values are not written down. */
const secretName = /secret|key|token|password|passwd|credential|auth|cookie|session|private/i;

/** Never fails: what can't be found out is left out. */
export async function systemParams(env: Environment): Promise<ValueMap> {
  const variables: [string, Value][] = Object.entries(env).flatMap(([name, value]) =>
    value === undefined
      ? []
      : [[name.toWellFormed(), secretName.test(name) ? "***" : withoutLogin(value).toWellFormed()]],
  );
  return mapOf({
    executable: process.execPath,
    arguments: process.argv.slice(1),
    runtime: mapOf({ bun: Bun.version, platform: process.platform, arch: process.arch }),
    env_variables: new Map(variables),
    git_info: await gitInfo(),
  });
}

/** URLs carry passwords, too. */
function withoutLogin(text: string): string {
  return text.replace(/(\b[a-z][a-z0-9+.-]*:\/\/)[^/\s@]+@/gi, "$1***@");
}

async function gitInfo(): Promise<ValueMap | undefined> {
  const branch = await git("rev-parse", "--abbrev-ref", "HEAD");
  if (branch === undefined) return undefined;
  const [hash, timestamp, author] = (await git("log", "-1", "--format=%H%n%cI%n%an"))?.split("\n") ?? [];
  const remote = await git("config", "--get", "remote.origin.url");
  return mapOf({
    branch,
    remote_origin_url: remote === undefined ? undefined : withoutLogin(remote),
    commit: hash === undefined ? undefined : mapOf({ hash, timestamp, author }),
  });
}

async function git(...args: string[]): Promise<string | undefined> {
  try {
    const child = Bun.spawn(["git", ...args], { stdout: "pipe", stderr: "ignore", stdin: "ignore" });
    const [text, code] = await Promise.all([new Response(child.stdout).text(), child.exited]);
    return code === 0 ? text.trim() : undefined;
  } catch {
    // No git on this machine.
    return undefined;
  }
}
