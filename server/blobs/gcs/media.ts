// The bytes of an object. Not by the SDK's read stream: a reader that stops early makes it close the connections of all others.
import type { Storage } from "@google-cloud/storage";
import type { OpenedObject } from "../reading.ts";

const attempts = 6;
/** The head of an answer takes no longer. */
const answerTimeoutMs = 60_000;

/** An answer that is not the object. */
export class MediaFault extends Error {
  readonly status: number;

  constructor(status: number, text: string) {
    super(text);
    this.status = status;
  }
}

export interface MediaRequest {
  readonly bucket: string;
  readonly key: string;
  readonly start: number;
  /** Exclusive; undefined: to the object's end. */
  readonly end: number | undefined;
  readonly generation: string | undefined;
  /** False for an emulator, which asks for no credentials. */
  readonly authorized: boolean;
}

/** @throws MediaFault; what the connection or the credentials throw after some attempts */
export async function openMedia(storage: Storage, request: MediaRequest): Promise<OpenedObject> {
  const { bucket, key, generation } = request;
  const url = new URL(`${storage.baseUrl}/b/${encodeURIComponent(bucket)}/o/${encodeURIComponent(key)}?alt=media`);
  if (generation !== undefined) url.searchParams.set("generation", generation);
  for (let attempt = 1; ; attempt++) {
    try {
      return await send(storage, url, request);
    } catch (error) {
      const isFinal = error instanceof MediaFault && error.status < 500 && ![408, 429].includes(error.status);
      if (isFinal || attempt === attempts) throw error;
      await Bun.sleep(100 * 2 ** attempt * (0.5 + Math.random() / 2));
    }
  }
}

async function send(storage: Storage, url: URL, { start, end, authorized }: MediaRequest): Promise<OpenedObject> {
  const headers = authorized ? new Headers(await storage.authClient.getRequestHeaders(url.href)) : new Headers();
  headers.set("range", `bytes=${start}-${end === undefined ? "" : end - 1}`);
  // Stored bytes are wanted as they are, also of an object that says it is compressed.
  headers.set("accept-encoding", "gzip");
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(new Error("no answer came")), answerTimeoutMs);
  const answer = await fetch(url, { headers, signal: abort.signal, decompress: false }).finally(() =>
    clearTimeout(timer),
  );
  if (!answer.ok || answer.body === null)
    throw new MediaFault(answer.status, (await answer.text()) || answer.statusText);
  const total = /\/(\d+)$/.exec(answer.headers.get("content-range") ?? "")?.[1];
  const size = Number(total ?? answer.headers.get("content-length") ?? 0);
  return {
    size,
    version: answer.headers.get("x-goog-generation") ?? "",
    body: answer.body,
    stop: () => abort.abort(),
  };
}
