// `POST /api/v1/rest/artifacts/presign`: a URL to upload one blob to, of the object store or of our own (pipeline.md 4.4).
import { MatyanError, messageOf } from "../../formats/error.ts";
import { compact } from "../../formats/messages/index.ts";
import { mapOf, type ValueMap } from "../../formats/value.ts";
import type { PresignedPut } from "../blobs/index.ts";
import { blobKeyOf } from "./blobPath.ts";
import { type BodyFault, bodyFault, parsePresign } from "./presignBody.ts";

export const presignPath = "/api/v1/rest/artifacts/presign";

/** Makes an upload URL. `headers` are what the client has to send along, beside the content type. */
export type Sign = (key: string, contentType: string) => Promise<PresignedPut>;

const bodyBytes = 64 * 1024;

/**
 * The answer to a presign request: 200 `{upload_url, s3_key, headers}`, 413 for a body over 64 KiB, 422
 * `{"detail": [...]}` for one that is not a request or names what the object store cannot hold, 500 with a line of text when the object store makes no URL.
 */
export async function presign(request: Request, sign: Sign, warn?: (text: string) => void): Promise<Response> {
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
  try {
    const { uploadUrl, headers } = await sign(key, contentType);
    const sent = headers === undefined ? null : mapOf({ ...headers });
    return respond(200, mapOf({ upload_url: uploadUrl, s3_key: key, headers: sent }));
  } catch (error) {
    // A name that this object store cannot hold, where others could.
    if (error instanceof MatyanError && error.code === "usage")
      return refuse([bodyFault("value_error", "artifact_path", error.message, artifactPath)]);
    warn?.(`no upload URL for '${key}' could be made: ${messageOf(error)}`);
    return new Response("Internal Server Error: no upload URL could be made", { status: 500 });
  }
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
