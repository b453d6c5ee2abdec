// Test support: an answer as one thing that can be compared: status, headers, content, and for streams the order of runs and
// how progress was reported.
import { decodeUtf8 } from "../../../formats/utf8.ts";
import { type Difference, differences } from "./compare.ts";
import { jsonNode, type Node, recordedStream, type StreamContent, streamContent, wireFaults } from "./nodes.ts";
import type { Exchange } from "./recording.ts";
import type { Answer } from "./world.ts";

export interface Model {
  status: bigint;
  /** Headers that are part of what is promised, by lower-case names. */
  headers: Map<string, Node>;
  /** Streams: runs or steps by their keys, or a list of views that follow each other. */
  body: Node;
  /** Streams: the keys in their order, where it counts. */
  order: Node[] | undefined;
  /** Streams: how progress reports are numbered and end. How many there are is a matter of time. */
  progress: string | undefined;
  /** What a consumer would stumble over. */
  faults: Node[];
}

const comparedHeaders = ["content-type", "content-disposition", "allow"];
const isCompared = (name: string) => comparedHeaders.includes(name) || name.startsWith("access-control-");

export function modelOfRecorded({ answer, isOrdered }: Exchange, toOurs: (text: string) => string): Model {
  const { bytes, docs, headers, kind, status } = answer;
  const model: Model = {
    status: BigInt(status),
    headers: new Map(Object.entries(headers).filter(([name]) => isCompared(name))),
    body: "",
    order: undefined,
    progress: undefined,
    faults: [],
  };
  if (docs !== undefined) fillStream(model, recordedStream(docs, toOurs), isOrdered);
  else if (kind === "json" && bytes.length > 0) model.body = jsonNode(bytes, toOurs);
  else model.body = textOrBytes(bytes);
  return model;
}

export async function modelOfOurs({ isOrdered }: Exchange, answer: Answer): Promise<Model> {
  const { bytes, headers, isCut, status } = answer;
  const model: Model = {
    status: BigInt(status),
    headers: new Map([...headers].filter(([name]) => isCompared(name))),
    body: "",
    order: undefined,
    progress: undefined,
    faults: isCut ? ["the connection broke"] : [],
  };
  const length = headers.get("content-length");
  if (length !== null && bytes.length > 0 && Number(length) !== bytes.length)
    model.faults.push(`${bytes.length} bytes that are said to be ${length}`);
  const type = headers.get("content-type");
  // Downloads have this type too, with the name of a file.
  if (type === "application/octet-stream" && !headers.has("content-disposition")) {
    const content = await streamContent(bytes, same);
    fillStream(model, content, isOrdered);
    // Views that follow each other have the same names at their roots.
    if (content.documents.length <= 1) model.faults.push(...wireFaults(content.records));
  } else if (type === "application/json" && bytes.length > 0) model.body = jsonNode(bytes, same);
  else model.body = textOrBytes(bytes);
  return model;
}

const same = (text: string) => text;

function fillStream(model: Model, { documents, progress }: StreamContent, isOrdered: boolean): void {
  model.body = documents.length <= 1 ? (documents[0] ?? new Map()) : [...documents];
  if (isOrdered && documents.length <= 1) model.order = [...(documents[0]?.keys() ?? [])];
  if (progress.length === 0) return;
  const [, checked, total] = progress.at(-1)!;
  const isNumbered = progress.every(([number], i) => number === i);
  model.progress = `${isNumbered ? "numbered from 0" : "misnumbered"}, ends with ${checked} of ${total}`;
}

function textOrBytes(bytes: Uint8Array): Node {
  try {
    return decodeUtf8(bytes, 0, bytes.length, "an answer");
  } catch {
    return bytes;
  }
}

export function modelDifferences(expected: Model, ours: Model): Difference[] {
  return differences(nodeOfModel(expected), nodeOfModel(ours));
}

function nodeOfModel({ status, headers, body, order, progress, faults }: Model): Map<string, Node> {
  const node = new Map<string, Node>([
    ["status", status],
    ["headers", headers],
    ["body", body],
    ["faults", faults],
  ]);
  if (order !== undefined) node.set("order", order);
  if (progress !== undefined) node.set("progress", progress);
  return node;
}
