// The answer of a blob batch (rest-api.md 2.9), blob by blob, with its bytes passed on as they come: a blob may be large.
import { MatyanError } from "../../formats/error.ts";
import { BrokenAnswer } from "../client/http.ts";

export interface SentBlob {
  readonly uri: string;
  /** 0 when the server has no such blob. */
  readonly size: number;
  /** What is not taken is skipped. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** A URI is a token of some hundred bytes. */
const mostKeyBytes = 1 << 16;
const bytesTag = 5;

/** @throws BrokenAnswer when the stream ends inside a blob, MatyanError `corrupt` when it is no blob batch. */
export async function* readBlobs(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<SentBlob, void> {
  const reader = new PieceReader(pieces);
  try {
    for (;;) {
      const head = await reader.exactly(4);
      if (head === undefined) return;
      const length = u32(head);
      if (length === 0 || length > mostKeyBytes) throw corrupt(`a path of ${length} bytes`);
      const key = await reader.must(length);
      const size = u32(await reader.must(4)) - 1;
      const [tag] = await reader.must(1);
      // A path of one component: the text and 0xfe (rest-api.md 2.2).
      if (key.indexOf(0xfe) !== length - 1 || tag !== bytesTag || size < 0) throw corrupt("something else than a blob");
      reader.open = size;
      yield { uri: Buffer.from(key.subarray(0, length - 1)).toString("utf8"), size, bytes: reader.rest() };
      await reader.skip();
    }
  } finally {
    await reader.close();
  }
}

function u32(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
}

function corrupt(what: string): MatyanError {
  return new MatyanError("corrupt", `the server's answer to a request for blobs holds ${what}`);
}

class PieceReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #piece: Uint8Array = new Uint8Array(0);
  /** Bytes of the current blob that have not been passed on. */
  open = 0;

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#source = pieces[Symbol.asyncIterator]();
  }

  /** Undefined when the stream ends here. */
  async exactly(count: number): Promise<Uint8Array | undefined> {
    const parts: Uint8Array[] = [];
    for (let missing = count; missing > 0; ) {
      const part = await this.#some(missing);
      if (part === undefined) {
        if (parts.length === 0) return undefined;
        throw cutOff();
      }
      parts.push(part);
      missing -= part.length;
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  async must(count: number): Promise<Uint8Array> {
    const bytes = await this.exactly(count);
    if (bytes === undefined) throw cutOff();
    return bytes;
  }

  /** What is open of the current blob. */
  async *rest(): AsyncGenerator<Uint8Array, void> {
    while (this.open > 0) {
      const part = await this.#some(this.open);
      if (part === undefined) throw cutOff();
      this.open -= part.length;
      yield part;
    }
  }

  async skip(): Promise<void> {
    for await (const _ of this.rest());
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }

  async #some(most: number): Promise<Uint8Array | undefined> {
    while (this.#piece.length === 0) {
      const next = await this.#source.next();
      if (next.done === true) return undefined;
      this.#piece = next.value;
    }
    const part = this.#piece.subarray(0, most);
    this.#piece = this.#piece.subarray(part.length);
    return part;
  }
}

function cutOff(): BrokenAnswer {
  return new BrokenAnswer("io", "the answer ended inside a blob");
}
