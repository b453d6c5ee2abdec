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
export async function openTestServer(dataDir?: string): Promise<TestServer> {
  const folder = dataDir ?? (await mkdtemp(join(tmpdir(), "matyan-client-test-")));
  const config = {
    ...readConfig({ MATYAN_DURABILITY: "normal" }, { dataDir: folder }),
    ...apiDefaults,
    ...readServeSettings({}),
    port: 0,
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
