// Uploads one blob: a presigned URL, a PUT that streams from the disk, and a look at what arrived (pipeline.md 4.4, 5.3).
import { MatyanError } from "../../formats/error.ts";
import { tryParseJson } from "../../formats/json.ts";
import { isMap, mapOf, type Value } from "../../formats/value.ts";
import { type Backoff, pause, pauseMs } from "./backoff.ts";
import { reasonOf } from "./diagnose.ts";
import type { Http } from "./http.ts";

export interface UploadRequest {
  readonly runId: string;
  /** The path of the artifact in its run. */
  readonly path: string;
  readonly contentType: string;
  readonly blob: Blob;
}

export interface UploadOptions {
  /** By default 5. */
  readonly attempts?: number;
  readonly backoff?: Backoff;
  readonly signal?: AbortSignal | undefined;
  readonly onRetry?: (reason: string) => void;
}

export interface Uploaded {
  /** The key of the blob in its store. */
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** Which checksum of the store's answer agreed with the file; undefined when the answer had none. */
  readonly checked: "sha256" | "md5" | undefined;
}

/** Slower than this is stuck: seconds for the answer, and for each 64 KiB. */
const answerSeconds = 120;
const bytesPerSecond = 64 * 1024;

/**
 * Resolves when the store has confirmed the whole blob. Each attempt asks for a new URL, since they expire.
 * @throws MatyanError `io` when it fails for good, `too_large`, `usage` when the server refuses the path.
 */
export async function upload(frontier: Http, request: UploadRequest, options: UploadOptions = {}): Promise<Uploaded> {
  const { attempts = 5, backoff = { firstMs: 500, longestMs: 15_000 }, signal } = options;
  for (let failures = 1; ; failures++) {
    const outcome = await attempt(frontier, request, signal);
    if ("key" in outcome) return outcome;
    signal?.throwIfAborted();
    if (!outcome.mayPass || failures >= attempts)
      throw new MatyanError(outcome.code, `'${request.path}' could not be uploaded: ${outcome.reason}`, {
        ...(outcome.mayPass ? { hint: `${failures} attempts were made. Try again later.` } : {}),
      });
    options.onRetry?.(outcome.reason);
    await pause(frontier.timing, pauseMs(backoff, failures, frontier.timing.random), signal);
  }
}

interface Failure {
  readonly code: "io" | "too_large";
  readonly reason: string;
  readonly mayPass: boolean;
}

async function attempt(
  frontier: Http,
  request: UploadRequest,
  signal: AbortSignal | undefined,
): Promise<Uploaded | Failure> {
  const { runId, path, contentType, blob } = request;
  const grant = await frontier.json({
    method: "POST",
    path: "artifacts/presign",
    hasSlash: false,
    isRepeatable: true,
    body: mapOf({ run_id: runId, artifact_path: path, content_type: contentType }),
    signal,
  });
  const target = readGrant(grant, frontier.address);
  const size = blob.size;
  const slow = AbortSignal.timeout((answerSeconds + size / bytesPerSecond) * 1_000);
  let response: Response;
  let text: string;
  try {
    response = await fetch(target.url, {
      method: "PUT",
      headers: { "content-type": contentType, ...target.headers },
      body: blob,
      signal: signal === undefined ? slow : AbortSignal.any([signal, slow]),
    });
    text = await response.text();
  } catch (error) {
    signal?.throwIfAborted();
    const host = new URL(target.url).host;
    return { code: "io", reason: `the store at ${host}: ${reasonOf(error)}`, mayPass: true };
  }
  const { status } = response;
  if (!response.ok) {
    const reason = `the store answered with status ${status}: ${text.slice(0, 300).trim()}`;
    const mayPass = status >= 500 || status === 408 || status === 425 || status === 429;
    // An URL that expired while it waited is refused like any other one that is not good.
    const expired = status === 403 && /expired/i.test(text);
    return { code: status === 413 ? "too_large" : "io", reason, mayPass: mayPass || expired };
  }
  const check = checksumIn(response, text);
  const found = check === undefined ? undefined : await digestOf(blob, check.kind);
  if (check !== undefined && found !== check.hex)
    return { code: "io", reason: `the store has other bytes than the file (${check.kind})`, mayPass: true };
  return { key: target.key ?? `${runId}/${path}`, size, checked: check?.kind };
}

function readGrant(grant: Value, address: string) {
  const url = isMap(grant) ? grant.get("upload_url") : undefined;
  if (!isMap(grant) || typeof url !== "string" || !URL.canParse(url))
    throw new MatyanError("io", `${address} gave no URL to upload to`, {
      hint: "Is it a frontier? Its port is 53801.",
    });
  const headers = grant.get("headers");
  const entries = isMap(headers) ? [...headers].map(([name, value]) => [name, String(value)] as const) : [];
  const key = grant.get("s3_key");
  return { url, key: typeof key === "string" ? key : undefined, headers: Object.fromEntries(entries) };
}

/**
 * What the answer says of the bytes that arrived: ours in JSON, S3 in `x-amz-checksum-sha256` or an ETag that is an MD5
 * (not with KMS encryption), GCS in `x-goog-hash`, Azure in `Content-MD5`.
 */
function checksumIn(response: Response, text: string): { kind: "sha256" | "md5"; hex: string } | undefined {
  const header = (name: string) => response.headers.get(name);
  const fromBase64 = (value: string) => Buffer.from(value, "base64").toString("hex");
  const body = /^\s*\{/.test(text) ? tryParseJson(text) : undefined;
  const own = isMap(body) ? body.get("sha256") : undefined;
  if (typeof own === "string") return { kind: "sha256", hex: own.toLowerCase() };
  const amazon = header("x-amz-checksum-sha256");
  if (amazon !== null && !amazon.includes("-")) return { kind: "sha256", hex: fromBase64(amazon) };
  const md5 = header("content-md5") ?? /(?:^|,)\s*md5=([^,]+)/.exec(header("x-goog-hash") ?? "")?.[1];
  if (md5 !== undefined && md5 !== null) return { kind: "md5", hex: fromBase64(md5) };
  const isPlainS3 = header("x-amz-request-id") !== null && !header("x-amz-server-side-encryption")?.includes("kms");
  const etag = /^"([0-9a-f]{32})"$/.exec(header("etag") ?? "")?.[1];
  return isPlainS3 && etag !== undefined ? { kind: "md5", hex: etag } : undefined;
}

async function digestOf(blob: Blob, kind: "sha256" | "md5"): Promise<string> {
  const hash = new Bun.CryptoHasher(kind);
  for await (const chunk of blob.stream()) hash.update(chunk);
  return hash.digest("hex");
}
