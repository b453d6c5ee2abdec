// Where the commands on artifacts work: the store of this machine, or a server.
import { MatyanError } from "../../formats/error.ts";
import { ArtifactWriter, type ListedArtifact, listArtifacts, readArtifact } from "../../server/artifacts.ts";
import type { Config } from "../../server/config.ts";
import { findRun } from "../../server/listing/findRun.ts";
import { openStack } from "../../server/stack.ts";
import { parseAddress } from "./address.ts";
import type { ArtifactFile } from "./artifactFiles.ts";
import { contentTypeOf } from "./contentType.ts";
import { lookAt } from "./diagnose.ts";
import { findRemoteRun } from "./findRemoteRun.ts";
import { Http, ServerRefusal } from "./http.ts";
import { Messages } from "./messages.ts";
import { Repo } from "./repo.ts";
import { Sender } from "./sender.ts";
import { upload } from "./upload.ts";

export interface ArtifactPlace extends AsyncDisposable {
  /** The run's whole hash. */
  readonly hash: string;
  /** By path. @throws MatyanError `not_found` when there is no such run */
  list(): Promise<readonly ListedArtifact[]>;
  /** @throws MatyanError `not_found` */
  read(path: string): Promise<AsyncIterable<Uint8Array>>;
  /** @throws MatyanError when files can't be stored in the run: it does not exist, or the server can't be reached */
  checkRun(): Promise<void>;
  /** Resolves when the file is stored and known to the run. `checked` names the checksum that the store confirmed. */
  log(file: ArtifactFile): Promise<{ readonly checked: string | undefined }>;
}

export interface PlaceOptions {
  /** Address of a server; else the store of `config`. */
  readonly url: string | undefined;
  readonly config: Config;
  /** `read` does without the permission to write to the store. */
  readonly access: "read" | "write";
  readonly signal: AbortSignal;
  /** Told what is tried again. */
  readonly onTrouble: (text: string) => void;
}

/** @param run its hash, or a beginning of it; to log to a server the whole of it: a frontier without an API knows no others. @throws MatyanError `not_found` */
export async function openArtifactPlace(run: string, options: PlaceOptions): Promise<ArtifactPlace> {
  if (options.url === undefined) return openLocal(run, options);
  const address = parseAddress(options.url);
  const hash = options.access === "read" ? await findRemoteRun(new Http(address), run, options.signal) : run;
  return openRemote(hash, address, options);
}

async function openLocal(run: string, { config, access, signal }: PlaceOptions): Promise<ArtifactPlace> {
  await using undo = new AsyncDisposableStack();
  const stack = undo.use(await openStack(config, { missing: "fail", access }));
  const hash = await findRun(stack.store, run);
  const writer = undo.use(new ArtifactWriter(stack, hash));
  const resources = undo.move();
  return {
    hash,
    list: () => listArtifacts(stack, hash),
    read: (path) => readArtifact(stack, hash, path),
    // That it is there is known from its hash.
    checkRun: async () => undefined,
    log: async ({ file, path }) => {
      await writer.add(path, contentTypeOf(file), stoppable(Bun.file(file).stream(), signal));
      return { checked: undefined };
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

async function* stoppable(pieces: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
  for await (const piece of pieces) {
    signal.throwIfAborted();
    yield piece;
  }
}

/** So long an upload waits until the run knows of the file. */
const flushMs = 60_000;

function openRemote(hash: string, address: string, { signal, onTrouble }: PlaceOptions): ArtifactPlace {
  const http = new Http(address);
  const repo = new Repo(address);
  const messages = new Messages(hash);
  let sender: Sender | undefined;
  const missing = () =>
    new MatyanError("not_found", `${address} has no run '${hash}'`, {
      hint: "To log to a server the whole hash of a run is wanted.",
    });
  return {
    hash,
    list: async () => {
      const info = await repo.getRun(hash, signal, { artifactDetails: true });
      if (info === undefined) throw missing();
      return info.artifacts.map(({ path, uri, contentType, size }) => ({ path, uri, contentType, size }));
    },
    read: async (path) => repo.readArtifact(hash, path, signal),
    checkRun: () => checkRemote(http, hash, signal, missing),
    log: async ({ file, path }) => {
      const contentType = contentTypeOf(file);
      const { key, checked } = await upload(
        http,
        { runId: hash, path, contentType, blob: Bun.file(file) },
        { signal, onRetry: (reason) => onTrouble(`'${path}' is uploaded again: ${reason}`) },
      );
      sender ??= new Sender({ frontier: address, runId: hash, onTrouble });
      await sender.send(messages.blobRef(key, path, contentType));
      await sender.firstFlush(flushMs);
      const refusal = sender.delivery.refusals.find(({ item }) => item.text.includes(JSON.stringify(path)));
      if (refusal !== undefined) throw new MatyanError("usage", `the server refused '${path}': ${refusal.reason}`);
      return { checked };
    },
    [Symbol.asyncDispose]: async () => {
      await sender?.close(flushMs);
    },
  };
}

/** A message makes the run that it names: a slip of the pen must not. A frontier without an API can't be asked. */
async function checkRemote(http: Http, hash: string, signal: AbortSignal, missing: () => MatyanError): Promise<void> {
  try {
    await http.json({ path: `runs/${encodeURIComponent(hash)}/info`, query: { sequence: "texts" }, signal });
  } catch (error) {
    if (error instanceof ServerRefusal && error.status === 404) throw missing();
    if (error instanceof ServerRefusal) throw error;
    const finding = await lookAt(http.address);
    if (finding.kind !== "matyan" || finding.component !== "frontier") throw error;
  }
}
