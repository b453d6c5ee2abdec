// Checks sequences.jsonl of one run while it streams by, and what it says against the run's other files afterwards.
import type { FaultList } from "./faults.ts";
import { RecordParser } from "./recordLines.ts";
import type { LineRecord } from "./types.ts";
import { badField } from "./valueFields.ts";
import { blobKeys, fits, isScalarDtype, type Shape, shapeOf, shapes } from "./valueShapes.ts";

export interface SequenceFacts {
  readonly contextId: number;
  readonly name: string;
  readonly firstLine: number;
  count: number;
  maxStep: bigint;
  /** How many points have each shape, and the line of the first one. */
  readonly shapes: Map<Shape, { count: number; line: number }>;
}

export interface SequenceCheckOptions {
  /** Path below the top folder. */
  readonly file: string;
  readonly faults: FaultList;
  /** Told each object key that a value refers to. */
  readonly onBlobKey: (key: string, line: number) => void;
}

export class SequenceCheck {
  readonly #options: SequenceCheckOptions;
  readonly #parser: RecordParser;
  readonly #sequences = new Map<number, Map<string, SequenceFacts>>();
  #records = 0;
  #last: SequenceFacts | undefined;

  constructor(options: SequenceCheckOptions) {
    this.#options = options;
    const { file, faults } = options;
    this.#parser = new RecordParser({
      file,
      onFault: (line, message) => {
        this.#records++;
        faults.error(file, "record", message, line);
      },
    });
  }

  /** Lines that hold something, bad ones too. */
  get records(): number {
    return this.#records;
  }

  push(chunk: Uint8Array): void {
    for (const batch of this.#parser.push(chunk)) this.#take(batch);
  }

  end(): void {
    for (const batch of this.#parser.end()) this.#take(batch);
  }

  *sequences(): Generator<SequenceFacts> {
    for (const names of this.#sequences.values()) yield* names.values();
  }

  find(contextId: number, name: string): SequenceFacts | undefined {
    return this.#sequences.get(contextId)?.get(name);
  }

  #take(batch: readonly LineRecord[]): void {
    this.#records += batch.length;
    for (const record of batch) {
      const sequence = this.#sequence(record);
      sequence.count++;
      if (record.step > sequence.maxStep) sequence.maxStep = record.step;
      const { value } = record;
      const shape = typeof value === "number" ? shapes[0] : shapeOf(value);
      const tally = sequence.shapes.get(shape);
      if (tally === undefined) sequence.shapes.set(shape, { count: 1, line: record.line });
      else tally.count++;
      if (value !== null && typeof value === "object") this.#object(record);
    }
  }

  #sequence(record: LineRecord): SequenceFacts {
    const last = this.#last;
    if (last !== undefined && last.contextId === record.contextId && last.name === record.name) return last;
    let names = this.#sequences.get(record.contextId);
    if (names === undefined) {
      names = new Map();
      this.#sequences.set(record.contextId, names);
    }
    let sequence = names.get(record.name);
    if (sequence === undefined) {
      const { contextId, name, line, step } = record;
      sequence = { contextId, name, firstLine: line, count: 0, maxStep: step, shapes: new Map() };
      names.set(name, sequence);
    }
    this.#last = sequence;
    return sequence;
  }

  #object(record: LineRecord): void {
    const { file, faults, onBlobKey } = this.#options;
    const field = badField(record.value);
    if (field !== undefined)
      faults.warning(file, "value-field", `${field} of the value is not what it must be`, record.line);
    for (const key of blobKeys(record.value)) {
      if (key === undefined)
        faults.warning(file, "no-blob-key", "an image or audio clip without its s3_key", record.line);
      else onBlobKey(key, record.line);
    }
  }
}

/** Warns of values that are not what the trace promises. `dtypes` are those that the trace list has for the sequence. */
export function checkShapes(sequence: SequenceFacts, dtypes: readonly string[], file: string, faults: FaultList): void {
  for (const [shape, { count, line }] of sequence.shapes) {
    if (dtypes.some((dtype) => fits(shape, dtype))) continue;
    const where = `sequence ${JSON.stringify(sequence.name)} of dtype ${dtypes.join(" and ")}`;
    const lost = shape === "an integer" && dtypes.every((dtype) => !isScalarDtype(dtype));
    // The existing client's backup writes positions in place of objects (backup-convert.md 6.2).
    if (lost) {
      faults.warning(file, "object-lost", `${where}: object data missing, ${count} points hold only a number`, line);
    } else {
      faults.warning(file, "value-shape", `${where}: the value of ${count} points is ${shape}`, line);
    }
  }
}
