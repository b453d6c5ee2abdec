// Requests to the REST API: repeated where that is safe, and with errors that say what is wrong and what to do.
import { MatyanError } from "../../formats/error.ts";
import { parseJson, tryParseJson } from "../../formats/json.ts";
import { compact } from "../../formats/messages/index.ts";
import { isMap, toNumber, type Value } from "../../formats/value.ts";
import { type Backoff, pause, pauseMs, realTiming, type Timing } from "./backoff.ts";
import { explainFinding, lookAt, reasonOf } from "./diagnose.ts";

export interface HttpOptions {
  /** Attempts at what may be repeated; 4. */
  readonly attempts?: number;
  readonly backoff?: Backoff;
  /** Until the status arrives, 120 s; and between two pieces of a body, 60 s. */
  readonly answerMs?: number;
  readonly silentMs?: number;
  readonly timing?: Timing;
  /** Whether servers are told the time zone of this machine; true. Ours tell times of notes as dates to those who do. */
  readonly sendsTimezone?: boolean;
}

export interface ApiCall {
  readonly method?: "GET" | "POST" | "PUT" | "DELETE";
  /** Below `/api/v1/rest`, such as `runs/search/run`. */
  readonly path: string;
  /** Whether the path ends in a slash on the wire, as all but the presign route's do; true. */
  readonly hasSlash?: boolean;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: Value;
  /** Whether the call may be repeated; by default for GET. */
  readonly isRepeatable?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface OpenAnswer {
  readonly headers: Headers;
  readonly pieces: AsyncGenerator<Uint8Array, void>;
}

/** The place of an error in a query, as the API tells it (`ErrorPosition` of the query language). */
export interface RefusedQuery {
  readonly statement: string;
  readonly line: number;
  readonly offset: number;
  readonly endOffset: number;
}

/** The server understood the request and said no. */
export class ServerRefusal extends MatyanError {
  override readonly name = "ServerRefusal";
  readonly status: number;
  /** For a query that does not parse. */
  readonly position: RefusedQuery | undefined;

  constructor(
    code: ConstructorParameters<typeof MatyanError>[0],
    message: string,
    options: { readonly hint?: string; readonly status: number; readonly position?: RefusedQuery | undefined },
  ) {
    super(code, message, options.hint === undefined ? {} : { hint: options.hint });
    this.status = options.status;
    this.position = options.position;
  }
}

/** The connection broke, in time to ask again. */
export class BrokenAnswer extends MatyanError {
  override readonly name = "BrokenAnswer";
}

/** A proxy's words for "not now". */
const passing = new Set([408, 425, 429, 502, 503, 504]);

export class Http {
  readonly address: string;
  readonly timing: Timing;
  readonly backoff: Backoff;
  readonly #attempts: number;
  readonly #answerMs: number;
  readonly #silentMs: number;
  readonly #sendsTimezone: boolean;
  #hasPages: Promise<boolean> | undefined;

  /** @param address as `parseAddress` gives it. */
  constructor(address: string, options: HttpOptions = {}) {
    this.address = address;
    this.timing = options.timing ?? realTiming;
    this.#attempts = options.attempts ?? 4;
    this.backoff = options.backoff ?? { firstMs: 250, longestMs: 5_000 };
    this.#answerMs = options.answerMs ?? 120_000;
    this.#silentMs = options.silentMs ?? 60_000;
    this.#sendsTimezone = options.sendsTimezone ?? true;
  }

  /** The JSON that is answered, number kinds kept. @throws MatyanError */
  json(call: ApiCall): Promise<Value> {
    return this.repeat(call, async (response, silence) => {
      const text = await readText(response.body, silence);
      try {
        return text.trim() === "" ? null : parseJson(text);
      } catch {
        throw await this.#notAnApi(`it answers ${call.path} with something else than JSON`);
      }
    });
  }

  /**
   * Whether searches can be asked for in pages, and be left unread. The existing server, which says less of itself with its version,
   * hangs where that leaves more than some 300 runs (W1). What can't be asked is told by the search itself.
   */
  hasPages(signal?: AbortSignal): Promise<boolean> {
    this.#hasPages ??= this.json({ path: "version", signal }).then(
      (version) => !isMap(version) || version.get("component") !== "backend" || version.has("message_extensions"),
      () => {
        this.#hasPages = undefined;
        return true;
      },
    );
    return this.#hasPages;
  }

  /** The body in pieces. Only an answer whose beginning fails is asked for again. @throws MatyanError */
  async *bytes(call: ApiCall): AsyncGenerator<Uint8Array, void> {
    yield* (await this.open(call)).pieces;
  }

  /** The same with the headers. The pieces have to be taken. */
  open(call: ApiCall): Promise<OpenAnswer> {
    return this.repeat(call, async ({ headers, body }, silence) => ({ headers, pieces: readPieces(body, silence) }));
  }

  /**
   * Makes the call and hands its answer to `read`; does so again when either fails for a reason that may pass and the call
   * may be repeated.
   */
  async repeat<T>(call: ApiCall, read: (response: Response, silence: Silence) => Promise<T>): Promise<T> {
    const { method = "GET", isRepeatable = method === "GET", signal } = call;
    for (let failures = 1; ; failures++) {
      const silence = new Silence(this.timing, signal);
      try {
        return await read(await this.#send(call, silence), silence);
      } catch (error) {
        silence.stop();
        signal?.throwIfAborted();
        const mayHelp = error instanceof BrokenAnswer || (error instanceof ServerRefusal && passing.has(error.status));
        if (!mayHelp || !isRepeatable || failures >= this.#attempts)
          throw error instanceof BrokenAnswer ? await this.#explain(error) : error;
      }
      await pause(this.timing, pauseMs(this.backoff, failures, this.timing.random), signal);
    }
  }

  async #send(call: ApiCall, silence: Silence): Promise<Response> {
    const { method = "GET", body } = call;
    silence.allow(this.#answerMs);
    let response: Response;
    try {
      response = await fetch(this.#urlOf(call), {
        method,
        signal: silence.signal,
        // What `Date` means by it; queries with dates are read in the time zone of whoever asks.
        headers: {
          ...(this.#sendsTimezone ? { "x-timezone-offset": String(new Date().getTimezoneOffset()) } : {}),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: compact(body) }),
      });
    } catch (error) {
      throw new BrokenAnswer("io", reasonOf(error), { cause: error });
    }
    silence.allow(this.#silentMs);
    if (response.ok) {
      if (response.headers.get("content-type")?.startsWith("text/html"))
        throw await this.#notAnApi("it answers with web pages");
      return response;
    }
    throw await this.#refusal(call, response, await readText(response.body, silence));
  }

  #urlOf({ path, hasSlash = true, query = {} }: ApiCall): string {
    const parts = Object.entries(query).filter(([, value]) => value !== undefined);
    const search = new URLSearchParams(parts.map(([name, value]) => [name, String(value)] as [string, string]));
    return `${this.address}/api/v1/rest/${path}${hasSlash ? "/" : ""}${search.size === 0 ? "" : `?${search}`}`;
  }

  async #refusal({ path }: ApiCall, { status }: Response, text: string): Promise<MatyanError> {
    const body = tryParseJson(text);
    const envelope = isMap(body) ? body.get("error") : undefined;
    if (!isMap(body) || (!isMap(envelope) && status === 404))
      return passing.has(status)
        ? new ServerRefusal("io", `${this.address} is out of order: status ${status}`, { status })
        : await this.#notAnApi(`it answers ${path} with status ${status}`);
    const message = isMap(envelope) ? envelope.get("message") : body.get("error");
    const shown = body.get("message");
    const said = [shown, message, body.get("detail"), faultsIn(body.get("detail"))].filter(
      (part) => typeof part === "string",
    );
    const position = positionIn(body.get("detail"));
    const reason = position === undefined ? said[0] : said.find((part) => part !== "SyntaxError");
    return new ServerRefusal(codeOf(status), `${reason ?? "the server refused"} (status ${status})`, {
      status,
      position,
      ...(status >= 500 ? { hint: "The server's log says more." } : {}),
    });
  }

  async #explain(error: BrokenAnswer): Promise<MatyanError> {
    const finding = await lookAt(this.address);
    return finding.kind === "matyan"
      ? new MatyanError("io", `the answer of ${this.address} was cut off: ${error.message}`, {
          hint: "Ask again; the server's log may say why.",
          cause: error,
        })
      : explainFinding("the API", this.address, finding, error.message);
  }

  async #notAnApi(reason: string): Promise<MatyanError> {
    return explainFinding("the API", this.address, await lookAt(this.address), reason);
  }
}

/** Gives up on an answer of which nothing arrives any more. */
export class Silence {
  readonly #abort = new AbortController();
  readonly #timing: Timing;
  readonly signal: AbortSignal;
  #cancel: (() => void) | undefined;
  #ms = 0;

  constructor(timing: Timing, signal: AbortSignal | undefined) {
    this.#timing = timing;
    this.signal = signal === undefined ? this.#abort.signal : AbortSignal.any([signal, this.#abort.signal]);
  }

  /** From now on, `ms` without `heard` are too long. */
  allow(ms: number): void {
    this.#ms = ms;
    this.heard();
  }

  heard(): void {
    this.stop();
    this.#cancel = this.#timing.after(this.#ms, () =>
      this.#abort.abort(new DOMException(`nothing arrived for ${this.#ms / 1_000} s`, "TimeoutError")),
    );
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}

/** @throws BrokenAnswer when the connection closes before the body's end. */
async function* readPieces(body: Response["body"], silence: Silence): AsyncGenerator<Uint8Array, void> {
  try {
    for await (const piece of body ?? []) {
      silence.heard();
      yield piece;
    }
  } catch (error) {
    throw error instanceof MatyanError ? error : new BrokenAnswer("io", reasonOf(error), { cause: error });
  } finally {
    silence.stop();
  }
}

async function readText(body: Response["body"], silence: Silence): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of readPieces(body, silence)) pieces.push(piece);
  return Buffer.concat(pieces).toString("utf8");
}

function codeOf(status: number): ConstructorParameters<typeof MatyanError>[0] {
  if (status === 404) return "not_found";
  if (status === 409) return "conflict";
  if (status === 413) return "too_large";
  return status === 400 || status === 422 ? "usage" : "io";
}

/** FastAPI's own list of what is wrong with a body: `[{loc, msg, ...}]`. */
function faultsIn(detail: Value | undefined): string | undefined {
  if (!Array.isArray(detail)) return undefined;
  const faults = detail.filter(isMap).map((fault) => {
    const place = fault.get("loc");
    return `${Array.isArray(place) ? `${place.join(".")}: ` : ""}${String(fault.get("msg"))}`;
  });
  return faults.length === 0 ? undefined : faults.join("; ");
}

function positionIn(detail: Value | undefined): RefusedQuery | undefined {
  if (!isMap(detail)) return undefined;
  const statement = detail.get("statement");
  if (typeof statement !== "string") return undefined;
  const number = (name: string) => toNumber(detail.get(name)) ?? 0;
  return { statement, line: number("line"), offset: number("offset"), endOffset: number("end_offset") };
}
