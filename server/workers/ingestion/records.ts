// Records of the ingestion topic as messages. Anything may stand there: what is none has a reason, and stops nobody.
import { isUtf8 } from "node:buffer";
import { MatyanError, messageOf } from "../../../formats/error.ts";
import { type IngestMessage, parseMessage } from "../../../formats/messages/index.ts";
import type { BusRecord } from "../../bus/index.ts";

/** @param partition names cluster, topic and partition. */
export function readRecord(record: BusRecord, partition: string): IngestMessage | MatyanError {
  const { value, offset, timestamp: published } = record;
  if (value === null) return new MatyanError("corrupt", "the record has no value");
  if (!isUtf8(value)) return new MatyanError("corrupt", "the record's value is not UTF-8 text");
  try {
    return { ...parseMessage(value), source: { partition, offset, published } };
  } catch (error) {
    return error instanceof MatyanError ? error : new MatyanError("corrupt", messageOf(error), { cause: error });
  }
}
