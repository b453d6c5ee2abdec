// What a sequence holds, in a few numbers that do not depend on the order of its points: equal on both sides when it arrived whole.
import { tryParseJson } from "../../formats/json.ts";
import { isMap, type Value } from "../../formats/value.ts";

/** Points of one request of a verification, and about the bytes of their values. */
const pagePoints = 10_000;
const pageBytes = 2_000_000;

const floats = new Float64Array(2);
const words = new Uint32Array(floats.buffer);

/** Count and two sums of a hash of every point. Hot path: numbers take no allocation. */
export class Tally {
  count = 0;
  #a = 0;
  #b = 0;
  /** Steps at which pages of bounded size begin. */
  readonly pages: bigint[] = [];
  #pageEnd = 0;
  #bytes = 0;
  #bytesEnd = 0;
  first: bigint | undefined;
  highest: bigint | undefined;

  /** What is not finite counts as nothing: the API shows it so. */
  addNumber(step: bigint, value: number): void {
    floats[0] = Number(step);
    floats[1] = Number.isFinite(value) ? value + 0 : Number.NaN;
    this.#add();
    this.#place(step, 16);
  }

  /** `hash` of a value that is no number, by `hashText`. */
  addHash(step: bigint, hash: bigint, bytes: number): void {
    floats[0] = Number(step);
    words[2] = Number(hash & 0xffff_ffffn);
    words[3] = Number(hash >> 32n);
    this.#add();
    this.#place(step, bytes);
  }

  equals(other: Tally): boolean {
    return this.count === other.count && this.#a === other.#a && this.#b === other.#b;
  }

  #add(): void {
    this.#a = (this.#a + mix(0x9e3779b9)) >>> 0;
    this.#b = (this.#b + mix(0x7f4a7c15)) >>> 0;
    this.count++;
  }

  #place(step: bigint, bytes: number): void {
    if (this.first === undefined || step < this.first) this.first = step;
    if (this.highest === undefined || step > this.highest) this.highest = step;
    this.#bytes += bytes;
    if (this.count <= this.#pageEnd && this.#bytes <= this.#bytesEnd) return;
    this.pages.push(step);
    this.#pageEnd = this.count - 1 + pagePoints;
    this.#bytesEnd = this.#bytes - bytes + pageBytes;
  }
}

export function hashText(text: string): bigint {
  return Bun.hash(text) as bigint;
}

function mix(seed: number): number {
  let hash = seed;
  for (let i = 0; i < 4; i++) {
    hash = Math.imul(hash ^ words[i]!, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35);
  }
  return (hash ^ (hash >>> 13)) >>> 0;
}

export type ObjectBucket = "images" | "texts" | "distributions" | "audios" | "figures";

const buckets: Readonly<Record<string, ObjectBucket>> = {
  image: "images",
  text: "texts",
  distribution: "distributions",
  audio: "audios",
  figure: "figures",
};

/** Where the API lists objects of a type; undefined for what it has no list for. */
export function bucketOf(dtype: string): ObjectBucket | undefined {
  return Object.hasOwn(buckets, dtype) ? buckets[dtype] : undefined;
}

/** What is compared of a log record: text and time. Its step is the server's own with the existing one. */
export function shownRecord(value: Value): string {
  const record = isMap(value) ? value : new Map<string, Value>();
  return shown([record.get("message") ?? "", record.get("timestamp") ?? 0n]);
}

/** What the API shows of a stored object, as a text that is the same when made of the API's own answer (rest-api.md 2.8). */
export function shownObject(bucket: ObjectBucket, value: Value): string {
  const fields = isMap(value) ? value : new Map<string, Value>();
  const text = (field: string, fallback: string) => {
    const found = fields.get(field);
    return typeof found === "string" ? found : fallback;
  };
  switch (bucket) {
    case "images":
      return shown([text("caption", ""), text("format", "png"), fields.get("width") ?? 0n, fields.get("height") ?? 0n]);
    case "audios":
      return shown([text("caption", ""), text("format", "wav")]);
    case "texts":
      return text("data", "");
    case "distributions":
      return shown([fields.get("data") ?? [], fields.get("range") ?? []]);
    case "figures":
      return shownFigure(fields.get("data") ?? new Map());
  }
}

/** The API gives figures as JSON text. */
function shownFigure(data: Value): string {
  return shown(typeof data === "string" ? (tryParseJson(data) ?? data) : data);
}

/** Members in any order, numbers of either kind, and what is not finite as null. */
export function shown(value: Value): string {
  if (typeof value === "bigint" || typeof value === "number") {
    const number = Number(value);
    return Number.isFinite(number) ? String(number + 0) : "null";
  }
  if (Array.isArray(value)) return `[${value.map(shown).join(",")}]`;
  if (isMap(value)) {
    const members = [...value].map(([key, item]) => `${JSON.stringify(key)}:${shown(item)}`);
    return `{${members.sort().join(",")}}`;
  }
  return JSON.stringify(value);
}
