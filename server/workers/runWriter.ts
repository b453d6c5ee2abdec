// Applies the messages of one run within one transaction: which handler does what, and the points that they gather.
import { MatyanError } from "../../formats/error.ts";
import type { IngestMessage } from "../../formats/messages/index.ts";
import type { ValueMap } from "../../formats/value.ts";
import type { Transaction } from "../kv/index.ts";
import { touchRun } from "../store/attrs.ts";
import { writeContext } from "../store/contexts.ts";
import type { Store } from "../store/index.ts";
import type { StagedValue } from "../store/largeValues.ts";
import { isFinished } from "../store/runs.ts";
import { readHeads } from "../store/sequenceStats.ts";
import { logBlob, logParameters } from "./attributes.ts";
import { logMetric, logObject, logRecord, logTerminalLine } from "./points.ts";
import { addTag, createRunOf, finishRunOf, removeTag, setProperties } from "./runLife.ts";
import { SequenceBuffer } from "./sequenceBuffer.ts";

/**
 * Lives as long as one attempt of a transaction: what it knows of the run (contexts, traces, next steps) was read or
 * written there, and goes with it when it fails.
 */
export class RunWriter {
  readonly tx: Transaction;
  readonly store: Store;
  readonly hash: string;
  readonly #sequences = new Map<number, Map<string, SequenceBuffer>>();
  /**
   * Sequences whose first point here came when the run was finished, with the time of its message. Readers follow those of a run
   * under way; of a finished one they keep what they know until it changes.
   */
  readonly #late = new Map<SequenceBuffer, number>();
  /** Whether the run is finished, as far as the messages were applied; undefined when that is to be read. */
  #isFinished: boolean | undefined;
  #now = 0;

  constructor(tx: Transaction, store: Store, hash: string) {
    this.tx = tx;
    this.store = store;
    this.hash = hash;
  }

  /**
   * @param staged the value of the message's point or attribute, where it is stored already.
   * @throws MatyanError whatever is wrong with the message; the transaction must not be committed then.
   */
  async apply(message: IngestMessage, staged?: StagedValue): Promise<void> {
    this.#now = message.timestamp;
    switch (message.type) {
      case "log_metric":
        return logMetric(this, message);
      case "log_custom_object":
        return logObject(this, message, staged);
      case "log_terminal_line":
        return logTerminalLine(this, message, staged);
      case "log_record":
        return logRecord(this, message, staged);
      case "log_hparams":
        return logParameters(this, message, staged);
      case "blob_ref":
        return logBlob(this, message);
      case "create_run":
        this.#isFinished = undefined;
        return createRunOf(this, message);
      case "finish_run":
        this.#isFinished = undefined;
        return finishRunOf(this, message);
      case "set_run_property":
        return setProperties(this, message);
      case "add_tag":
        return addTag(this, message);
      case "remove_tag":
        return removeTag(this, message);
    }
    throw new MatyanError("unsupported", `the message type '${message.type.slice(0, 100)}' is not known`);
  }

  /** The points of a sequence gathered so far. Its context is written with it. */
  async sequence(name: string, contextId: number, context: ValueMap | undefined): Promise<SequenceBuffer> {
    let named = this.#sequences.get(contextId);
    if (named === undefined) {
      await writeContext(this.tx, this.store, this.hash, contextId, context ?? new Map());
      named = new Map();
      this.#sequences.set(contextId, named);
    }
    let buffer = named.get(name);
    if (buffer === undefined) {
      buffer = new SequenceBuffer(this.store, { hash: this.hash, contextId, name });
      named.set(name, buffer);
      this.#isFinished ??= await isFinished(this.tx, this.store, this.hash);
      if (this.#isFinished) this.#late.set(buffer, this.#now);
    }
    return buffer;
  }

  /** A sequence that is known already: the hot path, without a promise. */
  known(name: string, contextId: number): SequenceBuffer | undefined {
    return this.#sequences.get(contextId)?.get(name);
  }

  async flush(): Promise<void> {
    const buffers = [...this.#sequences.values()].flatMap((named) => [...named.values()]);
    if (buffers.length === 0) return;
    const heads = await readHeads(
      this.tx,
      this.store,
      buffers.map(({ ref }) => ref),
    );
    for (let i = 0; i < buffers.length; i++) {
      const buffer = buffers[i]!;
      const isNew = await buffer.flush(this.tx, heads[i]!);
      const late = this.#late.get(buffer);
      if (isNew && late !== undefined) await touchRun(this.tx, this.store, this.hash, late);
    }
  }
}
