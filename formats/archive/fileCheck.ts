// Checks of one file each, fed with its bytes as they stream by.
import { MatyanError } from "../error.ts";
import type { Value } from "../value.ts";
import { parseDocument } from "./document.ts";
import type { FaultList } from "./faults.ts";
import { maxDocumentBytes } from "./layout.ts";
import { isBlank, type Line, LineSplitter } from "./lines.ts";

export interface FileCheck {
  push(chunk: Uint8Array): void;
  /** All bytes have been seen. */
  end(): void;
  /** Lines that hold something, for files of lines. */
  readonly records?: number;
}

/** A JSON document: parsed when it is whole, then handed on. Faults of syntax are reported here. */
export class DocumentCheck implements FileCheck {
  readonly #file: string;
  readonly #faults: FaultList;
  readonly #use: (value: Value) => void;
  #pieces: Uint8Array[] = [];
  #size = 0;

  constructor(file: string, faults: FaultList, use: (value: Value) => void) {
    this.#file = file;
    this.#faults = faults;
    this.#use = use;
  }

  push(chunk: Uint8Array): void {
    this.#size += chunk.length;
    if (this.#size > maxDocumentBytes) {
      this.#pieces = [];
      throw new MatyanError("too_large", `over ${maxDocumentBytes >> 20} MB`);
    }
    this.#pieces.push(new Uint8Array(chunk));
  }

  end(): void {
    const bytes = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces);
    this.#pieces = [];
    let value: Value;
    try {
      value = parseDocument(bytes, this.#file);
    } catch (error) {
      if (!(error instanceof MatyanError)) throw error;
      const line = /^:(\d+): /.exec(error.message.slice(this.#file.length));
      const message = error.message.slice(this.#file.length + (line?.[0].length ?? 2));
      this.#faults.error(this.#file, "json", message, line === null ? undefined : Number(line[1]));
      return;
    }
    this.#use(value);
  }
}

/** A file of lines; blank ones are passed over. */
export class LinesCheck implements FileCheck {
  readonly #splitter = new LineSplitter();
  readonly #use: (line: Line) => void;
  #records = 0;

  constructor(use: (line: Line) => void) {
    this.#use = use;
  }

  get records(): number {
    return this.#records;
  }

  push(chunk: Uint8Array): void {
    for (const line of this.#splitter.push(chunk)) this.#take(line);
  }

  end(): void {
    for (const line of this.#splitter.end()) this.#take(line);
  }

  #take(line: Line): void {
    if (isBlank(line.bytes)) return;
    this.#records++;
    this.#use(line);
  }
}
