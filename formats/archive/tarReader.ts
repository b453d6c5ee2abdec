// Members of a tar, gzip or plain, from any byte stream, with paths that cannot leave the archive.
import { createReadStream } from "node:fs";
import { extract, type Header } from "tar-stream";
import { MatyanError, messageOf } from "../error.ts";
import { gunzipIfPacked } from "../gunzip.ts";
import type { ArchiveEntry } from "./entries.ts";
import { checksumsName, entitiesName, isJunk, manifestName, pathFault } from "./layout.ts";
import { feedAll } from "./streamFeed.ts";

const chunkBytes = 1 << 18;
const rootNames: ReadonlySet<string> = new Set([manifestName, entitiesName, checksumsName]);

export interface TarOptions {
  /** Names the tar in errors. */
  readonly label: string;
  readonly signal?: AbortSignal | undefined;
  /** Told the bytes read from the source so far. */
  readonly onRead?: (bytes: number) => void;
  /** Told of a tar that ends without the mark that says it is whole. */
  readonly onOpenEnd?: () => void;
}

/** The tar itself is damaged, cut short or unreadable: nothing that follows can be read. */
export class TarError extends MatyanError {}

/** A tar file's bytes. */
export function fileBytes(path: string): AsyncIterable<Uint8Array> {
  return createReadStream(path, { highWaterMark: chunkBytes });
}

/**
 * Files and folders of the archive in the tar, in its order. @throws TarError when the tar or its gzip wrapping is damaged
 * or cut short, naming the last member seen.
 */
export async function* readTar(source: AsyncIterable<Uint8Array>, options: TarOptions): AsyncGenerator<ArchiveEntry> {
  const tar = extract();
  const end = { zeros: 0 };
  // Whoever stops first stops the other: an error of the source reaches the loop below through the extractor.
  const feeding = feedAll(watchEnd(gunzipIfPacked(watchRead(source, options)), end), tar).catch((error) =>
    tar.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  const paths = new MemberPaths();
  let last = "";
  try {
    for await (const entry of tar) {
      options.signal?.throwIfAborted();
      const { header } = entry;
      last = header.name;
      const isFolder = header.type === "directory";
      const place = paths.below(header.name, isFolder);
      const fault = place.fault ?? memberFault(header);
      if (fault !== undefined || !place.junk) {
        const body = memberBody(entry, options, last);
        yield { name: header.name, path: place.path, fault, isFolder, size: header.size, body };
      }
      if (!entry.destroyed) for await (const _ of entry);
    }
    if (end.zeros < 512 && last !== "") options.onOpenEnd?.();
  } catch (error) {
    throw tarError(error, options, last);
  } finally {
    tar.destroy(null);
    await feeding;
  }
  if (last === "") throw new TarError("corrupt", `${options.label} is empty: it holds no archive`);
}

async function* memberBody(
  entry: AsyncIterable<unknown>,
  options: TarOptions,
  name: string,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of entry) if (chunk instanceof Uint8Array) yield chunk;
  } catch (error) {
    throw tarError(error, options, name);
  }
}

function memberFault(header: Header): string | undefined {
  const type: string | null = header.type;
  if (type === "file" || type === "contiguous-file" || type === "directory") return undefined;
  return type === null ? "it is of an unknown type" : `it is a ${type.replace("-", " ")}, not a file`;
}

interface MemberPlace {
  /** Below the archive's folder. */
  readonly path: string;
  readonly fault: string | undefined;
  /** A file that is no part of the archive and does no harm. */
  readonly junk: boolean;
}

/** Knows the archive's folder: the first folder of the tar, or its root when the archive's own files are there. */
class MemberPaths {
  #top: string | undefined;

  below(name: string, isFolder: boolean): MemberPlace {
    let path = name.replace(/^(\.\/+)+/, "").replace(/\/+$/, "");
    if (path === ".") path = "";
    if (path === "" && name.startsWith("/")) path = "/";
    const fault = path === "" ? undefined : pathFault(path);
    if (fault !== undefined) return { path, fault: `its path ${fault}`, junk: false };
    if (path === "") return { path, fault: undefined, junk: false };
    const first = path.split("/", 1)[0]!;
    const atRoot = path === first && !isFolder;
    if (this.#top === undefined && !isJunk(path)) {
      if (first === "runs" || (atRoot && rootNames.has(first))) this.#top = "";
      else if (!atRoot) this.#top = first;
    }
    if (this.#top === "") return { path, fault: undefined, junk: isJunk(path) };
    if (path === this.#top) return { path: "", fault: undefined, junk: false };
    if (first !== this.#top) {
      // A lone file beside the folder is passed over; a second folder may be a second archive.
      const outside = `it lies outside of the archive's folder ${this.#top ?? ""}`.trimEnd();
      return { path, fault: atRoot || isJunk(path) ? undefined : outside, junk: true };
    }
    const below = path.slice(first.length + 1);
    return { path: below, fault: undefined, junk: isJunk(below) };
  }
}

async function* watchRead(source: AsyncIterable<Uint8Array>, options: TarOptions): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of source) {
    options.signal?.throwIfAborted();
    bytes += chunk.length;
    options.onRead?.(bytes);
    yield chunk;
  }
}

/** Counts the zero bytes that the stream ends in: a whole tar ends in two blocks of them. */
async function* watchEnd(source: AsyncIterable<Uint8Array>, end: { zeros: number }): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    let at = chunk.length;
    while (at > 0 && chunk.length - at < 1024 && chunk[at - 1] === 0) at--;
    end.zeros = at === 0 ? end.zeros + chunk.length : chunk.length - at;
    yield chunk;
  }
}

function tarError(error: unknown, { label, signal }: TarOptions, last: string): unknown {
  if (error instanceof MatyanError) return error;
  if (signal?.aborted) return signal.reason;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const where = last === "" ? "at its beginning" : `in or after member ${JSON.stringify(last)}`;
  const options = { cause: error, hint: "Get the file anew: it was cut short or changed on its way." };
  if (code.startsWith("Z_") || code.startsWith("ERR_")) {
    return new TarError(
      "corrupt",
      `${label}: the gzip data is damaged or cut short ${where} (${messageOf(error)})`,
      options,
    );
  }
  if (code.startsWith("E")) return new TarError("io", `${label}: ${messageOf(error)}`, { cause: error });
  if (last === "")
    return new TarError("corrupt", `${label} is not a tar archive (${messageOf(error)})`, {
      cause: error,
      hint: "An archive is a folder with a manifest.json, or a .tar.gz, .tgz or .tar of one.",
    });
  return new TarError("corrupt", `${label}: the tar is damaged or cut short ${where} (${messageOf(error)})`, options);
}
