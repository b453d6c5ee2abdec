// The frontier: where clients send their messages (WebSocket) and their files (presigned uploads). pipeline.md 4.
import type { BlobStore } from "../blobs/index.ts";
import { clientOrigin } from "../clientOrigin.ts";
import type { Store } from "../store/index.ts";
import { blobPathPrefix } from "./blobPath.ts";
import { presign, presignPath, type Sign } from "./presign.ts";
import { type Connection, FrontierSockets, type SocketOptions } from "./sockets.ts";
import { type UploadOptions, upload } from "./upload.ts";
import { signUpload } from "./uploadUrl.ts";

export { type FrontierMetrics, noMetrics } from "./frontierMetrics.ts";
export { type FrontierLimits, frontierLimits } from "./limits.ts";
export { readSecret } from "./secret.ts";
export { type Connection, FrontierSockets } from "./sockets.ts";

export interface FrontierOptions extends SocketOptions {
  /** Needed where clients upload to us. */
  readonly store: Store | undefined;
  /** Clients upload to the object store by themselves if it makes upload URLs, else to us. */
  readonly blobs: BlobStore;
  /** What our own upload URLs are signed with. */
  readonly secret: Uint8Array | undefined;
  /** Scheme, host and port of our own upload URLs; by default what the client's own request went to. */
  readonly uploadOrigin?: string | undefined;
  readonly presignExpirySeconds: number;
  readonly maxUploadBytes: number;
}

/** The answer to a request, `upgraded` when it became a socket, undefined when the path is none of the frontier's. */
export type FrontierAnswer = Promise<Response> | Response | "upgraded" | undefined;

export class Frontier {
  readonly sockets: FrontierSockets;
  readonly #options: FrontierOptions;
  /** What uploads to us need. */
  readonly #uploads: UploadOptions | undefined;

  constructor(options: FrontierOptions) {
    this.#options = options;
    const { store, secret, blobs } = options;
    if (blobs.presignPut === undefined) {
      if (store === undefined || secret === undefined)
        throw new Error("uploads to a frontier need a store and a secret");
      this.#uploads = { ...options, store, secret };
    }
    this.sockets = new FrontierSockets(options);
  }

  answer(request: Request, url: URL, server: Bun.Server<Connection>): FrontierAnswer {
    // Clients put a slash between a base that ends in one and the path (pipeline.md 5.1).
    const path = url.pathname.replace(/^\/{2,}/, "/");
    if (!path.startsWith("/api/v1/")) return undefined;
    const socket = /^\/api\/v1\/ws\/runs\/([^/]+)\/?$/.exec(path);
    if (socket !== null) {
      const runId = decodeRunId(socket[1]!);
      if (runId.includes("/")) return Response.json({ detail: "Not Found" }, { status: 404 });
      return this.sockets.upgrade(request, server, runId) ?? "upgraded";
    }
    if (path === presignPath || path === `${presignPath}/`) {
      if (request.method !== "POST") return notAllowed("POST");
      return presign(request, this.#signFor(request), this.#options.warn);
    }
    if (this.#uploads === undefined || !path.startsWith(blobPathPrefix)) return undefined;
    if (request.method !== "PUT") return notAllowed("PUT");
    return upload(request, url, this.#uploads);
  }

  #signFor(request: Request): Sign {
    const { blobs, now, presignExpirySeconds: expirySeconds, maxUploadBytes: maxBytes } = this.#options;
    const uploads = this.#uploads;
    if (uploads === undefined) return (key, contentType) => blobs.presignPut!(key, { contentType, expirySeconds });
    const origin = this.#options.uploadOrigin ?? clientOrigin(request);
    return async (key, contentType) => {
      const grant = { key, contentType, expires: Math.floor(now()) + expirySeconds, maxBytes };
      return { uploadUrl: origin + signUpload(grant, uploads.secret), headers: undefined };
    };
  }
}

/** Percent-decoded; what is no valid encoding stays as it is. */
function decodeRunId(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function notAllowed(allow: string): Response {
  return Response.json({ detail: "Method Not Allowed" }, { status: 405, headers: { allow } });
}
