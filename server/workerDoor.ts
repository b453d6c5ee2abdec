// Where a worker is watched: its health and its metrics, on a port of their own.
import { MatyanError, messageOf } from "../formats/error.ts";
import type { Registry } from "./api/prometheus.ts";

export interface Readable {
  readonly status: "ok" | "degraded";
}

export interface WorkerDoor {
  /** 0 was given: the port that was free. */
  readonly port: number;
  close(): Promise<void>;
}

/**
 * `/health/live`, `/health/ready` (503 when not), and on every other path the metrics, as the existing workers have it.
 * @throws MatyanError `busy` when the port is taken, `io` else.
 */
export function openWorkerDoor(port: number, registry: Registry, ready: () => Promise<Readable>): WorkerDoor {
  try {
    const server = Bun.serve({
      port,
      fetch: async (request) => {
        const path = new URL(request.url).pathname.replace(/\/+$/, "");
        if (request.method !== "GET" && request.method !== "HEAD") return new Response(null, { status: 405 });
        if (path === "/health/live") return Response.json({ status: "ok" });
        if (path === "/health/ready") {
          const health = await ready();
          return Response.json(health, { status: health.status === "ok" ? 200 : 503 });
        }
        return new Response(registry.render(), {
          headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
        });
      },
    });
    return { port: server.port ?? port, close: () => server.stop(true) };
  } catch (cause) {
    const isTaken = cause instanceof Error && "code" in cause && cause.code === "EADDRINUSE";
    throw new MatyanError(isTaken ? "busy" : "io", `can't listen on port ${port}: ${messageOf(cause)}`, {
      hint: "Choose another port with METRICS_PORT, or none with METRICS_PORT=0.",
      cause,
    });
  }
}
