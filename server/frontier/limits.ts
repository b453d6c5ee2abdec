// How much the frontier holds for its clients, and how long it waits for them.

export interface FrontierLimits {
  /** The largest frame, bytes. A larger one is refused, and the socket closed with 1009 (pipeline.md 4.2). */
  readonly frameBytes: number;
  /** Bytes of frames that arrived and have no reply yet, of all connections; beyond it nobody is read from. */
  readonly heldBytes: number;
  /** Bytes of frames that are read and applied at the same time; parsed, they take ten times as much. */
  readonly appliedBytes: number;
  /** While more than so many bytes wait, garbage is collected after that many were read: 20 ms for some 20,000 messages. */
  readonly collectBytes: number;
  /** The longest error reply, characters: reports echo what was sent. */
  readonly errorLength: number;
  /** Between pings of every connection, milliseconds. */
  readonly pingMs: number;
  /** Seconds without a byte from the client, pongs included, after which the connection is given up. */
  readonly silentSeconds: number;
  /** How long a connection waits for what earlier ones of its run sent, milliseconds. Two that send all the time take turns by this. */
  readonly orderMs: number;
  /** Pauses between attempts to store a frame when the store, or the bus, fails as a whole, milliseconds. */
  readonly retryMs: readonly number[];
  /** No attempt begins that would end later than this if it took as long as the one before, milliseconds: clients wait 15 s. */
  readonly replyMs: number;
}

const mebibyte = 1024 * 1024;

export const frontierLimits: FrontierLimits = {
  frameBytes: 16 * mebibyte,
  heldBytes: 16 * mebibyte,
  appliedBytes: mebibyte,
  collectBytes: 4 * mebibyte,
  errorLength: 16_000,
  pingMs: 20_000,
  silentSeconds: 120,
  orderMs: 5_000,
  retryMs: [250, 1_000, 3_000],
  replyMs: 13_000,
};
