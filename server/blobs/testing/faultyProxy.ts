// A proxy on loopback before a real server, for tests of what happens when the network or the service fails.
import { connect, createServer, type Server, type Socket } from "node:net";

export class FaultyProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #upload: number | undefined;
  #download: number | undefined;
  #answers: string[] = [];
  /** Requests that a fault answered. */
  answered = 0;
  /** Connections that were cut. */
  cuts = 0;

  private constructor(target: { host: string; port: number }) {
    this.#server = createServer((client) => this.#serve(client, target));
  }

  /** @param target `http://host:port` */
  static async before(target: string, port = 0): Promise<FaultyProxy> {
    const { hostname, port: targetPort } = new URL(target);
    const proxy = new FaultyProxy({ host: hostname, port: Number(targetPort) });
    await new Promise<void>((resolve) => proxy.#server.listen(port, "127.0.0.1", resolve));
    return proxy;
  }

  get address(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the proxy does not listen");
    return `http://127.0.0.1:${address.port}`;
  }

  /** Cuts the connection that carries the request's byte `bytes`, counted from now over all connections; once. */
  cutUploadAfter(bytes: number): void {
    this.#upload = bytes;
  }

  cutDownloadAfter(bytes: number): void {
    this.#download = bytes;
  }

  /** Answers the next `times` requests itself. */
  answerNext(times: number, status: string, body = "", headers: readonly string[] = []): void {
    const lines = [`HTTP/1.1 ${status}`, `Content-Length: ${Buffer.byteLength(body)}`, ...headers, "Connection: close"];
    const text = `${lines.join("\r\n")}\r\n\r\n${body}`;
    this.#answers = Array.from({ length: times }, () => text);
  }

  #serve(client: Socket, target: { host: string; port: number }): void {
    const server = connect(target);
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    const cut = () => {
      this.cuts++;
      client.destroy();
      server.destroy();
    };
    client.on("data", (bytes: Buffer) => {
      const isRequest = /^(GET|PUT|POST|HEAD|DELETE) /.test(bytes.subarray(0, 7).toString("latin1"));
      if (isRequest && this.#answers.length > 0) {
        this.answered++;
        client.end(this.#answers.shift()!);
        // What is left of the request is not looked at.
        client.removeAllListeners("data");
        client.resume();
        return;
      }
      if (this.#upload !== undefined) {
        this.#upload -= bytes.length;
        if (this.#upload <= 0) {
          this.#upload = undefined;
          return cut();
        }
      }
      if (!server.write(bytes)) client.pause();
    });
    server.on("drain", () => client.resume());
    client.on("drain", () => server.resume());
    server.on("data", (bytes: Buffer) => {
      if (this.#download !== undefined) {
        this.#download -= bytes.length;
        if (this.#download <= 0) {
          this.#download = undefined;
          return cut();
        }
      }
      if (!client.write(bytes)) server.pause();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
