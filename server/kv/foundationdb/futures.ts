// Waiting for the client library without blocking the event loop: its network thread calls back, and the call is handed
// to the event loop. Nothing runs while nothing happens (docs/foundationdb.md has what that costs beside polling).
import { JSCallback } from "bun:ffi";
import { storeError } from "./errors.ts";
import type { Address, Client } from "./native.ts";

export class Futures {
  readonly #client: Client;
  readonly #waiting = new Map<Address, () => void>();
  /** Lives as long as the process: the network thread may call it until it has ended. */
  readonly #callback: JSCallback;
  /** An event loop knows nothing of native threads: without this the process would end while it waits. */
  readonly #keepAlive = setInterval(() => {}, 0x7fff_ffff).unref();

  constructor(client: Client) {
    this.#client = client;
    this.#callback = new JSCallback((future: Address) => this.#called(future), {
      args: ["ptr", "ptr"],
      returns: "void",
      threadsafe: true,
    });
  }

  /**
   * What `read` makes of the future when it is ready; the future is destroyed then, whatever happens. Until then nobody
   * else may destroy it.
   * @throws KvError of the future.
   */
  async take<T>(future: Address, read: (future: Address) => T): Promise<T> {
    const client = this.#client;
    try {
      if (client.fdb_future_is_ready(future) === 0) await this.#ready(future);
      const code = client.fdb_future_get_error(future);
      if (code !== 0) throw storeError(client, code);
      return read(future);
    } finally {
      client.fdb_future_destroy(future);
    }
  }

  async #ready(future: Address): Promise<void> {
    if (this.#waiting.size === 0) this.#keepAlive.ref();
    const called = Promise.withResolvers<void>();
    this.#waiting.set(future, called.resolve);
    const code = this.#client.fdb_future_set_callback(future, this.#callback.ptr, null);
    if (code !== 0) {
      this.#called(future);
      throw storeError(this.#client, code);
    }
    await called.promise;
  }

  #called(future: Address): void {
    const resolve = this.#waiting.get(future);
    this.#waiting.delete(future);
    if (this.#waiting.size === 0) this.#keepAlive.unref();
    resolve?.();
  }
}

export interface FutureAccess {
  readonly client: Client;
  readonly futures: Futures;
}

/** A future of which nobody has asked for the answer yet. */
export class Pending<T> {
  readonly #access: FutureAccess;
  readonly #read: (future: Address) => T;
  readonly #ended: (pending: Pending<unknown>) => void;
  /** Undefined once it is taken or dropped. */
  #future: Address | undefined;

  constructor(
    access: FutureAccess,
    future: Address,
    read: (future: Address) => T,
    ended: (pending: Pending<unknown>) => void,
  ) {
    this.#access = access;
    this.#future = future;
    this.#read = read;
    this.#ended = ended;
  }

  /** Once. @throws KvError of the future. */
  async take(): Promise<T> {
    const future = this.#future;
    if (future === undefined) throw new Error("an answer of FoundationDB is taken twice");
    this.#future = undefined;
    try {
      return await this.#access.futures.take(future, this.#read);
    } finally {
      this.#ended(this);
    }
  }

  /** Gives the answer up, unless it was asked for. No callback is set on such a future, so none comes late. */
  drop(): void {
    if (this.#future === undefined) return;
    this.#access.client.fdb_future_destroy(this.#future);
    this.#future = undefined;
    this.#ended(this);
  }
}
