// A point as a line of sequences.jsonl, in the field order and number text of the existing writers (backup-convert.md 1.11).
import { formatJson, jsonFloat } from "../json.ts";
import type { SequenceRecord } from "./types.ts";

/** `{"ctx_id": 0, "name": "loss", "step": `: all that the lines of one sequence begin with. For writers of many lines. */
export function recordPrefix(contextId: number, name: string): string {
  return `{"ctx_id": ${contextId}, "name": ${JSON.stringify(name)}, "step": `;
}

/** The line without its "\n". Floats keep their point, NaN and infinities are bare words, text is not escaped to ASCII. */
export function formatRecord(record: SequenceRecord): string {
  const { step, value, epoch, time } = record;
  const text = typeof value === "number" ? jsonFloat(value) : formatJson(value);
  let line = `${recordPrefix(record.contextId, record.name)}${step}, "value": ${text}`;
  if (epoch !== undefined) line += `, "epoch": ${epoch}`;
  if (time !== undefined) line += `, "time": ${jsonFloat(time)}`;
  return `${line}}`;
}
