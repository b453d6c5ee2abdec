// What becomes of each value: decided per tag by its plugin and by the shape of its values, once all of a run's tags are known.
import { createHash } from "node:crypto";
import { Shape } from "./tensor.ts";

/** What a value is written as. Negative: not as a point of a sequence, and why. */
export const Kind = {
  float: 0,
  image: 1,
  audio: 2,
  text: 3,
  distribution: 4,
  figure: 5,
  /** Goes to the run's attributes, or holds nothing. */
  attribute: -1,
  runMetadata: -2,
  opaque: -3,
  oldHisto: -4,
  empty: -5,
} as const;

const dtypeNames = ["float", "image", "audio", "text", "distribution", "figure"] as const;

/** Names, for the summary, of values that make no point. */
export const unconvertedNames: Readonly<Record<number, string>> = {
  [Kind.runMetadata]: "run metadata",
  [Kind.opaque]: "tensor of a type without numbers",
  [Kind.oldHisto]: "histogram of the oldest format",
  [Kind.empty]: "value without content",
};

/** One more than the largest number in `Shape`. */
export const shapeCount = 16;

/** @param plugin the plugin's name in the first metadata of the tag, "" without */
export function kindOf(plugin: string, shape: number): number {
  switch (shape) {
    case Shape.simple:
      return Kind.float;
    case Shape.image:
      return Kind.image;
    case Shape.audio:
      return Kind.audio;
    case Shape.histo:
      return Kind.distribution;
    case Shape.oldHisto:
      return Kind.oldHisto;
    case Shape.opaque:
      return Kind.opaque;
  }
  if (plugin === "hparams" || plugin === "custom_scalars") return Kind.attribute;
  if (shape === Shape.none) return Kind.empty;
  if (plugin === "graphs" || plugin.startsWith("graph_run_metadata") || plugin === "graph_tagged_run_metadata")
    return Kind.runMetadata;
  switch (shape) {
    case Shape.number:
      return Kind.float;
    case Shape.single:
      return plugin === "scalars" ? Kind.float : Kind.figure;
    case Shape.rows3:
      return plugin === "histograms" ? Kind.distribution : Kind.figure;
    case Shape.numbers:
      return Kind.figure;
    case Shape.numberText:
      return plugin === "scalars" || plugin === "" ? Kind.float : Kind.text;
    case Shape.strings:
      return plugin === "images" ? Kind.image : plugin === "audio" ? Kind.audio : Kind.text;
    case Shape.stringTable:
      return plugin === "audio" ? Kind.audio : Kind.text;
    default:
      return Kind.text;
  }
}

/** A sequence of the archive. */
export interface Series {
  readonly name: string;
  /** One of `dtypeNames`. */
  readonly dtype: string;
  readonly tag: number;
}

/** What pass 2 must know of a run. Plain data: it also goes to worker threads. */
export interface RunPlan {
  readonly hash: string;
  /** By tag id. */
  readonly tags: readonly PlannedTag[];
  readonly series: readonly Series[];
  /** By `tag * shapeCount + shape`: index into `series`, or a negative `Kind`. */
  readonly seriesOf: Int32Array;
}

export interface PlannedTag {
  readonly bytes: Uint8Array;
  readonly name: string;
  readonly plugin: string;
  /** The tag as a path segment under `blobs/seq/`. */
  readonly path: string;
}

export interface TagFacts {
  readonly bytes: Uint8Array;
  readonly plugin: string;
  /** Shapes of its values in order of appearance. */
  readonly shapes: readonly number[];
}

/**
 * Names the run's sequences. A tag is its sequence's name (a text's without a trailing `/text_summary`); where a store
 * that keeps one sequence per name would lose one, the later one is called `name (dtype)`.
 */
export function planRun(hash: string, facts: readonly TagFacts[]): RunPlan {
  const decoder = new TextDecoder();
  const tags = facts.map(({ bytes, plugin }): PlannedTag => {
    const name = decoder.decode(bytes);
    return { bytes, name, plugin, path: "" };
  });
  const seriesOf = new Int32Array(facts.length * shapeCount).fill(Kind.empty);
  const series: { name: string; dtype: string; tag: number; wish: string; rank: number }[] = [];
  for (const [tag, { plugin, shapes }] of facts.entries()) {
    const ofKind = new Map<number, number>();
    for (const shape of shapes) {
      const kind = kindOf(plugin, shape);
      if (kind >= 0 && !ofKind.has(kind)) {
        const { name } = tags[tag]!;
        const wish = kind === Kind.text && plugin === "text" ? name.replace(/(?<=.)\/text_summary$/s, "") : name;
        const rank = ofKind.size > 0 ? 2 : wish === name ? 0 : 1;
        ofKind.set(kind, series.length);
        series.push({ name: "", dtype: dtypeNames[kind]!, tag, wish, rank });
      }
      seriesOf[tag * shapeCount + shape] = kind < 0 ? kind : ofKind.get(kind)!;
    }
  }
  const taken = new Set<string>();
  for (const one of [...series].sort((a, b) => a.rank - b.rank)) {
    one.name = freeName(one.wish, one.dtype, taken);
    taken.add(one.name);
  }
  return {
    hash,
    tags: tags.map((tag) => ({ ...tag, path: cleanSegment(tag.name) })),
    series: series.map(({ name, dtype, tag }) => ({ name, dtype, tag })),
    seriesOf,
  };
}

function freeName(wish: string, dtype: string, taken: ReadonlySet<string>): string {
  if (!taken.has(wish)) return wish;
  for (let number = 1; ; number++) {
    const name = number === 1 ? `${wish} (${dtype})` : `${wish} (${dtype} ${number})`;
    if (!taken.has(name)) return name;
  }
}

const maxSegment = 120;

/**
 * A tag as one path segment: what is no word character, point or hyphen becomes `_`. Where that changes the tag, eight
 * hex digits of its SHA-256 keep different tags apart.
 */
function cleanSegment(tag: string): string {
  let clean = tag.replace(/[^\p{L}\p{N}_.-]/gu, "_");
  if (/^\.*$/.test(clean)) clean = "_".repeat(Math.max(1, clean.length));
  while (Buffer.byteLength(clean) > maxSegment) clean = clean.slice(0, -1).toWellFormed();
  return clean === tag ? clean : `${clean}-${createHash("sha256").update(tag).digest("hex").slice(0, 8)}`;
}
