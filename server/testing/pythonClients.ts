// Test support: the published versions of the real Python client, each in an environment of its own that is made once
// and kept outside the repository. Where that is impossible, the reason is told and the tests that need it are skipped.
import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

export const clientVersions = ["0.1.0", "0.2.0", "0.3.0"] as const;
export type ClientVersion = (typeof clientVersions)[number];

export type PythonClient = { readonly python: string } | { readonly missing: string };

/** 0.1.0 asks for models that were withdrawn: only an exact pin gets them. */
const requirements: Readonly<Record<ClientVersion, readonly string[]>> = {
  "0.1.0": ["matyan-api-models==0.1.0", "matyan-client==0.1.0"],
  "0.2.0": ["matyan-client==0.2.0"],
  "0.3.0": ["matyan-client==0.3.0"],
};

const cacheFolder = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "matyan-test");

/** A Python that imports this version of the client. Made by pip on first use, as pip is configured on this machine. */
export async function pythonClient(version: ClientVersion): Promise<PythonClient> {
  const made = join(cacheFolder, `client-${version}`);
  const python = join(made, "bin", "python");
  if (existsSync(python)) return { python };
  const base = await findPython();
  if (base === undefined) return { missing: "no Python 3.10 or later with venv on PATH or among pyenv's versions" };
  await mkdir(cacheFolder, { recursive: true });
  const making = `${made}.${process.pid}`;
  try {
    const environment = await run([base, "-m", "venv", making]);
    if (environment.code !== 0) return { missing: `${base} -m venv fails: ${environment.last}` };
    const install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...requirements[version]];
    const installed = await run([join(making, "bin", "python"), ...install]);
    if (installed.code !== 0) return { missing: `pip can't install matyan-client ${version}: ${installed.last}` };
    await rename(making, made).catch((error: unknown) => {
      // Another test run was faster: its environment is as good.
      if (!existsSync(python)) throw error;
    });
    return { python };
  } finally {
    await rm(making, { recursive: true, force: true });
  }
}

async function findPython(): Promise<string | undefined> {
  const versions = join(process.env["PYENV_ROOT"] || join(homedir(), ".pyenv"), "versions");
  const ofPyenv = (await readdir(versions).catch(() => [])).map((name) => join(versions, name, "bin", "python"));
  const named = ["python3.13", "python3.12", "python3.11", "python3.10", "python3"];
  for (const python of [...named, ...ofPyenv]) {
    if (Bun.which(python) === null) continue;
    const check = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))";
    if ((await run([python, "-c", check])).code === 0) return python;
  }
  return undefined;
}

async function run(command: readonly string[]): Promise<{ readonly code: number; readonly last: string }> {
  const child = Bun.spawn([...command], { stdio: ["ignore", "ignore", "pipe"] });
  const errors = await new Response(child.stderr).text();
  return { code: await child.exited, last: errors.trim().split("\n").at(-1) ?? "" };
}
