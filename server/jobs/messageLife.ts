// How old something must be before no message about it can be on its way any more.
import { MatyanError } from "../../formats/error.ts";
import type { Bus } from "../bus/index.ts";

/**
 * `asked` seconds, or as long as the topics keep their messages if that is longer: a worker that was down so long may still
 * apply one. Without a bus nothing waits anywhere.
 * @throws MatyanError `conflict` for a topic that keeps its messages for ever; `io` when Kafka does not say
 */
export async function safeAge(
  asked: number,
  bus: Pick<Bus, "retention"> | undefined,
  topics: readonly string[],
): Promise<number> {
  let age = asked;
  if (bus === undefined) return asked;
  for (const topic of topics) {
    const kept = await bus.retention(topic);
    if (kept === Number.POSITIVE_INFINITY)
      throw new MatyanError(
        "conflict",
        `the topic '${topic}' keeps its messages for ever, so one may come at any time`,
        {
          hint: "Give it a retention.ms; tombstones older than that can go then.",
        },
      );
    age = Math.max(age, kept);
  }
  return age;
}
