// The administrative connection to Kafka: what topics, groups and offsets there are.
import type { Admin, Kafka } from "kafkajs";
import { isPassing, kafkaError } from "./client.ts";

export interface AdminOptions {
  readonly brokers: readonly string[];
  readonly retries: number;
  /** Between two attempts at most, milliseconds. */
  readonly maxRetryTime: number;
}

/** Connected. Its calls are made one after another, however they come. @throws MatyanError `io` when no broker answers */
export async function openAdmin(kafka: Kafka, { brokers, retries, maxRetryTime }: AdminOptions): Promise<Admin> {
  const admin = kafka.admin({ retry: { initialRetryTime: 100, maxRetryTime, retries } });
  try {
    await admin.connect();
    return oneByOne(admin);
  } catch (error) {
    // The reason is on its way already; a connection that never came up needs no more.
    await admin.disconnect().catch(() => undefined);
    throw kafkaError(error, `no connection to Kafka at ${brokers.join(", ")}`);
  }
}

export type TopicOffsets = Awaited<ReturnType<Admin["fetchTopicOffsets"]>>;

/** Attempts, with a second between two of them: a broker that was just started finds out in that time what it leads. */
const attempts = 8;

/**
 * The first and the last offset of each partition. After a change of leaders kafkajs goes on asking the old ones for minutes and
 * tries nothing again: a new connection asks the new ones.
 * @param reopen another connection, which is closed here
 * @throws what the last attempt met
 */
export async function topicOffsets(
  admin: Pick<Admin, "fetchTopicOffsets">,
  topic: string,
  reopen: () => Promise<Pick<Admin, "fetchTopicOffsets" | "disconnect">>,
  pause = 1_000,
): Promise<TopicOffsets> {
  try {
    return await admin.fetchTopicOffsets(topic);
  } catch (error) {
    if (!isPassing(error)) throw error;
  }
  for (let attempt = 2; ; attempt++) {
    await Bun.sleep(pause);
    const fresh = await reopen();
    try {
      return await fresh.fetchTopicOffsets(topic);
    } catch (error) {
      if (attempt === attempts || !isPassing(error)) throw error;
    } finally {
      await fresh.disconnect();
    }
  }
}

/**
 * kafkajs keeps the metadata of the topics that it was asked about last: calls that overlap find none for theirs ("Cannot
 * destructure property 'partitions'"). Disconnecting waits for nothing.
 */
function oneByOne(admin: Admin): Admin {
  let turn: Promise<unknown> = Promise.resolve();
  return new Proxy(admin, {
    get(target, name: keyof Admin) {
      const member: unknown = target[name];
      if (typeof member !== "function" || name === "disconnect" || name === "on" || name === "logger") return member;
      return (...args: unknown[]) => {
        const answer = turn.then(() => member.apply(target, args));
        // The next call waits for this one's end; its failure is for who made it.
        turn = answer.catch(() => undefined);
        return answer;
      };
    },
  });
}
