// Test support: the whole system over HTTP on a free port, with a store in memory and a clock that a test sets.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MatyanError } from "../../../formats/error.ts";
import { compact, type IngestMessage, parseMessage } from "../../../formats/messages/index.ts";
import { openFolderBlobs } from "../../blobs/folder.ts";
import type { BlobStore } from "../../blobs/index.ts";
import { apiDefaults } from "../../config.ts";
import type { Store } from "../../store/index.ts";
import { memoryStore } from "../../store/testing.ts";
import { ApplyLoop, type Outcome } from "../../workers/apply.ts";
import { createApi } from "../app.ts";
import { ApiMetrics } from "../metrics.ts";
import type { ApiContext } from "../route.ts";
import { streamRoutes } from "../streamRoutes.ts";
import { fixtures, type RecordedRequest } from "./recording.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array;
  /** The connection broke before the end of the answer. */
  readonly isCut: boolean;
}

export interface Fed {
  readonly line: string;
  readonly message: IngestMessage | undefined;
  readonly outcome: Outcome;
}

/** What requests see when the first of them comes; each POST, PUT or DELETE moves it by a second (golden/README.md). */
const clockStart = 1_772_900_000;

export class World implements AsyncDisposable {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly loop: ApplyLoop;
  readonly context: ApiContext;
  /** Seconds since the epoch, as the API sees it. */
  clock = clockStart;
  readonly #server: Bun.Server<undefined>;
  readonly #folder: string;
  readonly #handle: (request: Request) => Promise<Response>;

  private constructor(store: Store, blobs: BlobStore, folder: string) {
    this.store = store;
    this.blobs = blobs;
    this.#folder = folder;
    this.loop = new ApplyLoop(store, blobs);
    this.context = {
      store,
      blobs,
      config: apiDefaults,
      ingest: this.loop,
      now: () => this.clock,
      metrics: new ApiMetrics(),
      bucketUri: (key) => `s3://matyan-artifacts/${key}`,
    };
    const app = createApi(this.context, streamRoutes(this.context));
    this.#server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: (request) => app.handle(request) });
    this.#handle = async (request) => app.handle(request);
  }

  static async open(): Promise<World> {
    const folder = await mkdtemp(join(tmpdir(), "matyan-exchanges-"));
    return new World(await memoryStore(), await openFolderBlobs(folder, { durability: "normal" }), folder);
  }

  get address(): string {
    return `http://127.0.0.1:${this.#server.port}`;
  }

  /** Puts the recorded blobs in place. */
  async loadBlobs(): Promise<void> {
    const files: Record<string, string> = await Bun.file(`${fixtures}blobs.json`).json();
    for (const [key, file] of Object.entries(files))
      await this.blobs.put(key, await Bun.file(`${fixtures}blobs/${file}`).bytes());
  }

  /** Applies lines of the topic `data-ingestion`, and says what became of each. */
  async feed(lines: readonly string[]): Promise<Fed[]> {
    const parsed = lines.map((line): Fed => {
      try {
        return { line, message: parseMessage(line), outcome: { ok: true } };
      } catch (error) {
        if (!(error instanceof MatyanError)) throw error;
        return { line, message: undefined, outcome: { ok: false, error } };
      }
    });
    const messages = parsed.flatMap(({ message }) => (message === undefined ? [] : [message]));
    const outcomes = (await this.loop.submit(messages)).values();
    return parsed.map((fed) => (fed.message === undefined ? fed : { ...fed, outcome: outcomes.next().value! }));
  }

  async ask({ method, path, headers, json, text }: RecordedRequest): Promise<Answer> {
    if (method === "POST" || method === "PUT" || method === "DELETE") this.clock++;
    // No client sends a body with GET, and the server that Bun has would not show it.
    const body = method === "GET" ? undefined : (text ?? (json === undefined ? undefined : compact(json)));
    const isTyped = Object.keys(headers).some((name) => name.toLowerCase() === "content-type");
    const init = {
      method,
      redirect: "manual",
      headers: {
        "accept-encoding": "identity",
        ...(json === undefined || isTyped ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body }),
    } as const;
    // The client would send `/path` for `//path`.
    const response = path.startsWith("//")
      ? await this.#handle(new Request(`http://localhost${path}`, init))
      : await fetch(`http://127.0.0.1:${this.#server.port}${path}`, init);
    const chunks: Uint8Array[] = [];
    let isCut = false;
    try {
      for await (const chunk of response.body ?? []) chunks.push(chunk);
    } catch {
      isCut = true;
    }
    return { status: response.status, headers: response.headers, bytes: Buffer.concat(chunks), isCut };
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.ask({ method: "GET", path, headers, json: undefined, text: undefined });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop(true);
    await this.loop.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
