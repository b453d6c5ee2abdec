// The files of an archived run through presigned uploads, several at a time, and the messages that make artifacts of them.
import { join } from "node:path";
import { isMap, type Value } from "../../formats/value.ts";
import { artifactsName } from "../../server/store/artifactEntries.ts";
import { contentTypeOf } from "../client/contentType.ts";
import type { Messages } from "../client/messages.ts";
import { Turns } from "../client/turns.ts";
import { upload } from "../client/upload.ts";
import type { RunTask } from "./restoreRemoteRun.ts";
import type { RunSocket } from "./restoreRemoteSocket.ts";

export interface StoredFile {
  readonly path: string;
  readonly size: number;
  readonly source: string;
  /** Whether the object store's answer named a checksum, which is the file's then. */
  readonly isChecked: boolean;
}

export interface StoredBlobs {
  readonly files: readonly StoredFile[];
  readonly bytes: number;
}

const concurrentUploads = 4;

/**
 * Uploads first: a run's message names a file only when the store has it.
 * @throws MatyanError when an upload fails for good
 */
export async function sendBlobs(
  task: RunTask,
  messages: Messages,
  socket: RunSocket,
  lose: (what: string) => void,
): Promise<StoredBlobs> {
  const { target, run, documents, blobFolder } = task;
  const artifacts = documents.attrs.get(artifactsName);
  const entries: ReadonlyMap<string, Value> = isMap(artifacts) ? artifacts : new Map();
  const typeOf = (path: string): string => textField(entries.get(path), "content_type") ?? contentTypeOf(path);
  const files: StoredFile[] = [];
  let bytes = 0;
  if (blobFolder !== undefined) {
    const turns = new Turns(concurrentUploads);
    const stop = new AbortController();
    const signal = target.signal === undefined ? stop.signal : AbortSignal.any([target.signal, stop.signal]);
    const work: Promise<void>[] = [];
    let failure: { readonly error: unknown } | undefined;
    for await (const { path, size } of run.blobs()) {
      if (failure !== undefined) break;
      const source = join(blobFolder, path);
      const uploading = turns.take(async () => {
        try {
          if (failure !== undefined) return;
          const request = { runId: run.hash, path, contentType: typeOf(path), blob: Bun.file(source) };
          const onRetry = (reason: string) => task.onTrouble(`'${path}' is uploaded again: ${reason}`);
          const { checked } = await upload(target.frontier, request, { signal, onRetry });
          files.push({ path, size, source, isChecked: checked !== undefined });
          bytes += size;
          task.advance(size);
        } catch (error) {
          failure ??= { error };
          stop.abort(error);
        }
      });
      work.push(uploading);
      if (work.length >= 1_000) await Promise.all(work.splice(0));
    }
    await Promise.all(work);
    if (failure !== undefined) throw failure.error;
  }
  let sent: Promise<void> = Promise.resolve();
  for (const [path, entry] of entries) {
    if (!isMap(entry)) {
      lose("not sent: artifacts that the archive does not describe");
      continue;
    }
    const key = textField(entry, "s3_key") ?? textField(entry, "blob_key") ?? `${run.hash}/${path}`;
    sent = socket.send(messages.blobRef(key, path, textField(entry, "content_type") ?? "application/octet-stream"));
  }
  await socket.settle(sent);
  return { files, bytes };
}

function textField(entry: Value | undefined, field: string): string | undefined {
  const value = isMap(entry) ? entry.get(field) : undefined;
  return typeof value === "string" ? value : undefined;
}
