// Test support: a WebSocket client whose replies can be waited for one by one, in order.

export interface Reply {
  readonly status: string;
  readonly error: string | null;
}

export class TestConnection {
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  readonly #socket: WebSocket;
  readonly #replies: string[] = [];
  #waiting: ((reply: string) => void)[] = [];

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => {
      socket.onclose = ({ code, reason }) => resolve({ code, reason });
    });
    socket.onmessage = ({ data }) => {
      const next = this.#waiting.shift();
      if (next === undefined) this.#replies.push(String(data));
      else next(String(data));
    };
  }

  /** @param address `http://host:port` and the path of a run's socket. */
  static async open(address: string): Promise<TestConnection> {
    const socket = new WebSocket(address.replace(/^http/, "ws"));
    const connection = new TestConnection(socket);
    await new Promise<void>((resolve, reject) => {
      socket.onopen = () => resolve();
      socket.onerror = () => reject(new Error(`no connection to ${address}`));
    });
    return connection;
  }

  send(frame: string | Uint8Array): void {
    this.#socket.send(frame);
  }

  /** The text of the next reply; rejects when the connection closes first. */
  async nextText(): Promise<string> {
    const ready = this.#replies.shift();
    if (ready !== undefined) return ready;
    const reply = new Promise<string>((resolve) => this.#waiting.push(resolve));
    const closed = this.closed.then(({ code, reason }) => {
      throw new Error(`closed before a reply: ${code} ${reason}`);
    });
    return await Promise.race([reply, closed]);
  }

  async next(): Promise<Reply> {
    return JSON.parse(await this.nextText()) as Reply;
  }

  async ask(frame: string | object): Promise<Reply> {
    this.send(typeof frame === "string" ? frame : JSON.stringify(frame));
    return await this.next();
  }

  /** Replies that came and were not asked for yet. */
  get unread(): number {
    return this.#replies.length;
  }

  /** Loses the connection, as a network does. */
  terminate(): void {
    this.#socket.terminate();
  }

  async close(): Promise<void> {
    this.#socket.close();
    await this.closed;
  }
}

const moment = "2025-06-01T10:00:00.250000+00:00";

export function createRunFrame(): object {
  return { type: "create_run", run_id: "ignored", client_datetime: moment, force_resume: false };
}

export function metricFrame(name: string, step: number, value: number): object {
  const labels = { epoch: null, context: { subset: "train" }, dtype: "float", client_datetime: moment };
  return { type: "log_metric", run_id: "ignored", name, value, step, ...labels };
}
