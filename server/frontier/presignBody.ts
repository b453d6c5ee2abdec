// The body of a presign request, and what is wrong with it in the web framework's shape (pipeline.md 4.4).
import { messageOf } from "../../formats/error.ts";
import { parseJson } from "../../formats/json.ts";
import { isMap, mapOf, type Value, type ValueMap } from "../../formats/value.ts";

export interface PresignRequest {
  readonly runId: string;
  readonly artifactPath: string;
  readonly contentType: string;
}

/** One finding, as FastAPI lists them under `detail`: `type`, `loc`, `msg`, `input`, sometimes `ctx`. */
export type BodyFault = ValueMap;

export function bodyFault(type: string, member: string | undefined, msg: string, input: Value): BodyFault {
  return mapOf({ type, loc: member === undefined ? ["body"] : ["body", member], msg, input });
}

export type PresignBody = { readonly request: PresignRequest } | { readonly faults: readonly BodyFault[] };

export function parsePresign(text: string): PresignBody {
  if (text.trim() === "") return { faults: [bodyFault("missing", undefined, "Field required", null)] };
  let body: Value;
  try {
    body = parseJson(text);
  } catch (error) {
    const fault = bodyFault("json_invalid", undefined, "JSON decode error", new Map());
    return { faults: [fault.set("ctx", mapOf({ error: messageOf(error) }))] };
  }
  if (!isMap(body)) {
    const msg = "Input should be a valid dictionary or object to extract fields from";
    return { faults: [bodyFault("model_attributes_type", undefined, msg, body)] };
  }
  const faults: BodyFault[] = [];
  const read = (name: string, fallback?: string): string => {
    const value = body.get(name);
    if (typeof value === "string") return value;
    if (value === undefined && fallback !== undefined) return fallback;
    faults.push(
      value === undefined
        ? bodyFault("missing", name, "Field required", body)
        : bodyFault("string_type", name, "Input should be a valid string", value),
    );
    return "";
  };
  const request = {
    runId: read("run_id"),
    artifactPath: read("artifact_path"),
    contentType: read("content_type", "application/octet-stream"),
  };
  return faults.length > 0 ? { faults } : { request };
}
