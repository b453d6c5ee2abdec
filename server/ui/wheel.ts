// The wheel that carries the built web UI: a zip with a list of its files' hashes (Python's binary distribution format).
import { createHash } from "node:crypto";
import { mkdir, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { type Entry, openPromise, type ZipFile } from "yauzl";
import { MatyanError, messageOf } from "../../formats/error.ts";

/** Where the built UI lies in the wheel (ui-needs.md 1). */
export const staticPrefix = "matyan_ui/static/";
export const templateName = "index-template.html";

export interface UnpackedWheel {
  readonly version: string;
  readonly files: number;
  readonly bytes: number;
}

/** What a wheel may unpack to: many times what the real one does. */
const bounds = { files: 20_000, bytes: 1_000_000_000, recordBytes: 10_000_000 };

/**
 * Unpacks the UI's files below the folder `into`. Every one of them must be in the wheel's RECORD with the SHA-256 that it has.
 * @throws MatyanError `corrupt` when the file is no sound wheel, `usage` when it is one of something else.
 */
export async function unpackWheel(wheel: string, into: string, signal?: AbortSignal): Promise<UnpackedWheel> {
  const zip = await openZip(wheel);
  try {
    const entries = new Map<string, Entry>();
    for await (const entry of zip.eachEntry()) {
      if (entries.size === bounds.files) throw broken(wheel, `it holds over ${bounds.files} files`);
      if (!entry.fileName.endsWith("/")) entries.set(entry.fileName, entry);
    }
    const info = [...entries.keys()].find((name) => /^matyan_ui-[^/]+\.dist-info\/RECORD$/.test(name));
    if (info === undefined || !entries.has(staticPrefix + templateName))
      throw new MatyanError("usage", `${wheel} is not a wheel of matyan-ui`, {
        hint: "Get it with `matyan ui install`, or with `pip download matyan-ui`.",
      });
    const record = parseRecord(await readText(zip, entries.get(info)!, wheel));
    let files = 0;
    let bytes = 0;
    for (const [name, entry] of entries) {
      if (!name.startsWith(staticPrefix)) continue;
      signal?.throwIfAborted();
      const expected = record.get(name);
      if (expected === undefined) throw broken(wheel, `${name} is not in its RECORD`);
      bytes += entry.uncompressedSize;
      if (bytes > bounds.bytes) throw broken(wheel, `it unpacks to over ${bounds.bytes} bytes`);
      const found = await writeEntry(zip, entry, join(into, name.slice(staticPrefix.length)));
      if (found !== expected) throw broken(wheel, `the hash of ${name} is not the one in its RECORD`);
      files++;
    }
    for (const name of record.keys())
      if (name.startsWith(staticPrefix) && !entries.has(name)) throw broken(wheel, `${name} is missing`);
    return { version: /-([^-]+)\.dist-info/.exec(info)?.[1] ?? "", files, bytes };
  } catch (error) {
    if (error instanceof MatyanError || signal?.aborted) throw error;
    throw broken(wheel, messageOf(error));
  } finally {
    zip.close();
  }
}

async function openZip(wheel: string): Promise<ZipFile> {
  try {
    // Names with `..`, a root or a backslash are refused by the reader.
    return await openPromise(wheel, { strictFileNames: true, autoClose: false, lazyEntries: true });
  } catch (error) {
    const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
    if (code === undefined) throw broken(wheel, messageOf(error));
    throw new MatyanError(
      code === "ENOENT" ? "not_found" : "io",
      `can't read the wheel ${wheel}: ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
}

/** Writes a file, durably; gives its SHA-256 as RECORD spells it. */
async function writeEntry(zip: ZipFile, entry: Entry, path: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  const hash = createHash("sha256");
  const file = await open(path, "wx");
  try {
    await pipeline(await zip.openReadStreamPromise(entry), async (source: AsyncIterable<Buffer>) => {
      for await (const chunk of source) {
        hash.update(chunk);
        await file.appendFile(chunk);
      }
    });
    await file.sync();
  } finally {
    await file.close();
  }
  return hash.digest("base64url");
}

async function readText(zip: ZipFile, entry: Entry, wheel: string): Promise<string> {
  if (entry.uncompressedSize > bounds.recordBytes) throw broken(wheel, "its RECORD is too long");
  const chunks: Buffer[] = [];
  for await (const chunk of await zip.openReadStreamPromise(entry)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

/** Lines `path,sha256=<url-safe base64>,<size>`; a path with a comma is quoted. RECORD itself has no hash. */
function parseRecord(text: string): Map<string, string> {
  const hashes = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const parts = /^(?:"((?:[^"]|"")*)"|([^",]*)),sha256=([A-Za-z0-9_-]+)=*,\d*$/.exec(line);
    if (parts !== null) hashes.set(parts[1]?.replaceAll('""', '"') ?? parts[2]!, parts[3]!);
  }
  return hashes;
}

function broken(wheel: string, reason: string): MatyanError {
  return new MatyanError("corrupt", `the wheel ${wheel} is broken: ${reason}`, { hint: "Download it again." });
}
