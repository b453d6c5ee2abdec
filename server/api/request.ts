// A request as handlers see it: parameters, query, headers and body, read as FastAPI reads them (rest-api.md 1.1, W24).
import { MatyanError } from "../../formats/error.ts";
import { JsonError, parseJson } from "../../formats/json.ts";
import type { Value } from "../../formats/value.ts";
import { ApiError, invalid } from "./errors.ts";

/** Bodies are JSON that people and programs typed or drew; the largest are states of explorers and lists of URIs. */
export const maxBodyBytes = 64_000_000;

/** Where a handler says what its answer cannot: lines of the log, with the request's id. */
export interface RequestReports {
  /** A failure behind the head of the answer, when no status can tell it any more. */
  streamFailed(error: unknown): void;
  /** An answer that goes on behind its head has begun, or ended, however it did; see `StreamOwner`. */
  streamBegun(): void;
  streamEnded(milliseconds: number): void;
  /** Something is missing in an answer that is fine otherwise. */
  warn(event: string, fields: Readonly<Record<string, string>>): void;
}

export class ApiRequest {
  /** Values of the `:name` parts of the path, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: QueryReader;
  readonly headers: Headers;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
  readonly #request: Request;
  readonly #reports: RequestReports | undefined;

  constructor(request: Request, params: Readonly<Record<string, string>>, reports?: RequestReports) {
    this.#request = request;
    this.#reports = reports;
    this.params = params;
    this.query = new QueryReader(request.url);
    this.headers = request.headers;
    this.signal = request.signal;
  }

  streamFailed(error: unknown): void {
    this.#reports?.streamFailed(error);
  }

  streamBegun(): void {
    this.#reports?.streamBegun();
  }

  streamEnded(milliseconds: number): void {
    this.#reports?.streamEnded(milliseconds);
  }

  warn(event: string, fields: Readonly<Record<string, string>>): void {
    this.#reports?.warn(event, fields);
  }

  /** The value of a `:name` part that the route has. */
  param(name: string): string {
    const value = this.params[name];
    if (value === undefined) throw new Error(`the route has no parameter '${name}'`);
    return value;
  }

  /** Minutes that the client's clock is behind UTC (JavaScript's sign: -240 for UTC+4); 0 without the header. */
  get timezoneOffset(): number {
    const text = this.headers.get("x-timezone-offset");
    return text === null || text === "" ? 0 : readInteger(text);
  }

  /**
   * The body as JSON, with number kinds; undefined when there is none.
   * @throws ApiError 422 when it is not JSON, 413 when it is over `maxBodyBytes`.
   */
  async bodyOrNone(): Promise<Value | undefined> {
    const bytes = await readBytes(this.#request);
    if (bytes.length === 0) return undefined;
    try {
      return parseJson(bytes);
    } catch (error) {
      if (error instanceof JsonError || error instanceof MatyanError) throw invalid("JSON decode error");
      throw error;
    }
  }

  /** As `bodyOrNone`; a body must be there. */
  async body(): Promise<Value> {
    const value = await this.bodyOrNone();
    if (value === undefined) throw invalid("Field required");
    return value;
  }
}

async function readBytes(request: Request): Promise<Uint8Array> {
  const announced = request.headers.get("content-length");
  if (Number(announced ?? 0) > maxBodyBytes) throw tooLarge();
  if (request.body === null) return new Uint8Array(0);
  if (announced !== null) return request.bytes();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body) {
    size += chunk.length;
    if (size > maxBodyBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(): ApiError {
  return new ApiError(413, `The body is over ${maxBodyBytes} bytes`);
}

/** Reads query values. An empty value counts as none (W24), the last of several counts, and anything unreadable is a 422. */
export class QueryReader {
  readonly #url: string;
  #parsed: URLSearchParams | undefined;

  constructor(url: string) {
    this.#url = url;
  }

  /** The values given for a name, in order, empty ones left out. */
  strings(name: string): string[] {
    return this.#values.getAll(name).filter((value) => value !== "");
  }

  string(name: string): string | undefined;
  string(name: string, fallback: string): string;
  string(name: string, fallback?: string): string | undefined {
    const value = this.#values.getAll(name).at(-1);
    return value === undefined || value === "" ? fallback : value;
  }

  /** A value that must be there, though it may be empty. */
  required(name: string): string {
    const value = this.#values.getAll(name).at(-1);
    if (value === undefined) throw invalid("Field required");
    return value;
  }

  int(name: string): number | undefined;
  int(name: string, fallback: number): number;
  int(name: string, fallback?: number): number | undefined {
    const text = this.string(name);
    return text === undefined ? fallback : readInteger(text);
  }

  /** As `int`, exact for steps, which can be larger than a number holds. */
  step(name: string, fallback: bigint): bigint {
    const text = this.string(name);
    return text === undefined ? fallback : BigInt(integerText(text).replace(/^\+|\..*$/g, ""));
  }

  bool(name: string): boolean | undefined;
  bool(name: string, fallback: boolean): boolean;
  bool(name: string, fallback?: boolean): boolean | undefined {
    const text = this.string(name);
    return text === undefined ? fallback : readBoolean(text);
  }

  /**
   * `start:stop` with either side open (storage.md 6.1). `start` is inclusive, `stop` exclusive. Text without a colon is
   * ignored, as in the existing services. @throws ApiError 422 when a side is no integer.
   */
  range(name: string): RangeText {
    const text = this.string(name, "");
    if (!text.includes(":")) return {};
    const sides = text.split(":");
    if (sides.length !== 2) throw invalid(`Input should be a range 'start:stop', not '${text.slice(0, 80)}'`);
    const [start, stop] = sides.map((side) => {
      const digits = side.trim().replaceAll("_", "");
      if (digits === "") return undefined;
      if (!/^[+-]?\d{1,30}$/.test(digits))
        throw invalid(`Input should be a range 'start:stop' of integers, not '${text.slice(0, 80)}'`);
      return BigInt(digits.replace("+", ""));
    });
    return { start, stop };
  }

  get #values(): URLSearchParams {
    if (this.#parsed === undefined) {
      const at = this.#url.indexOf("?");
      this.#parsed = new URLSearchParams(at < 0 ? "" : this.#url.slice(at + 1));
    }
    return this.#parsed;
  }
}

export interface RangeText {
  readonly start?: bigint | undefined;
  readonly stop?: bigint | undefined;
}

function readInteger(text: string): number {
  return Number(integerText(text));
}

/** Blanks around, `_` between digits and a fraction of zeros are fine, as in pydantic. */
function integerText(text: string): string {
  if (!/^\s*[+-]?\d+(?:_\d+)*(?:\.0*)?\s*$/.test(text))
    throw invalid("Input should be a valid integer, unable to parse string as an integer");
  return text.trim().replaceAll("_", "");
}

const words: Readonly<Record<string, boolean>> = {
  ...{ true: true, "1": true, yes: true, on: true, t: true, y: true },
  ...{ false: false, "0": false, no: false, off: false, f: false, n: false },
};

export function readBoolean(text: string): boolean {
  const value = Object.hasOwn(words, text.toLowerCase()) ? words[text.toLowerCase()] : undefined;
  if (value === undefined) throw invalid("Input should be a valid boolean, unable to interpret input");
  return value;
}
