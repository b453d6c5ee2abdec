// Opening a port, with errors that say what to do.
import { MatyanError, messageOf } from "../formats/error.ts";
import type { Door } from "./doors.ts";
import type { Connection } from "./frontier/index.ts";

export interface Listener {
  /** As people and clients type it: `http://127.0.0.1:53800`. An address that stands for all shows as `localhost`. */
  readonly address: string;
  /** Requests that were taken and have no whole answer yet. */
  readonly busy: number;
  /** Takes no new connections. */
  stopListening(): void;
  /** Ends every connection. */
  close(): Promise<void>;
}

export interface ListenOptions {
  readonly host: string;
  /** 0 for a free one. */
  readonly port: number;
  /** For the error when the port is taken. */
  readonly portOption: string;
  readonly websocket: Bun.WebSocketHandler<Connection>;
  readonly door: Door;
  readonly warn: (text: string) => void;
}

/** Seconds without a byte on a connection: the longest that Bun knows. */
const idleSeconds = 255;

/** @throws MatyanError `busy` when the port is taken, `usage` when there is no such address, `io` else. */
export function listen({ host, port, portOption, websocket, door, warn }: ListenOptions): Listener {
  let server: Bun.Server<Connection>;
  try {
    server = Bun.serve<Connection>({
      hostname: host,
      port,
      idleTimeout: idleSeconds,
      // Uploads have their own limit, and every other body is measured by whoever reads it.
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      fetch: (request, own) => door(request, own),
      error: (error) => {
        warn(`a request failed: ${messageOf(error)}`);
        const message = "Internal server error";
        return Response.json({ error: { code: "internal_error", message }, detail: message, message }, { status: 500 });
      },
      websocket,
    });
  } catch (error) {
    throw listenError(error, host, port, portOption);
  }
  return {
    address: addressOf(host, server.port ?? port),
    get busy() {
      return server.pendingRequests;
    },
    stopListening: () => void server.stop(false),
    close: () => server.stop(true),
  };
}

function addressOf(host: string, port: number): string {
  const shown = host === "0.0.0.0" || host === "::" ? "localhost" : host.includes(":") ? `[${host}]` : host;
  return `http://${shown}:${port}`;
}

function listenError(error: unknown, host: string, port: number, portOption: string): MatyanError {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  switch (code) {
    case "EADDRINUSE":
      return new MatyanError("busy", `port ${port} of ${host} is in use`, {
        hint: `Stop what listens there, or choose another port with ${portOption}.`,
        cause: error,
      });
    case "EACCES":
      return new MatyanError("io", `this user may not listen on port ${port}`, {
        hint: `Choose a port above 1023 with ${portOption}.`,
        cause: error,
      });
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return new MatyanError("usage", `'${host}' is no address of this machine`, {
        hint: "Give --host 127.0.0.1 for this machine alone, or 0.0.0.0 for all its addresses.",
        cause: error,
      });
  }
  return new MatyanError("io", `can't listen on ${host}:${port}: ${messageOf(error)}`, {
    hint: "Check --host and the ports.",
    cause: error,
  });
}
