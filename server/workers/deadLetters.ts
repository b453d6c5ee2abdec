// Messages that could not be applied, each alone on `<topic>.dlq` with the reason and where it came from, and what became of them.
import { MatyanError } from "../../formats/error.ts";
import type { Bus, BusHeaders, BusRecord, OutgoingRecord } from "../bus/index.ts";

export function deadLetterTopic(topic: string): string {
  return `${topic}.dlq`;
}

/** Headers of a letter; those of the message itself keep their names beside them. */
const names = {
  code: "matyan-code",
  reason: "matyan-reason",
  topic: "matyan-topic",
  partition: "matyan-partition",
  offset: "matyan-offset",
  published: "matyan-published",
  failed: "matyan-failed",
  group: "matyan-group",
  /** The message had no value; the letter's is empty. */
  isNull: "matyan-null",
  /** The message did not fit onto the dead letter topic: it is where it stood, as long as its topic keeps it. */
  isElsewhere: "matyan-elsewhere",
  /** Of a mark: what was done with the letter `letter`. */
  done: "matyan-done",
  letter: "matyan-letter",
} as const;

/** Room for the headers beside a message that was as large as its topic takes. */
const headerRoom = 64 * 1024;
const usualRecordBytes = 1_048_588;
const maxReason = 4_000;

export interface DeadLetter {
  /** `<partition>-<offset>` on the dead letter topic. */
  readonly id: string;
  readonly code: string;
  readonly reason: string;
  readonly origin: { readonly topic: string; readonly partition: number; readonly offset: bigint };
  /** Seconds since the epoch. */
  readonly published: number;
  readonly failedAt: number;
  readonly group: string;
  readonly key: Uint8Array | null;
  /** As it stood on its topic. Empty for one that `isElsewhere`. */
  readonly value: Uint8Array | null;
  /** The message is still where it stood, since it did not fit: `readValue` gets it. */
  readonly isElsewhere: boolean;
  /** Those that the message had. */
  readonly headers: BusHeaders;
  readonly done: Deed | undefined;
}

/** What was done with a letter. */
export type Deed = "retried" | "dropped";

export interface Refused {
  readonly record: BusRecord;
  readonly error: MatyanError;
}

export interface Origin {
  readonly topic: string;
  readonly partition: number;
  readonly group: string;
}

/** Makes sure of the topic, and writes letters. Resolves when they are durable. @throws MatyanError `io` */
export async function sendDeadLetters(
  bus: Bus,
  origin: Origin,
  refused: readonly Refused[],
  now: number,
): Promise<void> {
  const topic = deadLetterTopic(origin.topic);
  await bus.ensureTopic(topic, { partitions: 1, maxRecordBytes: usualRecordBytes + headerRoom });
  const letters = refused.map((one) => letterOf(origin, one, now));
  const outcomes = await bus.producer.publish(topic, letters);
  // A topic that somebody else made may take less than the message's own.
  const short = letters.filter((_, i) => !outcomes[i]!.ok).map(withoutValue);
  for (const outcome of await bus.producer.publish(topic, short)) if (!outcome.ok) throw outcome.error;
}

function withoutValue({ key, headers }: OutgoingRecord): OutgoingRecord {
  return { key, value: "", headers: { ...headers, [names.isElsewhere]: "1" } };
}

function letterOf({ topic, partition, group }: Origin, { record, error }: Refused, now: number): OutgoingRecord {
  return {
    key: record.key,
    value: record.value ?? "",
    headers: {
      ...record.headers,
      ...(record.value === null ? { [names.isNull]: "1" } : {}),
      [names.code]: error.code,
      [names.reason]: error.message.slice(0, maxReason),
      [names.topic]: topic,
      [names.partition]: String(partition),
      [names.offset]: String(record.offset),
      [names.published]: String(record.timestamp),
      [names.failed]: String(now),
      [names.group]: group,
    },
  };
}

/**
 * The letters of a topic in the order in which they came; of a message that came more than once, since its worker died
 * before it could say so, the first. Memory grows with the number of letters, by their places alone.
 */
export async function* readDeadLetters(bus: Bus, origin: string): AsyncGenerator<DeadLetter> {
  const topic = deadLetterTopic(origin);
  const done = new Map<string, Deed>();
  for await (const { records } of bus.read(topic))
    for (const { headers } of records) {
      const letter = headers[names.letter];
      if (letter !== undefined) done.set(letter, headers[names.done] === "dropped" ? "dropped" : "retried");
    }
  const seen = new Set<string>();
  for await (const { partition, records } of bus.read(topic))
    for (const record of records) {
      if (record.headers[names.letter] !== undefined) continue;
      const letter = readLetter(partition, record, done);
      const place = `${letter.origin.topic}/${letter.origin.partition}/${letter.origin.offset}`;
      if (letter.origin.topic !== "" && seen.has(place)) continue;
      seen.add(place);
      yield letter;
    }
}

/** @throws MatyanError `not_found`, `usage` for what is no id. */
export async function findDeadLetter(bus: Bus, origin: string, id: string): Promise<DeadLetter> {
  if (!/^\d+-\d+$/.test(id))
    throw new MatyanError("usage", `'${id}' is no id of a dead letter`, { hint: "`matyan dlq ls` shows the ids." });
  for await (const letter of readDeadLetters(bus, origin)) if (letter.id === id) return letter;
  throw new MatyanError("not_found", `there is no dead letter ${id} of '${origin}'`, {
    hint: "`matyan dlq ls` shows those that there are.",
  });
}

function readLetter(partition: number, { headers, ...record }: BusRecord, done: ReadonlyMap<string, Deed>): DeadLetter {
  const id = `${partition}-${record.offset}`;
  const own = new Set<string>(Object.values(names));
  return {
    id,
    code: headers[names.code] ?? "",
    reason: headers[names.reason] ?? "",
    origin: {
      topic: headers[names.topic] ?? "",
      partition: Number(headers[names.partition] ?? 0),
      offset: BigInt(headers[names.offset]?.match(/^\d+$/)?.[0] ?? 0),
    },
    published: Number(headers[names.published] ?? record.timestamp),
    failedAt: Number(headers[names.failed] ?? record.timestamp),
    group: headers[names.group] ?? "",
    key: record.key,
    value: headers[names.isNull] === undefined ? record.value : null,
    isElsewhere: headers[names.isElsewhere] !== undefined,
    headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !own.has(name))),
    done: done.get(id),
  };
}

/** The message's value; null when it has none. @throws MatyanError `not_found` when its topic does not keep it any more; `io` */
export async function readValue(bus: Bus, { id, value, isElsewhere, origin }: DeadLetter): Promise<Uint8Array | null> {
  if (!isElsewhere) return value;
  const record = await bus.readOne(origin.topic, origin.partition, origin.offset);
  if (record !== undefined) return record.value;
  throw new MatyanError("not_found", `the message of the dead letter ${id} is not on '${origin.topic}' any more`, {
    hint: "It was too large for the dead letter topic: raise max.message.bytes there.",
  });
}

/**
 * Publishes the message of a letter on its topic again, once: with the note that it was done, so that both are there or neither.
 * @throws MatyanError `conflict` when that was done before, `unsupported` for a message without a value; `io`
 */
export async function retryDeadLetter(bus: Bus, origin: string, letter: DeadLetter): Promise<void> {
  checkOpen(letter);
  const value = await readValue(bus, letter);
  if (value === null)
    throw new MatyanError("unsupported", `the dead letter ${letter.id} has no value: there is nothing to apply`, {
      hint: `\`matyan dlq drop ${letter.id}\` puts it away.`,
    });
  const { key, headers } = letter;
  await bus.producer.publishTogether([{ topic: origin, key, value, headers }, markOf(origin, letter, "retried")]);
}

/** Notes that nothing is to be done about a letter. @throws MatyanError `conflict`, `io` */
export async function dropDeadLetter(bus: Bus, origin: string, letter: DeadLetter): Promise<void> {
  checkOpen(letter);
  const { topic, ...mark } = markOf(origin, letter, "dropped");
  for (const outcome of await bus.producer.publish(topic, [mark])) if (!outcome.ok) throw outcome.error;
}

function checkOpen({ id, done }: DeadLetter): void {
  if (done === undefined) return;
  throw new MatyanError("conflict", `the dead letter ${id} was ${done} before`, {
    hint: "`matyan dlq ls --all` shows what was done.",
  });
}

function markOf(origin: string, { id, key }: DeadLetter, deed: Deed): OutgoingRecord & { readonly topic: string } {
  return { topic: deadLetterTopic(origin), key, value: "", headers: { [names.done]: deed, [names.letter]: id } };
}
