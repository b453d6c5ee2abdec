// The WebSocket side of the frontier: one reply per frame in order, sent when the frame's messages are durable (pipeline.md 4.2).
import { MatyanError, messageOf } from "../../formats/error.ts";
import { type IngestMessage, parseFrame } from "../../formats/messages/index.ts";
import type { Ingest, Outcome } from "../workers/ingest.ts";
import { ApplyGate } from "./applyGate.ts";
import { type FrontierMetrics, noMetrics } from "./frontierMetrics.ts";
import { type FrontierLimits, frontierLimits } from "./limits.ts";
import { describeRefused, errorReply, okReply, type RefusedItem } from "./replies.ts";
import { RunOrder, type RunPlace } from "./runOrder.ts";

export interface SocketOptions {
  readonly ingest: Ingest;
  /** Seconds since the epoch: the time that messages arrive. */
  readonly now: () => number;
  readonly metrics?: FrontierMetrics;
  readonly limits?: Partial<FrontierLimits>;
  /** Told of what went wrong on our side. */
  readonly warn?: (text: string) => void;
}

/** A text, or why there is none to read. */
type Frame = string | Refusal;

interface Refusal {
  readonly reason: string;
  /** Whether the connection is closed after the reply. */
  readonly isLast: boolean;
}

/** What a connection carries. */
export interface Connection {
  /** From the path; it overrides what messages say. */
  readonly runId: string;
  readonly openedAt: number;
  /** Frames that arrived and have no reply; the first one is in the works. */
  readonly frames: Frame[];
  /** Since it opened. */
  place?: RunPlace;
}

type Socket = Bun.ServerWebSocket<Connection>;

/**
 * Back-pressure: a frame is read only after the reply to the one before it. A client that waits for its replies never
 * notices; one that does not is no longer read from, so TCP holds it up. Beyond `heldBytes` in all, nobody is.
 *
 * Frames that arrived whole are applied also when their connection is lost: the Python client never sends them again, and
 * those that do send what was stored already. What a client sends over its next connection waits for them.
 */
export class FrontierSockets {
  readonly limits: FrontierLimits;
  readonly #options: SocketOptions;
  readonly #metrics: FrontierMetrics;
  readonly #gate: ApplyGate;
  readonly #open = new Set<Socket>();
  readonly #order = new RunOrder();
  #heldBytes = 0;
  #parsedBytes = 0;
  #isFull = false;
  #busy = 0;
  #isClosing = false;
  #idle: (() => void)[] = [];
  #pings: ReturnType<typeof setInterval> | undefined;

  constructor(options: SocketOptions) {
    this.#options = options;
    this.limits = { ...frontierLimits, ...options.limits };
    this.#metrics = options.metrics ?? noMetrics;
    this.#gate = new ApplyGate(this.limits.appliedBytes);
  }

  get stats(): { readonly connections: number; readonly heldBytes: number } {
    return { connections: this.#open.size, heldBytes: this.#heldBytes };
  }

  /** For `Bun.serve`. */
  get handler(): Bun.WebSocketHandler<Connection> {
    return {
      // Beyond this Bun closes with 1009 before it has the frame, without a reply; between this and the limit ours says more.
      maxPayloadLength: 2 * this.limits.frameBytes,
      idleTimeout: this.limits.silentSeconds,
      sendPings: false,
      // Compressed frames would undo the bounds: one read of the socket can hold hundreds of large ones. It costs clients
      // more time than it saves on all but slow lines, and those who offer it do without.
      perMessageDeflate: false,
      // Replies are tiny: who has this much unread does not read at all.
      backpressureLimit: 1024 * 1024,
      closeOnBackpressureLimit: true,
      open: (socket) => this.#opened(socket),
      message: (socket, data) => this.#received(socket, data),
      close: (socket) => this.#closed(socket),
    };
  }

  /** The response to a request that could not be made a socket; undefined when it was. */
  upgrade(request: Request, server: Bun.Server<Connection>, runId: string): Response | undefined {
    if (this.#isClosing) return new Response("the server is stopping", { status: 503 });
    const data: Connection = { runId, openedAt: performance.now(), frames: [] };
    if (server.upgrade(request, { data })) return undefined;
    return new Response("this address speaks WebSocket", { status: 426, headers: { upgrade: "websocket" } });
  }

  /**
   * Takes no more frames, replies to those that arrived, then closes every connection with 1001. Resolves when all
   * replies are sent, or after `deadlineMs`.
   */
  async close(deadlineMs: number): Promise<void> {
    this.#isClosing = true;
    for (const socket of [...this.#open]) if (socket.data.frames.length === 0) goAway(socket);
    if (this.#busy > 0) await within(new Promise<void>((resolve) => this.#idle.push(resolve)), deadlineMs);
    clearInterval(this.#pings);
    for (const socket of [...this.#open]) goAway(socket);
  }

  #opened(socket: Socket): void {
    this.#metrics.opened();
    this.#open.add(socket);
    socket.data.place = this.#order.enter(socket.data.runId);
    if (this.#isClosing) goAway(socket);
    else if (this.#isFull) socket.pause();
    this.#pings ??= setInterval(() => {
      for (const each of this.#open) each.ping();
    }, this.limits.pingMs);
  }

  #closed(socket: Socket): void {
    this.#open.delete(socket);
    this.#metrics.closed((performance.now() - socket.data.openedAt) / 1_000);
    if (socket.data.frames.length === 0) socket.data.place?.leave();
    if (this.#open.size > 0 || this.#pings === undefined) return;
    clearInterval(this.#pings);
    this.#pings = undefined;
  }

  #received(socket: Socket, data: string | Uint8Array): void {
    // What comes after the last reply was not taken: its sender sees the connection close and sends it again.
    if (this.#isClosing) return;
    const { frames } = socket.data;
    socket.data.place?.hold();
    const frame = this.#frameOf(data);
    frames.push(frame);
    this.#heldBytes += sizeOf(frame);
    if (this.#heldBytes > this.limits.heldBytes && !this.#isFull) {
      this.#isFull = true;
      for (const each of this.#open) {
        each.pause();
        each.data.place?.hold();
      }
    }
    if (frames.length > 1) socket.pause();
    else void this.#work(socket);
  }

  #frameOf(data: string | Uint8Array): Frame {
    const limit = this.limits.frameBytes;
    const size = typeof data === "string" && data.length * 3 > limit ? Buffer.byteLength(data) : data.length;
    if (size > limit) return { reason: tooLarge(size, limit), isLast: true };
    if (typeof data === "string") return data;
    return { reason: `a frame is JSON text, not ${data.length} bytes of binary data`, isLast: false };
  }

  /** Replies to the frames of one connection until there are none. */
  async #work(socket: Socket): Promise<void> {
    const { frames, place } = socket.data;
    this.#busy++;
    const turn = place?.takeTurn();
    if (turn !== undefined) await within(turn, this.limits.orderMs);
    for (let frame = frames[0]; frame !== undefined; frame = frames[0]) {
      const size = sizeOf(frame);
      const room = this.#gate.enter(size);
      if (room !== undefined) await room;
      const reply = await this.#apply(frame, socket.data.runId);
      this.#gate.leave(size);
      this.#collect(size);
      frames.shift();
      this.#heldBytes -= size;
      if (reply === undefined) goAway(socket);
      else socket.send(reply);
      if (typeof frame !== "string" && frame.isLast) socket.close(1009, frameLimit(this.limits.frameBytes));
    }
    this.#busy--;
    if (this.#isClosing) goAway(socket);
    else this.#readAgain(socket);
    if (this.#busy === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  /**
   * Parsed frames are garbage a moment later, and the engine lets it pile up to as much as there is already. While many wait,
   * that is too much.
   */
  #collect(size: number): void {
    this.#parsedBytes += size;
    if (this.#parsedBytes < this.limits.collectBytes) return;
    this.#parsedBytes = 0;
    if (this.#heldBytes > this.limits.collectBytes) Bun.gc(true);
  }

  #readAgain(socket: Socket): void {
    // Who was served last is read from last when there is room again.
    if (this.#open.delete(socket)) this.#open.add(socket);
    if (!this.#open.has(socket)) socket.data.place?.leave();
    else if (!this.#isFull) resume(socket);
    if (!this.#isFull || this.#heldBytes > this.limits.heldBytes / 2) return;
    this.#isFull = false;
    for (const each of this.#open) if (each.data.frames.length === 0) resume(each);
  }

  /** The reply to a frame, or undefined when it must not have one: the process is stopping and did not store it. */
  async #apply(frame: Frame, runId: string): Promise<string | undefined> {
    const failure = (error: string) => {
      this.#metrics.refused(error);
      return errorReply(error, this.limits.errorLength);
    };
    try {
      if (typeof frame !== "string") return failure(frame.reason);
      const parsed = parseFrame(frame, { runId, timestamp: this.#options.now() });
      if ("error" in parsed) return failure(parsed.error);
      const messages: IngestMessage[] = [];
      const places: number[] = [];
      const refused: RefusedItem[] = [];
      parsed.items.forEach((item, index) => {
        if (!item.ok) {
          refused.push({ index, reason: item.error });
          return;
        }
        messages.push(item.message);
        places.push(index);
        this.#metrics.message(item.message.type);
      });
      const outcomes = messages.length === 0 ? [] : await this.#submit(messages);
      outcomes.forEach((outcome, i) => {
        if (!outcome.ok) refused.push({ index: places[i]!, reason: `${messages[i]!.type}: ${outcome.error.message}` });
      });
      return refused.length === 0 ? okReply : failure(describeRefused(refused, parsed.items.length));
    } catch (error) {
      if (error instanceof MatyanError && error.code === "interrupted") return undefined;
      this.#options.warn?.(`a frame of run ${runId} was not stored: ${messageOf(error)}`);
      return failure(`internal publish error: ${messageOf(error)}`);
    }
  }

  /** Clients do not repeat what was answered with an error, so a store that fails for a moment is asked again first. */
  async #submit(messages: readonly IngestMessage[]): Promise<readonly Outcome[]> {
    const start = performance.now();
    for (const pause of this.limits.retryMs) {
      const begun = performance.now();
      try {
        return await this.#options.ingest.submit(messages);
      } catch (error) {
        if (error instanceof MatyanError && (error.code === "interrupted" || error.code === "usage")) throw error;
        const now = performance.now();
        if (now - start + pause + (now - begun) > this.limits.replyMs) throw error;
        await Bun.sleep(pause);
      }
    }
    return await this.#options.ingest.submit(messages);
  }
}

function sizeOf(frame: Frame): number {
  return typeof frame === "string" ? frame.length : 0;
}

function frameLimit(bytes: number): string {
  return `a frame holds at most ${bytes} bytes`;
}

function tooLarge(size: number, limit: number): string {
  const way = "Send fewer messages in a frame (MATYAN_WS_BATCH_SIZE), and large objects as artifacts.";
  return `${frameLimit(limit)}, this one has ${size}: nothing of it is stored. ${way}`;
}

/** Reads from a socket again. When nothing comes of it, all that it had sent is applied. */
function resume(socket: Socket): void {
  if (socket.isPaused) socket.resume();
  const { frames, place } = socket.data;
  if (!place?.isHeld) return;
  // What waits in the kernel comes with the next turn of the event loop.
  setImmediate(() =>
    setImmediate(() => {
      if (frames.length === 0 && !socket.isPaused) place.settle();
    }),
  );
}

async function within(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}

function goAway(socket: Socket): void {
  socket.close(1001, "the server is stopping");
}
