// One process that is the whole system: REST API, frontier, apply loop, artifacts and web UI over one data folder.
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { messageOf } from "../formats/error.ts";
import manifest from "../package.json" with { type: "json" };
import { createApi } from "./api/app.ts";
import { ApiMetrics } from "./api/metrics.ts";
import type { ApiContext } from "./api/route.ts";
import { streamRoutes } from "./api/streamRoutes.ts";
import { encodeKey } from "./blobs/folderNames.ts";
import type { ApiSettings, Config, ServeSettings } from "./config.ts";
import { apiDoor, frontierDoor } from "./doors.ts";
import { type EmbeddedStack, embeddedPaths, openEmbeddedStack } from "./embedded.ts";
import { Frontier, readSecret } from "./frontier/index.ts";
import { createReadiness } from "./health.ts";
import { type Listener, type ListenOptions, listen } from "./listen.ts";
import { addReadings, frontierMetrics } from "./processMetrics.ts";
import { lockDataFolder } from "./serveLock.ts";
import { resumeUnfinished } from "./store/entities.ts";
import { UiSite } from "./ui/site.ts";
import { ApplyLoop, keepDeleting, removeFiles } from "./workers/apply.ts";

export type Role = "all" | "api" | "frontier";

export interface ServeOptions {
  readonly config: Config & ServeSettings & ApiSettings;
  readonly role?: Role;
  /** A folder with the built UI or its wheel; by default the installed one. */
  readonly ui?: string | undefined;
  /** Told of what went wrong without an answer to carry it. */
  readonly warn?: (text: string) => void;
  /** Takes lines of JSON about requests, as LOG_LEVEL says. */
  readonly log?: (line: string) => void;
  /** Seconds since the epoch. */
  readonly now?: () => number;
}

export interface RunningServer extends AsyncDisposable {
  /** Where clients and browsers find the API, and where the frontier. One that the role leaves out is undefined. */
  readonly apiAddress: string | undefined;
  readonly frontierAddress: string | undefined;
  /** The folder of the UI that is served. */
  readonly uiFolder: string | undefined;
  readonly loop: ApplyLoop;
  /**
   * Takes no more work, applies and acknowledges what was taken, and closes the store: within `stopMs`. A second call
   * waits for the first.
   */
  stop(): Promise<void>;
}

/** How long stopping may take in all, milliseconds: less than the 10 s after which supervisors use force. */
export const stopMs = 8_000;

/**
 * @throws MatyanError `busy` when a port is in use or another server has the data folder, `io` or `corrupt` when the folder
 * can't be used, `not_found` or `usage` for a UI that is none.
 */
export async function startServer(options: ServeOptions): Promise<RunningServer> {
  const { config, role = "all" } = options;
  await using undo = new AsyncDisposableStack();
  const lock = undo.use(await lockDataFolder(config.dataDir, role === "all" ? ["api", "frontier"] : [role]));
  const stack = undo.use(await openEmbeddedStack(config, { missing: "create" }));
  const server = new ServerProcess(options, stack, await readSecret(join(config.dataDir, "presign.key")));
  undo.defer(() => server.closeListeners());
  await server.open();
  const { apiAddress, frontierAddress } = server;
  await lock.note([apiAddress, frontierAddress].filter((address) => address !== undefined));
  const resources = undo.move();
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= server.drain().finally(() => resources.disposeAsync());
    return stopping;
  };
  return {
    apiAddress,
    frontierAddress,
    uiFolder: server.ui?.folder,
    loop: server.loop,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

class ServerProcess {
  readonly loop: ApplyLoop;
  apiAddress: string | undefined;
  frontierAddress: string | undefined;
  ui: UiSite | undefined;
  readonly #options: ServeOptions;
  readonly #stack: EmbeddedStack;
  readonly #frontier: Frontier;
  readonly #metrics: ApiMetrics;
  readonly #warn: (text: string) => void;
  readonly #now: () => number;
  readonly #listeners: Listener[] = [];
  readonly #stopping = new AbortController();
  #background: Promise<void> = Promise.resolve();

  constructor(options: ServeOptions, stack: EmbeddedStack, secret: Uint8Array) {
    const { config, warn = () => undefined, now = () => Date.now() / 1_000 } = options;
    const { store, blobs } = stack;
    this.#options = options;
    this.#stack = stack;
    this.#warn = warn;
    this.#now = now;
    this.loop = new ApplyLoop(store, blobs);
    const { uploadOrigin, presignExpirySeconds, maxUploadBytes } = config;
    const uploads = { store, blobs, secret, uploadOrigin, presignExpirySeconds, maxUploadBytes };
    this.#metrics = new ApiMetrics({ isCounting: config.metricsEnabled });
    const { registry } = this.#metrics;
    this.#frontier = new Frontier({ ingest: this.loop, now, warn, metrics: frontierMetrics(registry), ...uploads });
    addReadings(registry, this.#frontier, this.loop);
  }

  async open(): Promise<void> {
    const { config, ui, role = "all" } = this.#options;
    const { host, port, frontierPort } = config;
    const { store, blobs } = this.#stack;
    const ready = createReadiness(store, blobs);
    if (role !== "frontier") {
      this.ui = await UiSite.open(config.dataDir, ui);
      const api = this.#createApi(ready);
      const door = apiDoor(api, role === "all" ? this.#frontier : undefined, this.ui);
      this.apiAddress = this.#listen({ host, port, portOption: "--port", door });
    }
    if (role !== "api") {
      const { registry } = this.#metrics;
      const door = frontierDoor({ frontier: this.#frontier, ready, version: manifest.version, registry });
      this.frontierAddress = this.#listen({ host, port: frontierPort, portOption: "--frontier-port", door });
    }
    this.#background = this.#finishLeftovers();
  }

  /** Replies to what was taken, and makes it durable. */
  async drain(): Promise<void> {
    const deadline = performance.now() + stopMs;
    const left = () => Math.max(0, deadline - performance.now());
    this.#stopping.abort();
    for (const listener of this.#listeners) listener.stopListening();
    await this.#frontier.sockets.close(left());
    while (left() > stopMs / 2 && this.#listeners.some((listener) => listener.busy > 0)) await Bun.sleep(10);
    const isDrained = await within(this.loop.close(), left());
    if (!isDrained)
      this.#warn("not all that was taken is stored: its senders were not told so, and will send it again");
    await this.closeListeners();
    await this.#background;
  }

  async closeListeners(): Promise<void> {
    for (const listener of this.#listeners.splice(0)) await within(listener.close(), 500);
  }

  #createApi(ready: ApiContext["ready"] & object) {
    const { config, log } = this.#options;
    const { store, blobs } = this.#stack;
    const { blobs: folder } = embeddedPaths(config);
    const context: ApiContext = {
      store,
      blobs,
      config,
      ingest: this.loop,
      now: this.#now,
      metrics: this.#metrics,
      bucketUri: (key) => (key === "" ? "" : pathToFileURL(join(folder, ...encodeKey(key))).href),
      ready,
      ...(log && { log }),
    };
    return createApi(context, streamRoutes(context));
  }

  #listen(options: Pick<ListenOptions, "host" | "port" | "portOption" | "door">): string {
    const listener = listen({ ...options, websocket: this.#frontier.sockets.handler, warn: this.#warn });
    this.#listeners.push(listener);
    return listener.address;
  }

  /** Completes deletes and renames that were cut short, while clients are served. */
  async #finishLeftovers(): Promise<void> {
    const { store, blobs } = this.#stack;
    const { signal } = this.#stopping;
    const warn = this.#warn;
    try {
      await resumeUnfinished(store, { signal });
    } catch (error) {
      if (!signal.aborted) warn(`unfinished renames could not be completed: ${messageOf(error)}`);
    }
    const request = async (runId: string) => {
      const message = { type: "delete_run", runId, timestamp: this.#now(), payload: new Map() };
      for (const outcome of await this.loop.submit([message])) if (!outcome.ok) throw outcome.error;
    };
    await keepDeleting(store, { request, files: removeFiles(blobs), now: this.#now, signal, warn });
  }
}

/** Whether `work` was done in time. Its failure is passed on. */
async function within(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
