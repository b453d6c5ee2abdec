// The frontier: where clients send their messages (WebSocket) and their files (presigned uploads). pipeline.md 4.
import type { BlobStore } from "../blobs/index.ts";
import { clientOrigin } from "../clientOrigin.ts";
import type { Store } from "../store/index.ts";
import { blobPathPrefix } from "./blobPath.ts";
import { presign, presignPath } from "./presign.ts";
import { type Connection, FrontierSockets, type SocketOptions } from "./sockets.ts";
import { upload } from "./upload.ts";

export { type FrontierMetrics, noMetrics } from "./frontierMetrics.ts";
export { type FrontierLimits, frontierLimits } from "./limits.ts";
export { readSecret } from "./secret.ts";
export { type Connection, FrontierSockets } from "./sockets.ts";

export interface FrontierOptions extends SocketOptions {
  readonly store: Store;
  readonly blobs: BlobStore;
  /** What upload URLs are signed with. */
  readonly secret: Uint8Array;
  /** Scheme, host and port of upload URLs; by default what the client's own request went to. */
  readonly uploadOrigin?: string | undefined;
  readonly presignExpirySeconds: number;
  readonly maxUploadBytes: number;
}

/** The answer to a request, `upgraded` when it became a socket, undefined when the path is none of the frontier's. */
export type FrontierAnswer = Promise<Response> | Response | "upgraded" | undefined;

export class Frontier {
  readonly sockets: FrontierSockets;
  readonly #options: FrontierOptions;

  constructor(options: FrontierOptions) {
    this.#options = options;
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
      const origin = this.#options.uploadOrigin ?? clientOrigin(request);
      const { secret, now, presignExpirySeconds: expirySeconds, maxUploadBytes: maxBytes } = this.#options;
      return presign(request, origin, { secret, now, expirySeconds, maxBytes });
    }
    if (!path.startsWith(blobPathPrefix)) return undefined;
    if (request.method !== "PUT") return notAllowed("PUT");
    return upload(request, url, this.#options);
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
