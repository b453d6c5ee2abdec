// Applies messages that come as lines of JSON, the values of the `data-ingestion` topic: dumps, dead letters, golden data.
import { messageOf } from "../../formats/error.ts";
import { type IngestMessage, parseMessage } from "../../formats/messages/index.ts";
import { type Progress, silentProgress } from "../../formats/progress.ts";
import type { Ingest, Outcome } from "./ingest.ts";
import { type Line, maxLineBytes } from "./lines.ts";

export interface RefusedLine {
  /** From 1. */
  readonly line: number;
  readonly reason: string;
  /** What the line was about, where it could be read. */
  readonly type: string | undefined;
  readonly runId: string | undefined;
}

export interface IngestLinesOptions {
  /** Told of each line that was not taken, in the order of the lines. */
  readonly onRefused?: (refused: RefusedLine) => void;
  readonly progress?: Progress;
  /** Stops between two batches; what was submitted is waited for. */
  readonly signal?: AbortSignal;
}

export interface IngestSummary {
  /** Lines whose messages are stored, or were dropped because their run is deleted. */
  readonly applied: number;
  readonly refused: number;
  /** Lines without anything on them. */
  readonly skipped: number;
}

/** What is submitted at once, and how many submissions are on their way. */
const batchMessages = 2_000;
const batchBytes = 4_000_000;
const onTheirWay = 3;

interface Entry {
  readonly line: number;
  readonly message: IngestMessage | undefined;
  /** Why there is no message. */
  readonly reason: string;
}

/** @throws what the store or the network throws when it fails as a whole; what the signal was aborted with. */
export async function ingestLines(
  lines: AsyncIterable<Line>,
  ingest: Ingest,
  options: IngestLinesOptions = {},
): Promise<IngestSummary> {
  const { progress = silentProgress, signal } = options;
  const counts = { applied: 0, refused: 0, skipped: 0 };
  const pending: { readonly entries: readonly Entry[]; readonly outcomes: Promise<readonly Outcome[]> }[] = [];
  let entries: Entry[] = [];
  let bytes = 0;

  const settleFirst = async () => {
    const first = pending.shift();
    if (first === undefined) return;
    const outcomes = (await first.outcomes)[Symbol.iterator]();
    for (const { line, message, reason } of first.entries) {
      const outcome: Outcome | undefined = message === undefined ? undefined : outcomes.next().value;
      if (outcome?.ok) {
        counts.applied++;
        continue;
      }
      counts.refused++;
      const why = outcome === undefined ? reason : outcome.error.message;
      options.onRefused?.({ line, reason: why, type: message?.type, runId: message?.runId });
    }
    progress.advance(first.entries.length);
  };
  const submit = async () => {
    const messages = entries.flatMap(({ message }) => (message === undefined ? [] : [message]));
    const outcomes = ingest.submit(messages);
    // It is awaited in its turn; until then its failure is not unhandled.
    outcomes.catch(() => undefined);
    pending.push({ entries, outcomes });
    entries = [];
    bytes = 0;
    if (pending.length >= onTheirWay) await settleFirst();
    signal?.throwIfAborted();
  };

  progress.stage("applying messages", undefined, "lines");
  for await (const line of lines) {
    if (line.bytes !== undefined && isBlank(line.bytes)) {
      counts.skipped++;
      continue;
    }
    entries.push(read(line));
    bytes += line.bytes?.length ?? 0;
    if (entries.length >= batchMessages || bytes >= batchBytes) await submit();
  }
  if (entries.length > 0) await submit();
  while (pending.length > 0) await settleFirst();
  return counts;
}

function read({ number: line, bytes }: Line): Entry {
  if (bytes === undefined) return { line, message: undefined, reason: `the line is over ${maxLineBytes} bytes` };
  try {
    return { line, message: parseMessage(bytes), reason: "" };
  } catch (error) {
    return { line, message: undefined, reason: messageOf(error) };
  }
}

function isBlank(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d) return false;
  return true;
}
