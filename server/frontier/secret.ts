// The secret that upload URLs are signed with. It lies in the data folder, so that URLs stay valid over a restart.
import { randomBytes, randomUUID } from "node:crypto";
import { link, mkdir, open, readFile, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { MatyanError, messageOf } from "../../formats/error.ts";

const secretBytes = 32;

/**
 * The secret in the file `path`, made on first use: 32 random bytes that only its owner may read. Of several processes
 * that make it at the same time, one wins, and all get its secret.
 * @throws MatyanError `io` when the file can't be read or made, `corrupt` when it isn't 32 bytes long.
 */
export async function readSecret(path: string): Promise<Uint8Array> {
  try {
    return (await present(path)) ?? (await create(path));
  } catch (error) {
    if (error instanceof MatyanError) throw error;
    throw new MatyanError("io", `can't read or make ${path}: ${messageOf(error)}`, {
      hint: "Check the permissions of the data folder.",
      cause: error,
    });
  }
}

async function create(path: string): Promise<Uint8Array> {
  const secret = randomBytes(secretBytes);
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomUUID()}`;
  const file = await open(temporary, "wx", 0o600);
  try {
    await file.writeFile(secret);
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    // A link appears whole or not at all, and never replaces what is there.
    await link(temporary, path);
    return secret;
  } catch (error) {
    const other = await present(path);
    if (other === undefined) throw error;
    return other;
  } finally {
    await unlink(temporary);
  }
}

async function present(path: string): Promise<Uint8Array | undefined> {
  let found: Uint8Array;
  try {
    found = await readFile(path);
  } catch (error) {
    if (error instanceof Error && (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  if (found.length === secretBytes) return found;
  throw new MatyanError("corrupt", `${path} holds ${found.length} bytes instead of ${secretBytes}`, {
    hint: "Delete it: a new one is made at the next start, and upload URLs given out before stop working.",
  });
}
