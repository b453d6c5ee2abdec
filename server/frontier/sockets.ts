// The WebSocket side of the frontier: one reply per frame in order, sent when the frame's messages are durable (pipeline.md 4.2).
import { MatyanError, messageOf } from "../../formats/error.ts";
import { type IngestMessage, parseFrame } from "../../formats/messages/index.ts";
import type { Ingest, Outcome } from "../workers/ingest.ts";
import { ApplyGate } from "./applyGate.ts";
import { type FrontierMetrics, noMetrics } from "./frontierMetrics.ts";
import { type FrontierLimits, frontierLimits } from "./limits.ts";
import { describeRefused, errorReply, okReply, type RefusedItem } from "./replies.ts";

export interface SocketOptions {
  readonly ingest: Ingest;
  /** Seconds since the epoch: the time that messages arrive. */
  readonly now: () => number;
  readonly metrics?: FrontierMetrics;
  readonly limits?: Partial<FrontierLimits>;
  /** Told of what went wrong on our side. */
  readonly warn?: (text: string) => void;
}

/** What a connection carries. */
export interface Connection {
  /** From the path; it overrides what messages say. */
  readonly runId: string;
  readonly openedAt: number;
  /** Frames that arrived and have no reply; the first one is in the works. A text, or the size of a binary frame. */
  readonly frames: (string | number)[];
}

type Socket = Bun.ServerWebSocket<Connection>;

/**
 * Back-pressure: a frame is read only after the reply to the one before it. A client that waits for its replies never
 * notices; one that does not is no longer read from, so TCP holds it up. Beyond `heldBytes` in all, nobody is.
 */
export class FrontierSockets {
  readonly limits: FrontierLimits;
  readonly #options: SocketOptions;
  readonly #metrics: FrontierMetrics;
  readonly #gate: ApplyGate;
  readonly #open = new Set<Socket>();
  #heldBytes = 0;
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
      // Bun answers a longer frame with close 1009 and a reason.
      maxPayloadLength: this.limits.frameBytes,
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
    if (this.#busy > 0) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const idle = new Promise<void>((resolve) => this.#idle.push(resolve));
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, deadlineMs);
      });
      await Promise.race([idle, late]);
      clearTimeout(timer);
    }
    clearInterval(this.#pings);
    for (const socket of [...this.#open]) goAway(socket);
  }

  #opened(socket: Socket): void {
    this.#metrics.opened();
    this.#open.add(socket);
    if (this.#isClosing) goAway(socket);
    else if (this.#isFull) socket.pause();
    this.#pings ??= setInterval(() => {
      for (const each of this.#open) each.ping();
    }, this.limits.pingMs);
  }

  #closed(socket: Socket): void {
    this.#open.delete(socket);
    this.#metrics.closed((performance.now() - socket.data.openedAt) / 1_000);
    if (this.#open.size > 0 || this.#pings === undefined) return;
    clearInterval(this.#pings);
    this.#pings = undefined;
  }

  #received(socket: Socket, data: string | Uint8Array): void {
    // What comes after the last reply was not taken: its sender sees the connection close and sends it again.
    if (this.#isClosing) return;
    const { frames } = socket.data;
    frames.push(typeof data === "string" ? data : data.byteLength);
    this.#heldBytes += data.length;
    if (this.#heldBytes > this.limits.heldBytes && !this.#isFull) {
      this.#isFull = true;
      for (const each of this.#open) each.pause();
    }
    if (frames.length > 1) socket.pause();
    else void this.#work(socket);
  }

  /** Replies to the frames of one connection until there are none. */
  async #work(socket: Socket): Promise<void> {
    const { frames } = socket.data;
    this.#busy++;
    for (let frame = frames[0]; frame !== undefined; frame = frames[0]) {
      const size = typeof frame === "string" ? frame.length : 0;
      const room = this.#gate.enter(size);
      if (room !== undefined) await room;
      const reply = await this.#apply(frame, socket.data.runId);
      this.#gate.leave(size);
      frames.shift();
      this.#heldBytes -= typeof frame === "string" ? frame.length : frame;
      if (reply === undefined) goAway(socket);
      else socket.send(reply);
    }
    this.#busy--;
    if (this.#isClosing) goAway(socket);
    else this.#readAgain(socket);
    if (this.#busy === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #readAgain(socket: Socket): void {
    if (!this.#isFull) {
      if (socket.isPaused) socket.resume();
      return;
    }
    if (this.#heldBytes > this.limits.heldBytes / 2) return;
    this.#isFull = false;
    for (const each of this.#open) if (each.data.frames.length === 0) each.resume();
  }

  /** The reply to a frame, or undefined when it must not have one: the process is stopping and did not store it. */
  async #apply(frame: string | number, runId: string): Promise<string | undefined> {
    const failure = (error: string) => {
      this.#metrics.refused();
      return errorReply(error, this.limits.errorLength);
    };
    try {
      if (typeof frame === "number") return failure(`a frame is JSON text, not ${frame} bytes of binary data`);
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
    for (const pause of this.limits.retryMs) {
      try {
        return await this.#options.ingest.submit(messages);
      } catch (error) {
        if (error instanceof MatyanError && (error.code === "interrupted" || error.code === "usage")) throw error;
        await Bun.sleep(pause);
      }
    }
    return await this.#options.ingest.submit(messages);
  }
}

function goAway(socket: Socket): void {
  socket.close(1001, "the server is stopping");
}
