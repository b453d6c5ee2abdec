// Test support: the recorded requests and answers of the existing backend, and scenarios with its faults (fixtures/exchanges).
import { gunzipSync } from "bun";
import { parseJson } from "../../../formats/json.ts";
import { isMap, type Value, type ValueMap } from "../../../formats/value.ts";

export const fixtures = new URL("../../../fixtures/exchanges/", import.meta.url).pathname;

export interface RecordedRequest {
  readonly method: string;
  /** From the root, with query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What is sent as JSON; `text` is sent as it is. */
  readonly json: Value | undefined;
  readonly text: string | undefined;
}

export type AnswerKind = "json" | "stream" | "text" | "bytes" | "empty";

export interface RecordedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly kind: AnswerKind;
  readonly bytes: Uint8Array;
  /** What the recording's own decoder read in a stream, in the notation of golden/README.md. */
  readonly docs: readonly Value[] | undefined;
}

export interface Exchange {
  readonly n: number;
  readonly group: string;
  /** Without a request, the workers catch up. */
  readonly request: RecordedRequest | undefined;
  readonly answer: RecordedAnswer;
  /** Whether the order of runs counts. */
  readonly isOrdered: boolean;
}

export async function readLines(name: string): Promise<string[]> {
  return new TextDecoder()
    .decode(gunzipSync(await Bun.file(fixtures + name).bytes()))
    .trimEnd()
    .split("\n");
}

/** Every exchange, in order. */
export async function readExchanges(): Promise<Exchange[]> {
  return (await readLines("exchanges.jsonl.gz")).map((line) => exchangeOf(mapOfJson(line)));
}

function exchangeOf(entry: ValueMap): Exchange {
  const request = entry.get("request");
  return {
    n: Number(entry.get("n")),
    group: String(entry.get("group")),
    request: isMap(request) ? requestOf(request) : undefined,
    answer: answerOf(entry.get("response")),
    isOrdered: entry.get("ordered") === true,
  };
}

/** One step of a scenario. */
export type QuirkStep =
  | { readonly do: "ingest"; readonly lines: readonly string[] }
  | { readonly do: "http"; readonly request: RecordedRequest; readonly answer: RecordedAnswer }
  | { readonly do: "other"; readonly name: string };

export interface Quirk {
  readonly name: string;
  readonly steps: readonly QuirkStep[];
}

export async function readQuirks(): Promise<Quirk[]> {
  return (await readLines("quirks.jsonl.gz")).map((line) => {
    const entry = mapOfJson(line);
    const steps = entry.get("steps");
    return { name: String(entry.get("name")), steps: Array.isArray(steps) ? steps.filter(isMap).map(stepOf) : [] };
  });
}

function stepOf(step: ValueMap): QuirkStep {
  const kind = String(step.get("do"));
  const [lines, request] = [step.get("lines"), step.get("request")];
  if (kind === "ingest" && Array.isArray(lines)) return { do: kind, lines: lines.map(String) };
  if (kind === "http" && isMap(request))
    return { do: kind, request: requestOf(request), answer: answerOf(step.get("response")) };
  return { do: "other", name: kind };
}

function requestOf(request: ValueMap): RecordedRequest {
  const body = request.get("body");
  return {
    method: String(request.get("method")),
    path: String(request.get("path")),
    headers: textsOf(request.get("headers")),
    json: request.get("json"),
    text: typeof body === "string" ? body : undefined,
  };
}

const kinds: readonly AnswerKind[] = ["json", "stream", "text", "bytes", "empty"];

function answerOf(value: Value | undefined): RecordedAnswer {
  const answer: ValueMap = isMap(value) ? value : new Map();
  const [raw, text, b64, docs] = ["raw", "text", "b64", "docs"].map((name) => answer.get(name));
  const kind = kinds.find((known) => known === answer.get("kind")) ?? "empty";
  const content = raw ?? text;
  return {
    status: Number(answer.get("status") ?? 0),
    headers: textsOf(answer.get("headers")),
    kind,
    bytes:
      typeof content === "string"
        ? new TextEncoder().encode(content)
        : new Uint8Array(Buffer.from(String(b64 ?? ""), "base64")),
    docs: Array.isArray(docs) ? docs : undefined,
  };
}

function textsOf(value: Value | undefined): Record<string, string> {
  return isMap(value) ? Object.fromEntries(Array.from(value, ([name, text]) => [name, String(text)])) : {};
}

function mapOfJson(line: string): ValueMap {
  const value = parseJson(line);
  if (!isMap(value)) throw new Error("a recorded line is no object");
  return value;
}
