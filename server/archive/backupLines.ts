// Points as lines of sequences.jsonl. Hot path: millions of points pass here (scripts/bench/backup.ts).
import { recordPrefix } from "../../formats/archive/recordText.ts";
import type { RecordSink } from "../../formats/archive/types.ts";
import { formatJson, jsonFloat } from "../../formats/json.ts";
import { isMap, type Value, type ValueMap } from "../../formats/value.ts";
import { artifactsName } from "../store/artifactEntries.ts";
import type { Point } from "../store/sequences.ts";
import { doublesOf } from "./restoreValues.ts";

/** Text that is handed on in one go, in UTF-16 units. */
const textUnits = 32 * 1024;

export class PointLines {
  readonly #sink: RecordSink;
  #head = "";
  #text = "";
  #count = 0;

  constructor(sink: RecordSink) {
    this.#sink = sink;
  }

  /** The points that follow belong to this sequence. */
  sequence(contextId: number, name: string): void {
    this.#head = recordPrefix(contextId, name);
  }

  write(points: readonly Point[]): void {
    const head = this.#head;
    for (let i = 0; i < points.length; i++) {
      const { step, value, epoch, time } = points[i]!;
      let line = `${head}${step}, "value": ${typeof value === "number" ? jsonFloat(value) : formatJson(archivedValue(value))}`;
      if (epoch !== undefined) line += `, "epoch": ${epoch}`;
      if (time !== undefined) line += `, "time": ${jsonFloat(time)}`;
      this.#text += `${line}}\n`;
      this.#count++;
      if (this.#text.length >= textUnits) this.flush();
    }
  }

  flush(): void {
    if (this.#count === 0) return;
    this.#sink.write(Buffer.from(this.#text), this.#count);
    this.#text = "";
    this.#count = 0;
  }
}

/**
 * The value as archives hold it: a distribution's counts as an array of numbers, also where float64 bytes are stored
 * (storage.md 2.8). Other bytes become hex text and moments ISO 8601 text when they are formatted (backup-convert.md 1.4).
 */
function archivedValue(value: Value): Value {
  if (Array.isArray(value)) return value.some(isMap) ? value.map(archivedValue) : value;
  if (!isMap(value) || value.get("type") !== "distribution") return value;
  const data = value.get("data");
  if (!(data instanceof Uint8Array) || data.length % 8 !== 0) return value;
  return new Map(value).set("data", doublesOf(data));
}

/** The object keys that a value refers to. */
export function* blobReferences(value: Value): Generator<string> {
  if (Array.isArray(value)) for (const item of value) yield* blobReferences(item);
  if (!isMap(value)) return;
  const key = value.get("s3_key");
  if (typeof key === "string" && key !== "") yield key;
}

/** The object keys that a run's attributes refer to (`__blobs__`). */
export function* artifactReferences(attrs: ValueMap): Generator<string> {
  const artifacts = attrs.get(artifactsName);
  if (isMap(artifacts)) for (const artifact of artifacts.values()) yield* blobReferences(artifact);
}
