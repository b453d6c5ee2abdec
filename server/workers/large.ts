// Messages whose value is too large to share a transaction with others: the value is stored first, in transactions of its own.

import type { IngestMessage } from "../../formats/messages/index.ts";
import { encodeValue } from "../../formats/msgpack.ts";
import { stageAttr } from "../store/attrs.ts";
import type { Store } from "../store/index.ts";
import { maxDirectBytes, type StagedValue } from "../store/largeValues.ts";
import { readTombstone } from "../store/runs.ts";
import { stagePoint } from "../store/sequences.ts";
import { parameterWrites } from "./attributes.ts";
import { reserveStep } from "./points.ts";
import { RunWriter } from "./runWriter.ts";

/** Values below this go the common way, also when their message is alone in its transaction. */
const stagedFrom = maxDirectBytes / 2;

/**
 * Stores the value of a large message ahead of it, and returns what stands for it; undefined when the message can be applied
 * as it is (small after all, of several values, or of a deleted run). Doing so again with the same message changes nothing.
 */
export async function stageMessage(store: Store, message: IngestMessage): Promise<StagedValue | undefined> {
  const { runId: hash, type } = message;
  const deleted = await store.database.snapshot((tx) => readTombstone(tx, store, hash));
  if (deleted !== undefined) return undefined;
  if (type === "log_hparams") {
    const [write, ...others] = parameterWrites(message);
    if (write === undefined || others.length > 0 || typeof write.value !== "string") return undefined;
    if (write.value.length < stagedFrom) return undefined;
    return stageAttr(store, hash, write.path, write.value);
  }
  if (type !== "log_custom_object" && type !== "log_record" && type !== "log_terminal_line") return undefined;
  if (encodeValue(message.payload).length < stagedFrom) return undefined;
  const { buffer, step, value } = await store.database.transact((tx) =>
    reserveStep(new RunWriter(tx, store, hash), message),
  );
  return stagePoint(store, buffer.ref, step, value);
}
