// Test support: a real server over a folder of its own, and a frontier that misbehaves as a test tells it.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { apiDefaults, readConfig, readServeSettings } from "../../server/config.ts";
import { type RunningServer, startServer } from "../../server/serve.ts";

export interface TestServer extends AsyncDisposable {
  readonly server: RunningServer;
  /** Address of API and frontier. */
  readonly address: string;
  readonly frontier: string;
  readonly dataDir: string;
}

/** What `matyan serve` runs, on free ports. */
export async function openTestServer(dataDir?: string, port = 0): Promise<TestServer> {
  const folder = dataDir ?? (await mkdtemp(join(tmpdir(), "matyan-client-test-")));
  const config = {
    ...readConfig({ environment: { MATYAN_DURABILITY: "normal" }, options: { MATYAN_DATA: folder } }),
    ...apiDefaults,
    ...readServeSettings({}),
    port,
    frontierPort: 0,
  };
  const server = await startServer({ config });
  return {
    server,
    address: server.apiAddress!,
    frontier: server.frontierAddress!,
    dataDir: folder,
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      if (dataDir === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}

/** What the fake frontier does with a frame: answer with a text, close with a code, break the connection, or say nothing. */
export type Reaction = { readonly reply: string } | { readonly close: number } | "break" | "silence";

export interface FakeFrontier extends AsyncDisposable {
  readonly address: string;
  /** Frames as they came, over all connections. */
  readonly frames: string[];
  /** Items as they came, in all. */
  readonly items: Record<string, unknown>[];
  readonly connections: { count: number; open: number };
}

export const okReply: Reaction = { reply: '{"status":"ok","error":null}' };

/** A frontier that answers frames as it is told, each after the one before. */
export function openFakeFrontier(
  react: (frame: string, items: readonly Record<string, unknown>[]) => Reaction | Promise<Reaction>,
): FakeFrontier {
  const frames: string[] = [];
  const items: Record<string, unknown>[] = [];
  const connections = { count: 0, open: 0 };
  const server = Bun.serve<{ last: Promise<void> }>({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request, own) =>
      new URL(request.url).pathname.startsWith("/api/v1/ws/") &&
      own.upgrade(request, { data: { last: Promise.resolve() } })
        ? undefined
        : Response.json({ version: "1", component: "frontier" }),
    websocket: {
      maxPayloadLength: 64 * 1024 * 1024,
      open: () => {
        connections.count++;
        connections.open++;
      },
      close: () => {
        connections.open--;
      },
      message: (socket, data) => {
        const frame = String(data);
        frames.push(frame);
        const parsed: unknown = JSON.parse(frame);
        const own = (Array.isArray(parsed) ? parsed : [parsed]) as Record<string, unknown>[];
        items.push(...own);
        socket.data.last = socket.data.last.then(async () => {
          const reaction = await react(frame, own);
          if (reaction === "break") socket.terminate();
          else if (reaction === "silence") return;
          else if ("reply" in reaction) socket.send(reaction.reply);
          else socket.close(reaction.close);
        });
      },
    },
  });
  return {
    address: `http://127.0.0.1:${server.port}`,
    frames,
    items,
    connections,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}
