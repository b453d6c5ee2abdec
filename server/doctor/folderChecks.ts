// What doctor looks at on this machine: the data folder, its space, the server that has it, the ports, the web UI.
import { constants, existsSync } from "node:fs";
import { access, stat, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { messageOf } from "../../formats/error.ts";
import type { Config, ServeSettings } from "../config.ts";
import { isServed, readServeNote } from "../serveLock.ts";
import { installedUi } from "../ui/install.ts";
import { type Check, type Finding, failure, ok, skipped, warning } from "./checks.ts";

/** Free bytes below which space is a warning, and a failure. */
const scarceBytes = 2e9;
const fullBytes = 100e6;

/** `isNeeded`: whether the store or the blobs are in the folder; else there is only the web UI in it, perhaps. */
export function folderChecks(config: Config, serve: ServeSettings, isNeeded: boolean): Check[] {
  const { dataDir } = config;
  return [
    {
      name: "data folder",
      run: async () => [
        isNeeded || existsSync(dataDir) ? await folder(dataDir) : skipped("neither store nor blobs are in one"),
      ],
    },
    { name: "disk space", run: async () => [await space(dataDir)] },
    { name: "server", run: async () => servers(dataDir) },
    {
      name: "ports",
      run: async () => [
        await port("api", serve.host, serve.port),
        await port("frontier", serve.host, serve.frontierPort),
      ],
    },
    { name: "secret of upload URLs", run: async () => [await presignKey(dataDir)] },
    {
      name: "web UI",
      run: async () => {
        const found = await installedUi(dataDir);
        return [found === undefined ? warning("is not installed", "`matyan ui install` gets it.") : ok(found)];
      },
    },
  ];
}

async function folder(dataDir: string): Promise<Finding> {
  if (!existsSync(dataDir)) {
    const above = nearest(dataDir);
    if (await isWritable(above))
      return warning(`${dataDir} does not exist yet`, "`matyan serve` and `matyan restore` make it.");
    return failure(
      `${dataDir} does not exist, and can't be made in ${above}`,
      "Name another with --data or MATYAN_DATA.",
    );
  }
  if (!(await stat(dataDir)).isDirectory())
    return failure(`${dataDir} is no folder`, "Name another with --data or MATYAN_DATA.");
  for (const path of [dataDir, join(dataDir, "store.db"), join(dataDir, "blobs")])
    if (existsSync(path) && !(await isWritable(path)))
      return failure(`${path} can't be written`, `Give it to the user that serves: chown or chmod u+w ${path}.`);
  return ok(`${dataDir} is there and can be written`);
}

async function space(dataDir: string): Promise<Finding> {
  const { bavail, bsize, blocks } = await statfs(nearest(dataDir));
  const free = bavail * bsize;
  const text = `${(free / 1e9).toFixed(1)} GB free of ${((blocks * bsize) / 1e9).toFixed(1)} GB`;
  const hint = "Free some, or move the data folder to a larger disk: writes fail on a full one.";
  if (free < fullBytes) return failure(text, hint);
  return free < scarceBytes ? warning(text, hint) : ok(text);
}

/** The nearest folder above a path, itself included, that exists. */
function nearest(path: string): string {
  let at = path;
  while (!existsSync(at)) at = dirname(at);
  return at;
}

async function isWritable(path: string): Promise<boolean> {
  return access(path, constants.W_OK).then(
    () => true,
    () => false,
  );
}

async function servers(dataDir: string): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const role of ["api", "frontier"]) {
    if (!isServed(dataDir, role)) continue;
    const note = await readServeNote(dataDir, role);
    findings.push(
      ok(
        `${role}: ${note === undefined ? "a process that is starting" : `process ${note.pid} at ${note.addresses.join(", ")}`}`,
      ),
    );
  }
  return findings.length === 0 ? [ok("none has this folder")] : findings;
}

async function port(door: string, host: string, number: number): Promise<Finding> {
  if (number === 0) return ok(`${door}: any free one`);
  try {
    Bun.listen({ hostname: host, port: number, socket: { data: () => undefined } }).stop(true);
    return ok(`${door}: ${number} is free`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE")
      return failure(
        `${door}: can't listen on ${host}:${number}: ${messageOf(error)}`,
        "See MATYAN_HOST and the port.",
      );
  }
  const local = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host;
  const answer = await fetch(`http://${local}:${number}/health/live`, { signal: AbortSignal.timeout(2_000) })
    .then(async (response) => response.ok && (await response.text()).includes('"status"'))
    .catch(() => false);
  if (answer) return ok(`${door}: ${number} is a Matyan server's`);
  return failure(`${door}: ${number} is taken by another program`, "Stop it, or give `matyan serve` another port.");
}

async function presignKey(dataDir: string): Promise<Finding> {
  const path = join(dataDir, "presign.key");
  if (!existsSync(path)) return skipped("there is none: the object store signs, or nothing was served yet");
  const { mode } = await stat(path);
  if ((mode & 0o077) === 0) return ok("only its owner can read it");
  return warning(`${path} can be read by others`, `chmod 600 ${path}`);
}
