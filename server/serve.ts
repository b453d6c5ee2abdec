// One process that is the whole system over one data folder: REST API, frontier, apply loop, artifacts and web UI. In cluster
// mode the same without the apply loop: what is taken goes to Kafka, and workers apply it.
import { messageOf } from "../formats/error.ts";
import manifest from "../package.json" with { type: "json" };
import { createApi } from "./api/app.ts";
import { ApiMetrics } from "./api/metrics.ts";
import type { ApiContext } from "./api/route.ts";
import { streamRoutes } from "./api/streamRoutes.ts";
import type { ApiSettings, Config, ServeSettings } from "./config.ts";
import { deleteRequests } from "./deleteRequests.ts";
import { apiDoor, frontierDoor } from "./doors.ts";
import { Frontier } from "./frontier/index.ts";
import { createReadiness } from "./health.ts";
import { type Listener, type ListenOptions, listen } from "./listen.ts";
import { type Engines, enginesOf, reasonFor } from "./live/enginesOf.ts";
import type { LiveFigures } from "./live/figures.ts";
import { measure } from "./live/measure.ts";
import { LiveWatch } from "./live/watch.ts";
import { addReadings, frontierMetrics } from "./processMetrics.ts";
import { openServeParts, type Role, type ServeParts } from "./serveParts.ts";
import { resumeUnfinished } from "./store/entities.ts";
import { UiSite } from "./ui/site.ts";
import { within } from "./within.ts";
import { type ApplyLoop, keepDeleting, removeFiles } from "./workers/apply.ts";

export type { Role } from "./serveParts.ts";

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
  /** Whether this process opened the store: a frontier over Kafka and an object store does not. */
  readonly usesStore: boolean;
  /** What applies messages; undefined in cluster mode, where workers do. */
  readonly loop: ApplyLoop | undefined;
  /**
   * Takes no more work, applies and acknowledges what was taken, and closes the store: within `stopMs`. A second call
   * waits for the first.
   */
  stop(): Promise<void>;
}

/** Workers may be away for long: what Kafka has of deletes is not put there again every minute. Seconds. */
const requestPatience = 3_600;

/** How long stopping may take in all, milliseconds: less than the 10 s after which supervisors use force. */
const stopMs = 8_000;

/**
 * @throws MatyanError `busy` when a port is in use or another server has the data folder, `io` or `corrupt` when the folder
 * or an engine can't be used, `not_found` or `usage` for a UI that is none.
 */
export async function startServer(options: ServeOptions): Promise<RunningServer> {
  const { config, role = "all" } = options;
  await using undo = new AsyncDisposableStack();
  const parts = undo.use(await openServeParts(config, role, options.warn ?? (() => undefined)));
  const server = new ServerProcess(options, parts);
  undo.defer(() => server.closeListeners());
  await server.open();
  const { apiAddress, frontierAddress } = server;
  await parts.note([apiAddress, frontierAddress].filter((address) => address !== undefined));
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
    usesStore: parts.store !== undefined,
    loop: parts.loop,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

class ServerProcess {
  apiAddress: string | undefined;
  frontierAddress: string | undefined;
  ui: UiSite | undefined;
  readonly #options: ServeOptions;
  readonly #parts: ServeParts;
  readonly #frontier: Frontier;
  readonly #metrics: ApiMetrics;
  readonly #watch: LiveWatch;
  readonly #engines: Engines;
  readonly #warn: (text: string) => void;
  readonly #now: () => number;
  readonly #listeners: Listener[] = [];
  readonly #stopping = new AbortController();
  #background: Promise<void> = Promise.resolve();

  constructor(options: ServeOptions, parts: ServeParts) {
    const { config, warn = () => undefined, now = () => Date.now() / 1_000 } = options;
    const { store, blobs, ingest, loop, events, secret } = parts;
    this.#options = options;
    this.#parts = parts;
    this.#warn = warn;
    this.#now = now;
    const { uploadOrigin, presignExpirySeconds, maxUploadBytes } = config;
    const uploads = { store, blobs, secret, uploadOrigin, presignExpirySeconds, maxUploadBytes };
    this.#metrics = new ApiMetrics({ isCounting: config.metricsEnabled });
    const { registry } = this.#metrics;
    this.#watch = new LiveWatch(now);
    this.#frontier = new Frontier({ ingest, now, warn, metrics: frontierMetrics(registry, this.#watch), ...uploads });
    addReadings(registry, this.#frontier, { loop, events });
    this.#engines = enginesOf(config, { store, blobs }, now);
  }

  async open(): Promise<void> {
    const { config, ui, role = "all" } = this.#options;
    const { host, port, frontierPort } = config;
    const ready = createReadiness(this.#parts.checked);
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
    const isDrained = await this.#parts.drain(left());
    if (!isDrained)
      this.#warn("not all that was taken is stored: its senders were not told so, and will send it again");
    await this.closeListeners();
    await this.#background;
    await within(this.#engines.close(), 500);
  }

  async closeListeners(): Promise<void> {
    for (const listener of this.#listeners.splice(0)) await within(listener.close(), 500);
  }

  #createApi(ready: ApiContext["ready"] & object) {
    const { config, log } = this.#options;
    const { store, blobs, ingest, events } = this.#parts;
    if (store === undefined) throw new Error("an API has a store");
    const context: ApiContext = {
      store,
      blobs,
      config,
      ingest,
      now: this.#now,
      metrics: this.#metrics,
      bucketUri: (key) => (key === "" ? "" : blobs.uriOf(key)),
      ready,
      watch: this.#watch,
      live: () => this.#measure(),
      ...(events && { events }),
      ...(log && { log }),
    };
    return createApi(context, streamRoutes(context));
  }

  #measure(): Promise<LiveFigures> {
    const { role = "all" } = this.#options;
    const { loop } = this.#parts;
    const { parts } = this.#engines;
    const away = "the frontier is another process";
    return measure(
      {
        ...parts,
        serving: {
          watch: this.#watch,
          loop,
          connections: role === "all" ? () => this.#frontier.sockets.stats.connections : undefined,
        },
        reasons: {
          ...parts.reasons,
          ...(role === "all"
            ? { queue: "messages go to Kafka at once: see the lag" }
            : reasonFor(["received", "applied", "queue", "connections"], away)),
        },
      },
      this.#now(),
    );
  }

  #listen(options: Pick<ListenOptions, "host" | "port" | "portOption" | "door">): string {
    const listener = listen({ ...options, websocket: this.#frontier.sockets.handler, warn: this.#warn });
    this.#listeners.push(listener);
    return listener.address;
  }

  /** Completes deletes and renames that were cut short, while clients are served. */
  async #finishLeftovers(): Promise<void> {
    const { store, blobs, ingest, loop } = this.#parts;
    const { role } = this.#options;
    // Of a cluster's services it is the API's duty.
    if (store === undefined || (loop === undefined && role === "frontier")) return;
    const { signal } = this.#stopping;
    const warn = this.#warn;
    try {
      await resumeUnfinished(store, { signal });
    } catch (error) {
      if (!signal.aborted) warn(`unfinished renames could not be completed: ${messageOf(error)}`);
    }
    const request = deleteRequests({ ingest, now: this.#now, patience: loop === undefined ? requestPatience : 0 });
    // In cluster mode workers remove the files: they know when all of a run's data is gone.
    const files = loop === undefined ? {} : { files: removeFiles(blobs) };
    await keepDeleting(store, { request, ...files, now: this.#now, signal, warn });
  }
}
