// FoundationDB's directory layer 1.0.0 over the contract, byte compatible with the official bindings: names to short key prefixes.
// Source: FoundationDB's developer guide ("Directories") and its Python binding, whose key dump is a fixture of the test.
import { MatyanError } from "../../formats/error.ts";
import { rangeOf } from "../../formats/tuple.ts";
import {
  allNodes,
  allocatePrefix,
  type Draw,
  layerKey,
  nodeOf,
  prefixOfNodeKey,
  rootNode,
  subdirectories,
  subdirectoryKey,
  subdirectoryName,
  versionKey,
} from "./directoryNodes.ts";
import { type Key, keyAfter, prefixRange, type ReadTransaction, type Transaction } from "./index.ts";

const version = [1, 0, 0] as const;

export interface DirectoryOptions {
  /** Draws the allocator's candidates; by chance unless told. */
  readonly draw?: Draw;
}

/**
 * Directories without layer tags in the default node space (FE), contents at the root of the key space. A path is a
 * non-empty list of names. Directory partitions are not read: `unsupported`.
 */
export class DirectoryLayer {
  readonly #draw: Draw;

  constructor({ draw = drawByChance }: DirectoryOptions = {}) {
    this.#draw = draw;
  }

  /** The prefix of the directory's keys; makes it, and the parents it lacks, when there is none. */
  async createOrOpen(tx: Transaction, path: readonly string[]): Promise<Uint8Array> {
    const found = await this.#find(tx, path);
    if (found !== undefined) return found;
    if (!(await checkVersion(tx, "write"))) tx.set(versionKey, packVersion());
    // Before the parent's: the order in which the official layer allocates.
    const prefix = await this.#allocate(tx);
    const parent = path.length === 1 ? rootNode : nodeOf(await this.createOrOpen(tx, path.slice(0, -1)));
    tx.set(subdirectoryKey(parent, path.at(-1)!), prefix);
    tx.set(layerKey(nodeOf(prefix)), new Uint8Array(0));
    return prefix;
  }

  /** @throws MatyanError `not_found`. */
  async open(tx: ReadTransaction, path: readonly string[]): Promise<Uint8Array> {
    const prefix = await this.#find(tx, path);
    if (prefix === undefined) throw missing(path);
    return prefix;
  }

  async exists(tx: ReadTransaction, path: readonly string[]): Promise<boolean> {
    return (await this.#find(tx, path)) !== undefined;
  }

  /** Names of the subdirectories, in the order of their UTF-8 bytes; an empty path lists the root. @throws MatyanError `not_found`. */
  async list(tx: ReadTransaction, path: readonly string[] = []): Promise<string[]> {
    if (path.length === 0) await checkVersion(tx, "read");
    const node = path.length === 0 ? rootNode : nodeOf(await this.open(tx, path));
    const names: string[] = [];
    for await (const batch of tx.range(subdirectories(node)))
      for (const [key] of batch) names.push(subdirectoryName(node, key));
    return names;
  }

  /** Removes the directory, its subdirectories and all their keys. Who has it open must stop using it. @throws MatyanError `not_found`. */
  async remove(tx: Transaction, path: readonly string[]): Promise<void> {
    const prefix = await this.open(tx, path);
    await checkVersion(tx, "write");
    const parent = path.length === 1 ? rootNode : nodeOf(await this.open(tx, path.slice(0, -1)));
    await removeContents(tx, prefix);
    tx.clear(subdirectoryKey(parent, path.at(-1)!));
  }

  async #find(tx: ReadTransaction, path: readonly string[]): Promise<Uint8Array | undefined> {
    if (path.length === 0) throw new MatyanError("usage", "the root directory cannot be opened, made or removed");
    await checkVersion(tx, "read");
    let prefix: Uint8Array | undefined;
    for (const [depth, name] of path.entries()) {
      const node: Uint8Array = prefix === undefined ? rootNode : nodeOf(prefix);
      prefix = await tx.get(subdirectoryKey(node, name));
      if (prefix === undefined) return undefined;
      const layer = await tx.get(layerKey(nodeOf(prefix)));
      if (layer !== undefined && new TextDecoder().decode(layer) === "partition")
        throw new MatyanError("unsupported", `directory '${path.slice(0, depth + 1).join("/")}' is a partition`);
    }
    return prefix;
  }

  async #allocate(tx: Transaction): Promise<Uint8Array> {
    const prefix = await allocatePrefix(tx, this.#draw);
    const [content] = await tx.firstOfEach([prefixRange(prefix)]);
    if (content !== undefined || !(await isFree(tx.snapshot, prefix)))
      throw new MatyanError(
        "corrupt",
        `the prefix ${Buffer.from(prefix).toString("hex")} for a new directory is in use`,
        {
          hint: "Keys were written outside of directories; move them away or use another database.",
        },
      );
    return prefix;
  }
}

async function removeContents(tx: Transaction, prefix: Uint8Array): Promise<void> {
  const node = nodeOf(prefix);
  const children: Uint8Array[] = [];
  for await (const batch of tx.range(subdirectories(node))) for (const [, child] of batch) children.push(child);
  for (const child of children) await removeContents(tx, child);
  tx.clearRange(prefixRange(prefix));
  tx.clearRange(rangeOf(node));
}

/** Whether `prefix` neither holds nor lies in the prefix of a directory. */
async function isFree(tx: ReadTransaction, prefix: Uint8Array): Promise<boolean> {
  if (prefix[0] === 0xfe) return false;
  const own = nodeOf(prefix);
  const [before] = await tx.firstOfEach([{ begin: allNodes.begin, end: keyAfter(own) }], true);
  const [inside] = await tx.firstOfEach([{ begin: own, end: nodeOf(prefixRange(prefix).end) }]);
  return inside === undefined && (before === undefined || !startsWith(prefix, prefixOfNodeKey(before[0])));
}

/** Whether there is a version. @throws MatyanError `unsupported` for data of a later directory layer. */
async function checkVersion(tx: ReadTransaction, access: "read" | "write"): Promise<boolean> {
  const stored = await tx.get(versionKey);
  if (stored === undefined) return false;
  if (stored.length !== 12)
    throw new MatyanError("corrupt", `the version of the directory layer has ${stored.length} bytes, not 12`);
  const view = new DataView(stored.buffer, stored.byteOffset);
  const [major, minor, patch] = [view.getUint32(0, true), view.getUint32(4, true), view.getUint32(8, true)];
  if (major > version[0] || (minor > version[1] && access === "write"))
    throw new MatyanError(
      "unsupported",
      `the directory layer's data have version ${major}.${minor}.${patch}; this program knows ${version.join(".")}`,
    );
  return true;
}

/** Three little-endian u32. */
function packVersion(): Uint8Array {
  const bytes = new Uint8Array(12);
  version.forEach((part, index) => {
    new DataView(bytes.buffer).setUint32(4 * index, part, true);
  });
  return bytes;
}

function missing(path: readonly string[]): MatyanError {
  return new MatyanError("not_found", `directory '${path.join("/")}' does not exist`);
}

function startsWith(key: Key, prefix: Uint8Array): boolean {
  return prefix.length <= key.length && prefix.every((byte, index) => byte === key[index]);
}

function drawByChance(begin: number, end: number): number {
  return begin + Math.floor(Math.random() * (end - begin));
}
