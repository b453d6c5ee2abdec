// A run's messages on their way to the frontier: sent with patience that ends, and a wait until the server shows that they are applied.
import { MatyanError } from "../../formats/error.ts";
import { formatJson } from "../../formats/json.ts";
import { isMap, type ValueMap } from "../../formats/value.ts";
import { pause, realTiming } from "../client/backoff.ts";
import type { Item } from "../client/outbox.ts";
import { Sender } from "../client/sender.ts";
import { readRun, type Target, textOf } from "./restoreRemoteTarget.ts";

export interface Patience {
  /** How long nothing may be acknowledged before the restore is given up, milliseconds. */
  readonly sendMs: number;
  /** How long nothing of what was acknowledged may show up in the API. */
  readonly applyMs: number;
}

export const patience: Patience = { sendMs: 60_000, applyMs: 120_000 };

/** Bytes that wait to be sent. */
const queuedBytes = 4 * 1024 * 1024;
/** For a server of ours. The existing one publishes the messages of a frame one after the other, and has to be done in 15 s. */
const largeFrames = { messages: 2_000, bytes: 1_000_000 };
const shownRefusals = 3;

export class RunSocket implements AsyncDisposable {
  readonly #sender: Sender;
  readonly #signal: AbortSignal | undefined;
  readonly #patience: Patience;
  readonly #refusals: string[] = [];
  #refused = 0;
  #isReached = false;

  constructor(
    { frontier, keepsTimes, signal }: Target,
    runId: string,
    patience: Patience,
    onTrouble: (reason: string) => void,
  ) {
    this.#signal = signal;
    this.#patience = patience;
    this.#sender = new Sender({
      frontier: frontier.address,
      runId,
      onTrouble,
      softBytes: queuedBytes,
      ...(keepsTimes ? { batch: largeFrames } : {}),
      onRefused: ({ item, reason }) => this.#refuse(item, reason),
    });
  }

  /** What the server did not take, for a person; undefined when it took all. */
  get refusals(): string | undefined {
    if (this.#refused === 0) return undefined;
    const more = this.#refused > this.#refusals.length ? `, and ${this.#refused - this.#refusals.length} more` : "";
    return `the server refused ${this.#refusals.join("; ")}${more}`;
  }

  /** Await what it gives back every few thousand messages. */
  send(item: Item): Promise<void> {
    try {
      return this.#sender.send(item);
    } catch (error) {
      if (!(error instanceof MatyanError) || error.code !== "too_large") throw error;
      this.#refuse(item, error.message);
      return Promise.resolve();
    }
  }

  /** Waits for room or for an empty queue. @throws MatyanError `io` when nothing moves any more, or the signal's reason */
  async settle(work: Promise<void>): Promise<void> {
    const done = work.then(() => true);
    done.catch(() => undefined);
    let delivered = -1;
    for (let stalled = 0; ; ) {
      const step = Math.min(5_000, this.#patience.sendMs);
      const timer = new AbortController();
      const signal = this.#signal === undefined ? timer.signal : AbortSignal.any([this.#signal, timer.signal]);
      const waited = pause(realTiming, step, signal).then(() => false);
      waited.catch(() => undefined);
      try {
        if (await Promise.race([done, waited])) return;
      } finally {
        timer.abort();
      }
      const now = this.#sender.delivery.delivered;
      stalled = now === delivered ? stalled + step : 0;
      delivered = now;
      if (stalled >= this.#patience.sendMs) throw await this.#sender.explainTrouble();
    }
  }

  /** Resolves when all is acknowledged. The first one fails soon when there is no frontier. */
  async flush(): Promise<void> {
    const longest = 24 * 3_600_000;
    await this.settle(this.#isReached ? this.#sender.flush(longest) : this.#sender.firstFlush(longest));
    this.#isReached = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sender.close(0);
  }

  #refuse({ type }: Item, reason: string): void {
    this.#refused++;
    if (this.#refusals.length < shownRefusals) this.#refusals.push(`a ${type} message: ${firstLines(reason)}`);
  }
}

function firstLines(text: string): string {
  return text.split("\n").slice(0, 3).join(" ").slice(0, 300);
}

/** What was acknowledged is not applied: by its code told from other failures. */
export class NotApplied extends MatyanError {
  override readonly name = "NotApplied";
}

/**
 * Waits until the server shows the run under `name`, which was sent behind everything else: messages of one run are applied
 * in their order, so all before it is applied then, or never will be.
 * @throws NotApplied when nothing of the run has changed for `applyMs`
 */
export async function untilNamed(target: Target, hash: string, name: string, applyMs: number): Promise<ValueMap> {
  let seen = "";
  let changed = performance.now();
  for (let wait = 50; ; wait = Math.min(wait * 1.5, 1_000)) {
    const info = await readRun(target, hash);
    const props = info?.get("props");
    if (info !== undefined && isMap(props) && textOf(props, "name") === name) return info;
    const shown = info === undefined ? "" : formatJson(info);
    if (shown !== seen) changed = performance.now();
    seen = shown;
    if (performance.now() - changed > applyMs)
      throw new NotApplied(
        "io",
        `the server took the messages of run ${hash} and did not apply them for ${Math.round(applyMs / 1_000)} s`,
        {
          hint: "Is its ingestion worker running? The existing one keeps dropping the messages of a run that it has deleted until it is restarted. Run this again then: it goes on.",
        },
      );
    await pause(realTiming, wait, target.signal);
  }
}
