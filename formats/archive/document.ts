// JSON documents of an archive, whole in memory: their size is bounded.
import { MatyanError } from "../error.ts";
import { JsonError, parseJson } from "../json.ts";
import { isMap, type Value, type ValueMap } from "../value.ts";
import { fileSize, readChunks } from "./folder.ts";
import { maxDocumentBytes } from "./layout.ts";

/** Reads and parses a file. `label` names it in errors. Undefined when there is none. */
export async function readDocument(path: string, label: string): Promise<Value | undefined> {
  const size = fileSize(path);
  if (size === undefined) return undefined;
  return parseDocument(await collect(readChunks(path, size), label), label);
}

/** All bytes of a document. @throws MatyanError `too_large` over 64 MB. */
export async function collect(source: AsyncIterable<Uint8Array>, label: string): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of source) {
    size += piece.length;
    if (size > maxDocumentBytes) throw new MatyanError("too_large", `${label} is over ${maxDocumentBytes >> 20} MB`);
    pieces.push(new Uint8Array(piece));
  }
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
}

/** @throws MatyanError `corrupt` naming file and line. */
export function parseDocument(bytes: Uint8Array, label: string): Value {
  try {
    return parseJson(bytes);
  } catch (cause) {
    if (!(cause instanceof MatyanError)) throw cause;
    const at = cause instanceof JsonError ? `:${cause.line}` : "";
    throw new MatyanError("corrupt", `${label}${at}: ${cause.message}`, { cause });
  }
}

/** Checks what the reader cannot do without (backup-convert.md 1.5, 1.14). */
export function requireVersion(manifest: Value, label: string): ValueMap {
  if (!isMap(manifest)) throw new MatyanError("corrupt", `${label} is not a JSON object`);
  const version = manifest.get("format_version");
  if (version !== 1n) {
    const shown =
      version === undefined ? "none" : typeof version === "bigint" ? String(version) : JSON.stringify(version);
    throw new MatyanError("unsupported", `${label}: format version ${shown}; this program knows version 1`);
  }
  return manifest;
}
