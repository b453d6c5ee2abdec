// Unpacks a tar into a folder of its own. Nothing is ever written outside of it, nor over what is there.
import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { MatyanError } from "../error.ts";
import type { ArchiveEntry } from "./entries.ts";
import { guard, hasCode, ioError } from "./fileSink.ts";
import { isPlainFolder, readChunks } from "./folder.ts";
import { readTar, type TarOptions } from "./tarReader.ts";

/**
 * Writes the archive in the tar to `folder`, which is empty and the caller's alone. @throws MatyanError `corrupt` naming the member
 * for paths that leave the archive, links and devices, and a second member of one name with other content.
 */
export async function unpackTar(source: AsyncIterable<Uint8Array>, folder: string, options: TarOptions): Promise<void> {
  for await (const member of readTar(source, options)) {
    if (member.fault !== undefined) {
      throw new MatyanError(
        "corrupt",
        `${options.label}: member ${JSON.stringify(member.name)} is refused: ${member.fault}`,
        {
          hint: "This is no archive that a backup or conversion makes. Do not trust it.",
        },
      );
    }
    const path = join(folder, member.path);
    try {
      if (member.isFolder) mkdirSync(path, { recursive: true });
      else await writeMember(member, path, options);
    } catch (error) {
      if (error instanceof MatyanError) throw error;
      throw clash(error) ? conflict(member, options) : ioError(path, error);
    }
  }
}

async function writeMember(member: ArchiveEntry, path: string, options: TarOptions): Promise<void> {
  const fd = create(path);
  if (fd === undefined) {
    if (isPlainFolder(path) || !(await holds(path, member.body))) throw conflict(member, options);
    return;
  }
  try {
    for await (const chunk of member.body) {
      for (let done = 0; done < chunk.length; ) {
        done += guard(path, () => writeSync(fd, chunk, done, chunk.length - done));
      }
    }
  } finally {
    closeSync(fd);
  }
}

/** Opens a new file, making its folder on demand. Undefined when there is one already. */
function create(path: string): number | undefined {
  for (let attempt = 0; ; attempt++) {
    try {
      return openSync(path, "wx", 0o600);
    } catch (error) {
      if (hasCode(error, "EEXIST")) return undefined;
      if (attempt > 0 || !hasCode(error, "ENOENT")) throw error;
      mkdirSync(dirname(path), { recursive: true });
    }
  }
}

async function holds(path: string, body: AsyncIterable<Uint8Array>): Promise<boolean> {
  return (await digest(readChunks(path))) === (await digest(body));
}

async function digest(source: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256");
  for await (const chunk of source) hash.update(chunk);
  return hash.digest("hex");
}

function conflict(member: ArchiveEntry, { label }: TarOptions): MatyanError {
  return new MatyanError(
    "corrupt",
    `${label}: member ${JSON.stringify(member.name)} is there twice, with different content`,
  );
}

function clash(error: unknown): boolean {
  return ["EEXIST", "ENOTDIR", "EISDIR"].some((code) => hasCode(error, code));
}
