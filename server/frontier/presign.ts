// `POST /api/v1/rest/artifacts/presign`: a URL to upload one blob to, here on the address that the client itself used.
import { MatyanError } from "../../formats/error.ts";
import { compact } from "../../formats/messages/index.ts";
import { mapOf, type ValueMap } from "../../formats/value.ts";
import { blobKeyOf } from "./blobPath.ts";
import { type BodyFault, bodyFault, parsePresign } from "./presignBody.ts";
import { signUpload } from "./uploadUrl.ts";

export const presignPath = "/api/v1/rest/artifacts/presign";

export interface PresignOptions {
  readonly secret: Uint8Array;
  /** Seconds since the epoch. */
  readonly now: () => number;
  /** How long a URL is good, seconds. */
  readonly expirySeconds: number;
  /** The largest blob, bytes. */
  readonly maxBytes: number;
}

const bodyBytes = 64 * 1024;

/**
 * The answer to a presign request: 200 `{upload_url, s3_key, headers}`, 413 for a body over 64 KiB, 422
 * `{"detail": [...]}` for one that is not a request. `origin` is what comes before the path of the URL.
 */
export async function presign(request: Request, origin: string, options: PresignOptions): Promise<Response> {
  const text = await readText(request);
  if (text === undefined) return respond(413, mapOf({ detail: `the body is over ${bodyBytes} bytes` }));
  const body = parsePresign(text);
  if ("faults" in body) return refuse(body.faults);
  const { runId, artifactPath, contentType } = body.request;
  let key: string;
  try {
    key = blobKeyOf(runId, artifactPath);
  } catch (error) {
    if (!(error instanceof MatyanError)) throw error;
    const isRun = error.message.startsWith("run_id");
    const member = isRun ? "run_id" : "artifact_path";
    return refuse([bodyFault("value_error", member, error.message, isRun ? runId : artifactPath)]);
  }
  const expires = Math.floor(options.now()) + options.expirySeconds;
  const path = signUpload({ key, contentType, expires, maxBytes: options.maxBytes }, options.secret);
  return respond(200, mapOf({ upload_url: origin + path, s3_key: key, headers: null }));
}

async function readText(request: Request): Promise<string | undefined> {
  if (Number(request.headers.get("content-length") ?? 0) > bodyBytes) return undefined;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.length;
    if (size > bodyBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function refuse(faults: readonly BodyFault[]): Response {
  return respond(422, mapOf({ detail: [...faults] }));
}

function respond(status: number, body: ValueMap): Response {
  return new Response(compact(body), { status, headers: { "content-type": "application/json" } });
}
