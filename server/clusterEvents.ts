// Control events of the API in cluster mode (pipeline.md 1.6): told to other processes behind the change that they are about.
import { messageOf } from "../formats/error.ts";
import { type ControlEvent, formatControlEvent } from "../formats/messages/index.ts";
import type { Producer } from "./bus/index.ts";
import { pause } from "./pause.ts";

/** What handlers see. The change itself is in the store already: nobody's request waits for its event. */
export interface ControlEvents {
  emit(event: ControlEvent): void;
}

export interface BusEventsOptions {
  readonly producer: Producer;
  readonly topic: string;
  /** Told of what was not published: the first time in a row, and of events that are given up. */
  readonly warn: (text: string) => void;
  /** Between two attempts, milliseconds. */
  readonly retryMs?: number;
  /** Events that wait, at most: beyond it the oldest are given up. */
  readonly maxWaiting?: number;
}

/**
 * Publishes events in their order, and again until the bus takes them. They wait in memory: what nothing depends on may
 * die with the process. Deletes are different, and have the store's outbox.
 */
export class BusEvents implements ControlEvents {
  readonly #options: Required<BusEventsOptions>;
  readonly #waiting: ControlEvent[] = [];
  readonly #stopping = new AbortController();
  #work: Promise<void> | undefined;
  #published = 0;
  #lost = 0;

  constructor(options: BusEventsOptions) {
    this.#options = { retryMs: 2_000, maxWaiting: 10_000, ...options };
  }

  get stats(): { readonly waiting: number; readonly published: number; readonly lost: number } {
    return { waiting: this.#waiting.length, published: this.#published, lost: this.#lost };
  }

  emit(event: ControlEvent): void {
    this.#waiting.push(event);
    if (this.#waiting.length > this.#options.maxWaiting) this.#giveUp(1, "too many wait");
    this.#work ??= this.#publish();
  }

  /** Tries once more, then gives up what is left. A second call does no harm. */
  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#work;
    if (this.#waiting.length > 0) this.#giveUp(this.#waiting.length, "the server is stopping");
  }

  async #publish(): Promise<void> {
    let isTold = false;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, 500);
      const isLast = this.#stopping.signal.aborted;
      try {
        await this.#send(batch);
        isTold = false;
      } catch (error) {
        if (!isTold)
          this.#options.warn(`control events could not be published and are tried again: ${messageOf(error)}`);
        isTold = true;
        if (isLast) break;
        await pause(this.#options.retryMs, this.#stopping.signal);
      }
    }
    this.#work = undefined;
  }

  async #send(batch: readonly ControlEvent[]): Promise<void> {
    const records = batch.map((event) => ({ key: null, value: formatControlEvent(event) }));
    const outcomes = await this.#options.producer.publish(this.#options.topic, records);
    for (const [index, outcome] of outcomes.entries()) {
      const at = this.#waiting.indexOf(batch[index]!);
      if (at >= 0) this.#waiting.splice(at, 1);
      if (outcome.ok) this.#published++;
      else {
        this.#lost++;
        this.#options.warn(`a control event was refused: ${outcome.error.message}`);
      }
    }
  }

  #giveUp(count: number, why: string): void {
    this.#waiting.splice(0, count);
    this.#lost += count;
    this.#options.warn(`${count} control event${count === 1 ? " was" : "s were"} not published: ${why}`);
  }
}
