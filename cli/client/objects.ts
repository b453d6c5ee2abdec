// What can be tracked beside numbers: texts, distributions, figures, images and sounds (pipeline.md 5.3).
import { MatyanError } from "../../formats/error.ts";
import { audioFacts, imageFacts } from "../../formats/media.ts";
import { mapOf, type ValueMap } from "../../formats/value.ts";
import { toMap } from "./plainValues.ts";

/** A file by its path, or the bytes of one. */
export type MediaSource = string | Uint8Array | Blob;

export class Text {
  readonly dtype = "text";
  readonly data: string;

  constructor(data: string) {
    this.data = data.toWellFormed();
  }

  toMessage(): ValueMap {
    return mapOf({ type: "text", data: this.data });
  }
}

const mostBins = 512;

/** How many samples lie in each of equally wide bins of a range. */
export class Distribution {
  readonly dtype = "distribution";
  /** Samples in each bin, from the lowest on. */
  readonly counts: readonly number[];
  readonly range: readonly [low: number, high: number];

  /** @throws MatyanError `usage` for more than 512 bins, or none, or a range that is none. */
  constructor(counts: ArrayLike<number>, range: readonly [number, number]) {
    const [low, high] = range;
    if (counts.length < 1 || counts.length > mostBins)
      throw new MatyanError("usage", `a distribution has 1 to ${mostBins} bins, not ${counts.length}`);
    if (!Number.isFinite(low) || !Number.isFinite(high) || low > high)
      throw new MatyanError("usage", `${low} to ${high} is no range of a distribution`);
    this.counts = Array.from(counts);
    this.range = [low, high];
  }

  /**
   * Counts samples, as numpy's `histogram` does: the last bin holds its upper edge too, samples that are all the same lie
   * in a range of 1 around them. What is not finite is left out.
   */
  static of(samples: ArrayLike<number>, bins = 64): Distribution {
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < samples.length; i++) {
      const sample = samples[i]!;
      if (!Number.isFinite(sample)) continue;
      low = Math.min(low, sample);
      high = Math.max(high, sample);
    }
    if (low > high) [low, high] = [0, 1];
    else if (low === high) {
      // Half of 1, or what makes a difference to so large a number.
      const half = Math.max(0.5, Math.abs(low) * 2 ** -52);
      [low, high] = [Math.max(-Number.MAX_VALUE, low - half), Math.min(Number.MAX_VALUE, high + half)];
    }
    const counts = new Array<number>(Math.max(0, bins)).fill(0);
    // The quotient first: neither a width of almost nothing nor one beyond the largest number spoils it.
    const scale = Number.isFinite(high - low) ? 1 : 0.5;
    const width = high * scale - low * scale;
    for (let i = 0; i < samples.length; i++) {
      const sample = samples[i]!;
      if (!Number.isFinite(sample)) continue;
      const bin = Math.floor(((sample * scale - low * scale) / width) * bins);
      counts[Math.min(bins - 1, bin)]!++;
    }
    return new Distribution(counts, [low, high]);
  }

  toMessage(): ValueMap {
    return mapOf({
      type: "distribution",
      bin_count: BigInt(this.counts.length),
      range: [...this.range],
      data: [...this.counts],
    });
  }
}

/** A Plotly figure: an object with `data` and `layout`, or what makes one by `toJSON`. */
export class Figure {
  readonly dtype = "figure";
  readonly #figure: ValueMap;

  /** @throws MatyanError `usage` for what is no object. */
  constructor(figure: object) {
    this.#figure = toMap(figure, "the figure");
    // The UI looks into the layout without asking.
    if (!(this.#figure.get("layout") instanceof Map)) this.#figure.set("layout", new Map());
  }

  toMessage(): ValueMap {
    return mapOf({ type: "figure", data: this.#figure });
  }
}

/** Bytes of a file's beginning that say what it is; in a JPEG the size may come late, behind a thumbnail. */
const headerBytes = 256 * 1024;

/** What is known of a file that goes to the blob store. */
export interface Media {
  readonly source: MediaSource;
  /** The end of its name, in lower case. */
  readonly extension: string;
  /** The message that refers to it. */
  readonly message: (key: string) => ValueMap;
}

export class Image {
  readonly dtype = "image";
  readonly source: MediaSource;
  readonly caption: string;
  readonly #format: string | undefined;

  /** `format` (png, jpeg, gif, bmp, webp) is needed for bytes that do not show it themselves. */
  constructor(source: MediaSource, options: { readonly caption?: string; readonly format?: string } = {}) {
    this.source = source;
    this.caption = options.caption?.toWellFormed() ?? "";
    this.#format = options.format;
  }

  /** @throws MatyanError `not_found` for a file that is not there, `usage` for bytes of an unknown format. */
  async describe(): Promise<Media> {
    const facts = imageFacts(await headOf(this.source));
    const format = this.#format ?? (facts.format === "bin" ? extensionOf(this.source) : facts.format);
    if (format === undefined)
      throw new MatyanError("usage", "the bytes are no PNG, JPEG, GIF, BMP or WebP image", {
        hint: "Say what they are: new Image(bytes, { format }).",
      });
    const size = (pixels: number | undefined) => (pixels === undefined ? null : BigInt(pixels));
    return {
      source: this.source,
      extension: format.toLowerCase(),
      message: (key) =>
        mapOf({
          type: "image",
          format: format.toUpperCase(),
          caption: this.caption,
          width: size(facts.width),
          height: size(facts.height),
          s3_key: key,
        }),
    };
  }
}

export class Audio {
  readonly dtype = "audio";
  readonly source: MediaSource;
  readonly caption: string;
  readonly #format: string | undefined;
  readonly #rate: number | undefined;

  /** `rate` in hertz; a WAV file says it itself. */
  constructor(
    source: MediaSource,
    options: { readonly caption?: string; readonly format?: string; readonly rate?: number } = {},
  ) {
    this.source = source;
    this.caption = options.caption?.toWellFormed() ?? "";
    this.#format = options.format;
    this.#rate = options.rate;
  }

  /** @throws MatyanError `not_found` for a file that is not there. */
  async describe(): Promise<Media> {
    const head = await headOf(this.source);
    const format = (this.#format ?? extensionOf(this.source) ?? "wav").toLowerCase();
    const rate = this.#rate ?? audioFacts(head).rate;
    return {
      source: this.source,
      extension: format,
      message: (key) =>
        mapOf({
          type: "audio",
          format,
          caption: this.caption,
          rate: rate === undefined ? null : BigInt(Math.round(rate)),
          s3_key: key,
        }),
    };
  }
}

export type TrackedObject = Text | Distribution | Figure | Image | Audio;

export function isTrackedObject(value: unknown): value is TrackedObject {
  return (
    value instanceof Text ||
    value instanceof Distribution ||
    value instanceof Figure ||
    value instanceof Image ||
    value instanceof Audio
  );
}

/** What is uploaded. @throws MatyanError `not_found` */
export async function blobOf(source: MediaSource): Promise<Blob> {
  if (typeof source !== "string") return source instanceof Blob ? source : new Blob([new Uint8Array(source)]);
  const file = Bun.file(source);
  if (await file.exists()) return file;
  throw new MatyanError("not_found", `there is no file '${source}'`);
}

async function headOf(source: MediaSource): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return source.subarray(0, headerBytes);
  return new Uint8Array(await (await blobOf(source)).slice(0, headerBytes).arrayBuffer());
}

function extensionOf(source: MediaSource): string | undefined {
  return typeof source === "string" ? /\.([a-z0-9]{1,8})$/i.exec(source)?.[1]?.toLowerCase() : undefined;
}
