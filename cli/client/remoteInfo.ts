// Everything a server says of one run but its points: rest-api.md 1.4.
import { MatyanError } from "../../formats/error.ts";
import type { StreamNode } from "../../formats/stream.ts";
import { isMap, type Value, type ValueMap } from "../../formats/value.ts";
import { type ApiCall, type Http, ServerRefusal } from "./http.ts";

/** The API's words for kinds of sequences that are no metrics. */
export const objectTypes = ["images", "texts", "distributions", "audios", "figures"] as const;
export type ObjectType = (typeof objectTypes)[number];

/** The stored types behind them. */
export const objectDtypes: Readonly<Record<ObjectType, string>> = {
  images: "image",
  texts: "text",
  distributions: "distribution",
  audios: "audio",
  figures: "figure",
};

/** Undefined when there is no such run. Without its metrics (no `metric` in `traces`) where the server can't tell them. */
export async function readInfo(
  http: Http,
  hash: string,
  signal: AbortSignal | undefined,
): Promise<ValueMap | undefined> {
  const path = `runs/${encodeURIComponent(hash)}/info`;
  const ask = async (query: ApiCall["query"]) => {
    const info = await http.json({ path, query: { artifact_details: true, ...query }, signal });
    if (isMap(info)) return info;
    throw new MatyanError("corrupt", `${http.address} answers ${path} with something else than a run`);
  };
  try {
    return await ask({});
  } catch (error) {
    if (!(error instanceof ServerRefusal)) throw error;
    if (error.status === 404) return undefined;
    if (error.status !== 500) throw error;
  }
  // The existing server can't tell of a run with a metric that ended as NaN (W5): all but its metrics can be had.
  const parts: ValueMap[] = [];
  for (const sequence of objectTypes) parts.push(await ask({ sequence }));
  const traces = new Map(parts.flatMap((part) => [...((part.get("traces") as ValueMap | undefined) ?? [])]));
  return new Map(parts[0]).set("traces", traces);
}

/** JSON has no NaN and no infinities, and says null: where the stream has one of them, it is put back. */
export function fillNumbers(json: Value, node: StreamNode | undefined): Value {
  if (json === null) return typeof node === "number" && !Number.isFinite(node) ? node : null;
  if (Array.isArray(json))
    return Array.isArray(node) ? json.map((item, i) => fillNumbers(item, node[i] as StreamNode | undefined)) : json;
  if (isMap(json) && node instanceof Map)
    return new Map(Array.from(json, ([name, item]) => [name, fillNumbers(item, node.get(name))]));
  return json;
}
