// The digests that our archives carry (`checksums.json`), found run by run so that any number of files takes little memory.
import { open } from "node:fs/promises";
import { join } from "node:path";
import { parseDocument } from "../../formats/archive/document.ts";
import type { FileSum } from "../../formats/archive/fileSink.ts";
import { fileSize, readChunks } from "../../formats/archive/folder.ts";
import { checksumsName } from "../../formats/archive/layout.ts";
import { readLines } from "../../formats/archive/lines.ts";
import { MatyanError } from "../../formats/error.ts";
import { isMap, toNumber, type Value } from "../../formats/value.ts";

/** Bytes of checksums.json: lines that belong to one run. */
interface Stretch {
  begin: number;
  end: number;
}

export class ArchiveSums {
  readonly #path: string;
  readonly #runs: ReadonlyMap<string, readonly Stretch[]>;

  private constructor(path: string, runs: ReadonlyMap<string, readonly Stretch[]>) {
    this.#path = path;
    this.#runs = runs;
  }

  /**
   * Undefined when the archive has none. The writer puts one file on a line; only the places of a run's lines are kept.
   * @throws MatyanError `corrupt` for a line that names no file
   */
  static async open(folder: string): Promise<ArchiveSums | undefined> {
    const path = join(folder, checksumsName);
    if (fileSize(path) === undefined) return undefined;
    const runs = new Map<string, Stretch[]>();
    let offset = 0;
    for await (const { bytes } of readLines(readChunks(path))) {
      const hash = runOf(bytes);
      const end = offset + bytes.length;
      if (hash !== undefined) addLine(runs, hash, { begin: offset, end });
      offset = end + 1;
    }
    return new ArchiveSums(path, runs);
  }

  /** Digests of a run's files by path below its folder. @throws MatyanError `corrupt`. */
  async ofRun(hash: string): Promise<ReadonlyMap<string, FileSum>> {
    const sums = new Map<string, FileSum>();
    const prefix = `runs/${hash}/`;
    const file = await open(this.#path);
    try {
      for (const { begin, end } of this.#runs.get(hash) ?? []) {
        const bytes = Buffer.alloc(end - begin);
        await file.read(bytes, 0, bytes.length, begin);
        const lines = parseDocument(Buffer.from(`{${bytes.toString().replace(/,\s*$/, "")}}`), checksumsName);
        if (!isMap(lines)) continue;
        for (const [path, entry] of lines) sums.set(path.slice(prefix.length), readSum(path, entry));
      }
    } finally {
      await file.close();
    }
    return sums;
  }
}

function readSum(path: string, entry: Value): FileSum {
  const sha256 = isMap(entry) ? entry.get("sha256") : undefined;
  const size = isMap(entry) ? toNumber(entry.get("size")) : undefined;
  if (typeof sha256 === "string" && size !== undefined) return { sha256, size };
  throw new MatyanError("corrupt", `${checksumsName}: the entry of '${path}' has no digest and size`);
}

/** The hash in a line like `"runs/<hash>/run.json": {...},`; undefined for other lines. @throws MatyanError `corrupt` */
function runOf(line: Uint8Array): string | undefined {
  const text = Buffer.from(line.buffer, line.byteOffset, Math.min(line.length, 2048)).toString("utf8");
  const found = /^\s*"runs\/((?:[^"\\/]|\\.)+)\//.exec(text)?.[1];
  if (found === undefined) return undefined;
  const hash = parseDocument(Buffer.from(`"${found}"`), checksumsName);
  return typeof hash === "string" ? hash : undefined;
}

function addLine(runs: Map<string, Stretch[]>, hash: string, line: Stretch): void {
  const stretches = runs.get(hash);
  const last = stretches?.at(-1);
  if (last !== undefined && last.end + 1 === line.begin) last.end = line.end;
  else if (stretches === undefined) runs.set(hash, [line]);
  else stretches.push(line);
}
