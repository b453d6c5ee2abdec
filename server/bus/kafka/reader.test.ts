// What reading a topic makes of a broker that can't yet, played by a library whose groups end when they are told to.
import { expect, test } from "bun:test";
import { type Kafka, KafkaJSProtocolError } from "kafkajs";
import { readTopic } from "./reader.ts";

/** What the reader takes of a batch. */
type Give = (payload: {
  readonly batch: { readonly partition: number; readonly messages: readonly object[] };
  readonly heartbeat: () => Promise<void>;
}) => Promise<void>;

/** Gives the offsets of one partition that it was sent to, so many to a batch. A group ends as `endings` say: at a batch, or never. */
function playedKafka(endings: readonly ({ readonly at: number; readonly error: Error } | undefined)[]) {
  const sought: bigint[] = [];
  let groups = 0;
  const consumer = () => {
    const ending = endings[groups++];
    const listeners = new Map<string, (event: { payload: object }) => void>();
    const emit = (name: string, payload: object) => listeners.get(name)!({ payload });
    let isClosed = false;
    let give: Give = async () => undefined;
    const run = async (from: bigint) => {
      for (let batch = 0; !isClosed; batch++) {
        if (ending?.at === batch) return emit("crash", { error: ending.error });
        const offsets = [0n, 1n].map((place) => from + BigInt(2 * batch) + place);
        const messages = offsets.map(messageAt);
        await give({ batch: { partition: 0, messages }, heartbeat: async () => undefined });
        emit("end", { partition: 0, lastOffset: String(offsets[1]) });
      }
    };
    return {
      events: { CRASH: "crash", END_BATCH_PROCESS: "end" },
      on: (name: string, listener: (event: { payload: object }) => void) => void listeners.set(name, listener),
      connect: async () => undefined,
      subscribe: async () => undefined,
      run: async ({ eachBatch }: { eachBatch: Give }) => {
        give = eachBatch;
        // As the library does: the event comes first, and the call ends as if the group had been joined.
        if (ending?.at === 0) emit("crash", { error: ending.error });
      },
      seek: ({ offset }: { offset: string }) => {
        sought.push(BigInt(offset));
        void run(BigInt(offset));
      },
      disconnect: async () => {
        isClosed = true;
      },
    };
  };
  return { kafka: { consumer } as unknown as Kafka, sought, groups: () => groups };
}

function messageAt(offset: bigint) {
  return { key: null, value: Buffer.from(`v${offset}`), offset: String(offset), timestamp: "1000" };
}

const loading = Object.assign(new KafkaJSProtocolError("the coordinator is loading"), { retriable: true });

async function offsetsOf(kafka: Kafka, low: bigint, high: bigint): Promise<bigint[]> {
  const offsets: bigint[] = [];
  for await (const { records } of readTopic(kafka, "t", new Map([[0, { low, high }]])))
    offsets.push(...records.map(({ offset }) => offset));
  return offsets;
}

test("a group that can't be joined yet, and one that is lost on the way, are followed by another that goes on there", async () => {
  const { kafka, sought, groups } = playedKafka([{ at: 0, error: loading }, { at: 2, error: loading }, undefined]);
  expect(await offsetsOf(kafka, 3n, 12n)).toEqual([3n, 4n, 5n, 6n, 7n, 8n, 9n, 10n, 11n]);
  expect([sought, groups()]).toEqual([[3n, 7n], 3]);
});

test("a failure that does not pass by itself is told at once", async () => {
  const refused = Object.assign(new KafkaJSProtocolError("not authorized"), { retriable: false });
  const { kafka, groups } = playedKafka([{ at: 0, error: refused }]);
  await expect(offsetsOf(kafka, 0n, 2n)).rejects.toThrow("can't read 't': not authorized");
  expect(groups()).toBe(1);
});
