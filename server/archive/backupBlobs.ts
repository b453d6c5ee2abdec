// The blobs of one run: which there are, which are missing, and their way into the archive.
import type { RunWriter } from "../../formats/archive/types.ts";
import { MatyanError } from "../../formats/error.ts";
import type { BlobStore } from "../blobs/index.ts";

/**
 * Says whether objects that a run refers to exist. Remembers the run's keys as 53-bit hashes, 32 bytes or so for each:
 * a run may have millions. (Two keys of one hash could hide a missing blob: 1 in 10^9 for a million blobs.)
 */
export class BlobCheck {
  readonly #blobs: BlobStore;
  readonly #present: Set<number>;

  private constructor(blobs: BlobStore, present: Set<number>) {
    this.#blobs = blobs;
    this.#present = present;
  }

  static async of(blobs: BlobStore, hash: string): Promise<BlobCheck> {
    const present = new Set<number>();
    for await (const { key } of blobs.list(`${hash}/`)) present.add(hashOf(key));
    return new BlobCheck(blobs, present);
  }

  /** Cheap for the run's own blobs; others, and those put since the check was made, are looked up. */
  async exists(key: string): Promise<boolean> {
    return this.#present.has(hashOf(key)) || (await this.#blobs.head(key)) !== undefined;
  }
}

function hashOf(key: string): number {
  return Number(BigInt(Bun.hash(key)) >> 11n);
}

/**
 * Copies all objects under `<hash>/` into the archive.
 * @returns what could not be: keys that no archive can hold as a file, and objects deleted meanwhile.
 */
export async function backupBlobs(
  blobs: BlobStore,
  run: RunWriter,
  step: (bytes: number) => void,
): Promise<{ key: string; reason: string }[]> {
  const left: { key: string; reason: string }[] = [];
  const start = `${run.hash}/`;
  for await (const { key } of blobs.list(start)) {
    const source = await blobs.get(key);
    if (source === undefined) continue;
    try {
      step(await run.blob(key.slice(start.length), source));
    } catch (error) {
      const known = error instanceof MatyanError && ["unsupported", "not_found", "conflict"].includes(error.code);
      if (!known) throw error;
      left.push({ key, reason: error.message });
    }
  }
  return left;
}
