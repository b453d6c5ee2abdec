// What waits to be sent to a run's socket: items in order, gathered into frames that stay until they are acknowledged.

/** One message as it goes over the wire. */
export interface Item {
  /** Its type, such as `log_metric`. */
  readonly type: string;
  /** JSON. */
  readonly text: string;
}

export interface Frame {
  readonly text: string;
  readonly items: readonly Item[];
  readonly bytes: number;
  /** Whether the frame has to be alone on its way: see `isOrdered`. */
  readonly isOrdered: boolean;
  /** Times that the server failed to store it. */
  failures: number;
  /** Times that the server closed the connection over it. */
  closes: number;
}

export interface FrameBounds {
  readonly messages: number;
  /** UTF-8. One message may be larger. */
  readonly bytes: number;
}

/**
 * Points, records, lines and files have keys of their own: frames of them may be on their way together, since one that is
 * repeated after a later one changes nothing. Properties, tags and parameters replace each other.
 */
const unordered = new Set(["log_metric", "log_custom_object", "log_terminal_line", "log_record", "blob_ref"]);

/** Bytes held for an item beside its text. */
const overhead = 64;

/** Takes items at one end and gives frames at the other. Frames are made once: what is sent again is the same to the byte. */
export class Outbox {
  readonly #bounds: FrameBounds;
  #items: Item[] = [];
  /** Items before this one have been taken into frames. */
  #taken = 0;
  /** Made and not acknowledged; the first `#sent` are on their way. */
  readonly #frames: Frame[] = [];
  #sent = 0;
  #bytes = 0;

  constructor(bounds: FrameBounds) {
    this.#bounds = bounds;
  }

  /** Memory that is held, about. */
  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#frames.length === 0 && this.#taken === this.#items.length;
  }

  /** All that is not acknowledged, in order. */
  get remaining(): Item[] {
    return [...this.#frames.flatMap(({ items }) => items), ...this.#items.slice(this.#taken)];
  }

  /** The frame whose reply comes next. */
  get first(): Frame | undefined {
    return this.#sent > 0 ? this.#frames[0] : undefined;
  }

  add(item: Item): void {
    this.#items.push(item);
    this.#bytes += item.text.length + overhead;
  }

  /** The next frame to send, if `window` frames on their way at once allow for one more. It counts as sent. */
  next(window: number): Frame | undefined {
    if (this.#sent === this.#frames.length) {
      if (this.#sent >= window) return undefined;
      const frame = this.#make();
      if (frame === undefined) return undefined;
      this.#frames.push(frame);
    }
    const frame = this.#frames[this.#sent]!;
    if (this.#sent > 0 && (this.#sent >= window || frame.isOrdered || this.#frames[this.#sent - 1]!.isOrdered))
      return undefined;
    this.#sent++;
    return frame;
  }

  /** The first frame is done with. */
  acknowledge(): void {
    const frame = this.#frames.shift();
    this.#sent--;
    for (const item of frame?.items ?? []) this.#bytes -= item.text.length + overhead;
  }

  /** The first frame goes out again, after those on their way: whole, or in frames of one item. */
  repeat(apart: boolean): void {
    const frame = this.#frames.shift();
    this.#sent--;
    if (frame === undefined) return;
    const again = apart ? frame.items.map((item) => frameOf([item], byteLength(item), frame.failures)) : [frame];
    this.#frames.splice(this.#sent, 0, ...again);
  }

  /** The connection is gone: nothing is on its way any more. */
  rewind(): void {
    this.#sent = 0;
  }

  #make(): Frame | undefined {
    const items: Item[] = [];
    let bytes = 0;
    while (this.#taken < this.#items.length && items.length < this.#bounds.messages) {
      const item = this.#items[this.#taken]!;
      const size = byteLength(item);
      if (items.length > 0 && bytes + size > this.#bounds.bytes) break;
      items.push(item);
      bytes += size;
      this.#taken++;
    }
    // Taken items are let go in large steps: an array is not shifted for every frame.
    if (this.#taken > 4_096 || this.#taken === this.#items.length) {
      this.#items = this.#items.slice(this.#taken);
      this.#taken = 0;
    }
    return items.length === 0 ? undefined : frameOf(items, bytes, 0);
  }
}

function frameOf(items: readonly Item[], bytes: number, failures: number): Frame {
  const text = items.length === 1 ? items[0]!.text : `[${items.map((item) => item.text).join(",")}]`;
  return { text, items, bytes, isOrdered: items.some(({ type }) => !unordered.has(type)), failures, closes: 0 };
}

function byteLength({ text }: Item): number {
  return Buffer.byteLength(text) + 1;
}
