// Ingestion messages through a frontier: to whoever has messages to store it looks like a store of its own.
import { MatyanError } from "../../formats/error.ts";
import { compact, formatTimestamp, type IngestMessage } from "../../formats/messages/index.ts";
import type { ValueMap } from "../../formats/value.ts";
import type { Ingest, Outcome } from "../../server/workers/ingest.ts";
import type { Item } from "./outbox.ts";
import { Sender } from "./sender.ts";
import type { Refusal } from "./senderOptions.ts";

/** Sockets that are open at once: runs beyond that wait for their turn. */
const maxSenders = 32;
/** How long the frontier may take to store what one submission holds for one run. */
const flushMs = 120_000;

/**
 * Each run's messages go over a socket of its own, in their order. What a frontier does not take is refused here: deletes.
 * Times that only the envelope holds go along as the client's, since the frontier stamps messages anew.
 */
export class RemoteIngest implements Ingest {
  readonly #frontier: string;
  readonly #senders = new Map<string, Sender>();
  readonly #refusals = new Map<Item, string>();
  #isReached = false;
  #last: Promise<unknown> = Promise.resolve();

  /** @param frontier as `parseAddress` gives it. */
  constructor(frontier: string) {
    this.#frontier = frontier;
  }

  submit(messages: readonly IngestMessage[]): Promise<readonly Outcome[]> {
    const turn = this.#last.then(() => this.#send(messages));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async close(): Promise<void> {
    await this.#last;
    await Promise.all([...this.#senders.values()].map((sender) => sender.close(0)));
    this.#senders.clear();
  }

  async #send(messages: readonly IngestMessage[]): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = messages.map(() => ({ ok: true }));
    const places = new Map<string, number[]>();
    messages.forEach((message, place) => {
      const known = places.get(message.runId);
      if (known === undefined) places.set(message.runId, [place]);
      else known.push(place);
    });
    const runs = [...places];
    for (let at = 0; at < runs.length; at += maxSenders)
      await Promise.all(
        runs.slice(at, at + maxSenders).map(([runId, own]) => this.#sendRun(runId, own, messages, outcomes)),
      );
    return outcomes;
  }

  async #sendRun(
    runId: string,
    places: readonly number[],
    messages: readonly IngestMessage[],
    outcomes: Outcome[],
  ): Promise<void> {
    const sender = await this.#senderOf(runId);
    const sent: (readonly [Item, number])[] = [];
    const refuse = (place: number, reason: string) => {
      outcomes[place] = { ok: false, error: new MatyanError("usage", reason) };
    };
    for (const place of places) {
      const message = messages[place]!;
      if (message.type === "delete_run") {
        refuse(place, "a frontier takes no deletes: delete the run over the REST API");
        continue;
      }
      const item: Item = { type: message.type, text: frameItem(message) };
      try {
        await sender.send(item);
        sent.push([item, place]);
      } catch (error) {
        if (!(error instanceof MatyanError) || error.code !== "too_large") throw error;
        refuse(place, error.message);
      }
    }
    if (this.#isReached) await sender.flush(flushMs);
    else await sender.firstFlush(flushMs);
    this.#isReached = true;
    for (const [item, place] of sent) {
      const reason = this.#refusals.get(item);
      if (reason !== undefined) refuse(place, reason);
      this.#refusals.delete(item);
    }
  }

  /** The run's sender; the one that was used longest ago makes room for a new one. All that are not in use are empty. */
  async #senderOf(runId: string): Promise<Sender> {
    let sender = this.#senders.get(runId);
    if (sender !== undefined) {
      this.#senders.delete(runId);
      this.#senders.set(runId, sender);
      return sender;
    }
    const onRefused = ({ item, reason }: Refusal) => {
      this.#refusals.set(item, reason);
    };
    // One frame on its way at a time: a dump's order is to be kept whatever its messages are.
    sender = new Sender({ frontier: this.#frontier, runId, onRefused, window: 1 });
    this.#senders.set(runId, sender);
    if (this.#senders.size > 2 * maxSenders) {
      const [oldest, idle] = this.#senders.entries().next().value!;
      this.#senders.delete(oldest);
      await idle.close(flushMs);
    }
    return sender;
  }
}

/** Members that frames must have and old dumps may lack. */
const timed = new Set(["create_run", "log_metric", "log_custom_object", "finish_run"]);

/** The message as an item of a frame. */
function frameItem({ type, runId, timestamp, payload }: IngestMessage): string {
  const item: ValueMap = new Map([["type", type], ["run_id", runId], ...payload]);
  if (timed.has(type) && (item.get("client_datetime") ?? null) === null)
    item.set("client_datetime", formatTimestamp(timestamp));
  if (type === "log_metric") {
    for (const member of ["step", "epoch", "context", "dtype"]) if (!item.has(member)) item.set(member, null);
    // The existing frontier turned what is not finite into null; frames know no null there.
    if (item.get("value") === null) item.set("value", Number.NaN);
  }
  if (type === "log_custom_object" && item.get("dtype") === null) item.delete("dtype");
  return compact(item);
}
