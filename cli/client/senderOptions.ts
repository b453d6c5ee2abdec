// What a sender is told, what it does when it is not told, and what it says of its work.
import { type Backoff, defaultBackoff, realTiming, type Timing } from "./backoff.ts";
import type { Item } from "./outbox.ts";

export interface SenderOptions {
  /** The frontier's address, as `parseAddress` gives it. */
  readonly frontier: string;
  readonly runId: string;
  /** Told of each message that the server refused, as it happens. */
  readonly onRefused?: (refusal: Refusal) => void;
  /** Told when the connection is lost or cannot be made. */
  readonly onTrouble?: (reason: string) => void;
  /** Bytes held before `send` asks its caller to wait, 32 MiB; and before it refuses, 512 MiB. */
  readonly softBytes?: number;
  readonly hardBytes?: number;
  /** The largest frame: 100 messages, 1 MB. */
  readonly batch?: { readonly messages: number; readonly bytes: number };
  /** Frames on their way at once, where their order does not matter; 4. */
  readonly window?: number;
  readonly backoff?: Backoff;
  /** Without anything to send for so long the connection is closed, so that it doesn't keep a script alive; 5 s. */
  readonly idleMs?: number;
  /** Between pings, and the silence after which a connection counts as dead. 10 s, 40 s. */
  readonly pingMs?: number;
  readonly silentMs?: number;
  /** Time for a connection to open; 10 s. */
  readonly openMs?: number;
  readonly timing?: Timing;
}

/** A message that will not be stored. */
export interface Refusal {
  readonly item: Item;
  readonly reason: string;
}

export interface Delivery {
  /** Messages that the server has acknowledged as stored. */
  readonly delivered: number;
  readonly refused: number;
  /** The first 1,000 refusals. */
  readonly refusals: readonly Refusal[];
  /** Messages that nobody has acknowledged, in order. They may or may not be stored; sending them again is safe. */
  readonly undelivered: readonly Item[];
}

/** Options with nothing left open but who is told. */
export type SenderSettings = Required<Omit<SenderOptions, "onRefused" | "onTrouble">> & SenderOptions;

export function withDefaults(options: SenderOptions): SenderSettings {
  return {
    softBytes: 32 * 1024 * 1024,
    hardBytes: 512 * 1024 * 1024,
    batch: { messages: 100, bytes: 1_000_000 },
    window: 4,
    backoff: defaultBackoff,
    idleMs: 5_000,
    pingMs: 10_000,
    silentMs: 40_000,
    openMs: 10_000,
    timing: realTiming,
    ...options,
  };
}
