// Sends a run's messages over its WebSocket until each is acknowledged, whatever happens to the connection (pipeline.md 4.2).
import { MatyanError } from "../../formats/error.ts";
import { socketUrl } from "./address.ts";
import { pauseMs } from "./backoff.ts";
import { explainFinding, lookAt, mayPass } from "./diagnose.ts";
import { type Frame, type Item, Outbox } from "./outbox.ts";
import { readReply } from "./reply.ts";
import { type Delivery, type Refusal, type SenderOptions, type SenderSettings, withDefaults } from "./senderOptions.ts";

const keptRefusals = 1_000;
/** The frontier's largest frame (pipeline.md 4.2). */
const largestMessage = 16 * 1024 * 1024;
/** Attempts at a message that the server fails to store, or closes the connection over, before it counts as refused. */
const mostAttempts = 6;
const noWait = Promise.resolve();

/**
 * Delivers in order, at least once; the server tells repetitions. Nothing is dropped: what a server refuses is reported,
 * what it doesn't answer is sent again, on a new connection if need be, until `close`.
 */
export class Sender {
  readonly #options: SenderSettings;
  readonly #outbox: Outbox;
  readonly #url: string;
  #socket: WebSocket | undefined;
  #isOpen = false;
  #wasOpen = false;
  #isScheduled = false;
  #state: "running" | "closing" | "closed" = "running";
  /** Cancels the pause before the next attempt to connect, or to send. */
  #pausing: (() => void) | undefined;
  #failures = 0;
  #cancelTimers: (() => void) | undefined;
  #lastHeard = 0;
  #lastUsed = 0;
  #delivered = 0;
  #refused = 0;
  readonly #refusals: Refusal[] = [];
  #roomWaiters: (() => void)[] = [];
  #room: Promise<void> | undefined;
  #emptyWaiters: (() => void)[] = [];
  #lastTrouble = "no connection yet";

  constructor(options: SenderOptions) {
    this.#options = withDefaults(options);
    this.#outbox = new Outbox(this.#options.batch);
    this.#url = socketUrl(options.frontier, options.runId);
  }

  get delivery(): Delivery {
    return {
      delivered: this.#delivered,
      refused: this.#refused,
      refusals: [...this.#refusals],
      undelivered: this.#outbox.remaining,
    };
  }

  /**
   * Takes a message. The promise is there to be awaited by those who produce much: it resolves when there is room for more.
   * @throws MatyanError `too_large` for a message over the frontier's 16 MiB; `busy` when the queue is full because the
   * promises were not awaited; `conflict` after `close`. The message is not taken then.
   */
  send(item: Item): Promise<void> {
    if (this.#state !== "running")
      throw new MatyanError("conflict", `a ${item.type} message came after the run's connection was closed`, {
        hint: "Log before close().",
      });
    // Characters are at most three bytes each: most messages need not be measured.
    if (item.text.length * 3 > largestMessage && Buffer.byteLength(item.text) > largestMessage)
      throw new MatyanError(
        "too_large",
        `a ${item.type} message of ${Buffer.byteLength(item.text)} bytes is over 16 MiB`,
        {
          hint: "Log large data as an artifact.",
        },
      );
    if (this.#outbox.bytes > this.#options.hardBytes)
      throw new MatyanError("busy", `${this.#outbox.bytes} bytes of messages wait to be sent: no more are taken`, {
        hint: `Await what track() gives back, so that the program goes at the network's pace. Last trouble: ${this.#lastTrouble}.`,
      });
    this.#outbox.add(item);
    this.#schedule();
    if (this.#outbox.bytes <= this.#options.softBytes) return noWait;
    this.#room ??= new Promise((resolve) => this.#roomWaiters.push(resolve));
    return this.#room;
  }

  /**
   * Resolves when all that was sent so far is acknowledged, or refused.
   * @throws MatyanError `io` after `timeoutMs`, which says what is in the way; the messages stay in the queue.
   */
  async flush(timeoutMs: number): Promise<void> {
    if (this.#outbox.isEmpty) return;
    this.#schedule();
    if (await this.#untilEmpty(timeoutMs)) return;
    throw await this.explainTrouble();
  }

  /**
   * Takes no more, waits up to `timeoutMs` for what is queued, and closes the connection. Never throws: the answer says
   * what was not delivered.
   */
  async close(timeoutMs: number): Promise<Delivery> {
    if (this.#state !== "closed") {
      this.#state = "closing";
      // What waits for a better moment gets its chance now.
      this.#pausing?.();
      this.#pausing = undefined;
      this.#schedule();
      await this.#untilEmpty(timeoutMs);
      this.#state = "closed";
    }
    this.#pausing?.();
    this.#drop(1000);
    return this.delivery;
  }

  /** Why messages are not delivered, as far as one can tell from here. */
  async explainTrouble(): Promise<MatyanError> {
    const { frontier } = this.#options;
    const finding = await lookAt(frontier);
    return explainFinding("the frontier", frontier, finding, this.#lastTrouble);
  }

  /**
   * As `flush`, for the first messages: gives up at once when something else than a frontier answers at the address, and
   * after `reachMs` when nobody does.
   * @throws MatyanError `io` or `usage`
   */
  async firstFlush(timeoutMs: number, reachMs = 15_000): Promise<void> {
    const { timing, frontier } = this.#options;
    const start = timing.now();
    for (let wait = 500; ; wait = 2_000) {
      const left = start + (this.#wasOpen ? timeoutMs : Math.min(timeoutMs, reachMs)) - timing.now();
      if (left <= 0) throw await this.explainTrouble();
      if (await this.#untilEmpty(Math.min(wait, left))) return;
      if (this.#isOpen) continue;
      const finding = await lookAt(frontier);
      if (!mayPass(finding) && !this.#isOpen && !this.#outbox.isEmpty && this.#failures > 0)
        throw explainFinding("the frontier", frontier, finding, this.#lastTrouble);
    }
  }

  /** False when it takes longer than `timeoutMs`. */
  #untilEmpty(timeoutMs: number): Promise<boolean> {
    if (this.#outbox.isEmpty) return Promise.resolve(true);
    return new Promise((resolve) => {
      const cancel = this.#options.timing.after(timeoutMs, () => {
        this.#emptyWaiters = this.#emptyWaiters.filter((waiter) => waiter !== done);
        resolve(false);
      });
      const done = () => {
        cancel();
        resolve(true);
      };
      this.#emptyWaiters.push(done);
    });
  }

  /** Messages of one turn of the event loop share a frame. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#state === "closed" || this.#pausing !== undefined || this.#outbox.isEmpty) return;
    if (this.#socket === undefined) {
      this.#connect();
      return;
    }
    if (!this.#isOpen) return;
    for (;;) {
      const frame = this.#outbox.next(this.#options.window);
      if (frame === undefined) return;
      this.#lastUsed = this.#options.timing.now();
      this.#socket.send(frame.text);
    }
  }

  #connect(): void {
    const { timing, openMs } = this.#options;
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    const isCurrent = () => this.#socket === socket;
    const cancelOpening = timing.after(openMs, () => this.#lost(socket, `it did not open in ${openMs} ms`));
    socket.onopen = () => {
      cancelOpening();
      if (!isCurrent()) return;
      this.#isOpen = true;
      this.#wasOpen = true;
      this.#heard();
      this.#lastUsed = timing.now();
      this.#watch(socket);
      this.#pump();
    };
    socket.addEventListener("pong", () => this.#heard());
    socket.onmessage = ({ data }) => {
      if (!isCurrent()) return;
      this.#heard();
      this.#replied(data, socket);
    };
    let failure = "";
    socket.onerror = (event) => {
      failure = event instanceof ErrorEvent ? event.message : "";
    };
    socket.onclose = ({ code, reason }) => {
      cancelOpening();
      if (!isCurrent()) return;
      const why = failure === "" ? `it was closed with code ${code}${reason === "" ? "" : ` (${reason})`}` : failure;
      if (this.#isOpen) this.#blame(code, why);
      this.#lost(socket, why);
    };
  }

  /** Pings, so that a dead connection is noticed; closes one that nobody uses. */
  #watch(socket: WebSocket): void {
    const { timing, pingMs, silentMs, idleMs } = this.#options;
    const tick = () => {
      if (this.#socket !== socket) return;
      const now = timing.now();
      if (this.#outbox.isEmpty && now - this.#lastUsed >= idleMs) {
        this.#drop(1000);
        return;
      }
      if (now - this.#lastHeard >= silentMs) {
        this.#lost(socket, `nothing was heard for ${Math.round(silentMs / 1_000)} s`);
        return;
      }
      socket.ping();
      this.#cancelTimers = timing.after(Math.min(pingMs, idleMs), tick);
    };
    this.#cancelTimers = timing.after(Math.min(pingMs, idleMs), tick);
  }

  #heard(): void {
    this.#lastHeard = this.#options.timing.now();
  }

  #replied(data: unknown, socket: WebSocket): void {
    const frame = this.#outbox.first;
    if (frame === undefined) {
      this.#lost(socket, `a reply came to nothing: ${String(data).slice(0, 100)}`);
      return;
    }
    const verdict = readReply(data, frame.items.length);
    switch (verdict.kind) {
      case "nonsense":
        this.#lost(socket, verdict.reason);
        return;
      case "ok":
        this.#settle(frame, new Map());
        break;
      case "refused":
        this.#settle(frame, verdict.reasons);
        break;
      case "unclear":
        // Stored or not, sent one by one each gets an answer of its own.
        this.#outbox.repeat(true);
        break;
      case "failed":
        this.#retryFailed(frame, verdict.reason);
        break;
    }
    this.#pump();
  }

  /** The server could not store a frame: it is asked again later, at last message by message. */
  #retryFailed(frame: Frame, reason: string): void {
    frame.failures++;
    if (frame.failures >= mostAttempts && frame.items.length === 1) {
      this.#settle(frame, new Map([[0, `${reason} (${frame.failures} times)`]]));
      return;
    }
    this.#lastTrouble = reason;
    this.#options.onTrouble?.(reason);
    this.#outbox.repeat(frame.items.length > 1);
    this.#pauseFor(frame.failures);
  }

  #settle(frame: Frame, reasons: ReadonlyMap<number, string>): void {
    this.#outbox.acknowledge();
    this.#failures = 0;
    this.#delivered += frame.items.length - reasons.size;
    for (const [index, reason] of reasons) {
      const refusal = { item: frame.items[index]!, reason };
      this.#refused++;
      if (this.#refusals.length < keptRefusals) this.#refusals.push(refusal);
      this.#options.onRefused?.(refusal);
    }
    if (this.#room !== undefined && this.#outbox.bytes <= this.#options.softBytes / 2) {
      this.#room = undefined;
      for (const resolve of this.#roomWaiters.splice(0)) resolve();
    }
    if (this.#outbox.isEmpty) for (const done of this.#emptyWaiters.splice(0)) done();
  }

  /**
   * A server that closes the connection over a frame, on purpose and again and again, will not take it: 1009 is a frame
   * too large, and the existing frontier closes with 1000 over what it cannot handle. The guilty message is found by
   * sending its frame message by message.
   */
  #blame(code: number, why: string): void {
    const frame = this.#outbox.first;
    const onPurpose =
      code === 1000 || code === 1002 || code === 1003 || code === 1007 || code === 1008 || code === 1009;
    if (frame === undefined || !onPurpose) return;
    frame.closes++;
    const patience = code === 1009 ? 1 : mostAttempts / 2;
    if (frame.closes < patience) return;
    if (frame.items.length > 1) this.#outbox.repeat(true);
    else this.#settle(frame, new Map([[0, `the server closed the connection over it ${frame.closes} times: ${why}`]]));
  }

  #lost(socket: WebSocket, why: string): void {
    if (this.#socket !== socket) return;
    this.#lastTrouble = why;
    this.#drop(undefined);
    if (this.#outbox.isEmpty || this.#state === "closed") return;
    this.#failures++;
    this.#options.onTrouble?.(why);
    this.#pauseFor(this.#failures);
  }

  #pauseFor(failures: number): void {
    const { timing, backoff } = this.#options;
    this.#pausing?.();
    this.#pausing = timing.after(pauseMs(backoff, failures, timing.random), () => {
      this.#pausing = undefined;
      this.#pump();
    });
  }

  /** Lets go of the connection: politely with a code, else at once. */
  #drop(code: 1000 | undefined): void {
    const socket = this.#socket;
    this.#cancelTimers?.();
    this.#cancelTimers = undefined;
    this.#socket = undefined;
    this.#isOpen = false;
    this.#outbox.rewind();
    if (code === undefined) socket?.terminate();
    else socket?.close(code);
  }
}
