// Streams over real connections: whole or cut, never ahead of the client, and over when the client is gone.
import { describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { type StreamOwner, streamOf, streamResponse } from "./respond.ts";

const frame = new Uint8Array([1, 2, 3]);

async function rawAnswer(port: number): Promise<{ readonly text: string; readonly isWhole: boolean }> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let text = "";
  const socket = connect(port, "127.0.0.1");
  socket.on("data", (data) => {
    text += data.toString("latin1");
  });
  socket.on("error", () => undefined);
  socket.on("close", () => resolve());
  socket.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  await promise;
  return { text, isWhole: text.endsWith("0\r\n\r\n") };
}

describe("a stream", () => {
  test("is whole when its frames end", async () => {
    async function* frames() {
      yield frame;
      yield new Uint8Array(0);
      await Bun.sleep(5);
      yield frame;
    }
    await using server = serve((owner) => streamResponse(frames(), owner));
    const { text, isWhole } = await rawAnswer(server.port);
    expect(text).toContain("application/octet-stream");
    expect(isWhole).toBe(true);
  });

  test("is cut, not ended, when its frames fail", async () => {
    async function* frames() {
      yield frame;
      await Bun.sleep(5);
      throw new Error("a fault in the middle, which this test makes");
    }
    const failures: unknown[] = [];
    await using server = serve(({ signal }) => streamResponse(frames(), ownerOf(signal, failures)));
    expect((await rawAnswer(server.port)).isWhole).toBe(false);
    expect(failures.map(String)).toEqual(["Error: a fault in the middle, which this test makes"]);
  });

  test("sends each frame when it is there", async () => {
    const more = Promise.withResolvers<void>();
    async function* frames() {
      yield frame;
      await more.promise;
      yield frame;
    }
    await using server = serve((owner) => streamResponse(frames(), owner));
    const reader = (await fetch(server.url)).body!.getReader();
    expect((await reader.read()).value).toEqual(frame);
    more.resolve();
    expect((await reader.read()).value).toEqual(frame);
    expect((await reader.read()).done).toBe(true);
  });

  test("ends its iteration when the client goes away", async () => {
    const ended = Promise.withResolvers<void>();
    async function* frames() {
      try {
        for (;;) {
          yield frame;
          await Bun.sleep(1);
        }
      } finally {
        ended.resolve();
      }
    }
    await using server = serve((owner) => streamResponse(frames(), owner));
    const gone = new AbortController();
    const reader = (await fetch(server.url, { signal: gone.signal })).body!.getReader();
    await reader.read();
    gone.abort();
    await ended.promise;
  });

  test("asks for no frame that nobody reads", async () => {
    let asked = 0;
    async function* frames() {
      for (;;) {
        asked++;
        yield frame;
      }
    }
    const stream = streamOf(frames(), ownerOf(new AbortController().signal));
    await Bun.sleep(5);
    expect(asked).toBe(0);
    const reader = stream.getReader();
    await reader.read();
    await reader.read();
    expect(asked).toBe(2);
    await reader.cancel();
  });

  test("that is aborted from our side fails for its reader", async () => {
    const abort = new AbortController();
    async function* frames() {
      for (;;) yield frame;
    }
    const reader = streamOf(frames(), ownerOf(abort.signal)).getReader();
    await reader.read();
    abort.abort();
    const ended = await reader.read().then(
      () => "cleanly",
      () => "as a failure",
    );
    expect(ended).toBe("as a failure");
  });
});

function ownerOf(signal: AbortSignal, failures: unknown[] = []): StreamOwner {
  return { signal, streamFailed: (error) => failures.push(error) };
}

function serve(answer: (owner: StreamOwner) => Response) {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: (request) => answer(ownerOf(request.signal)) });
  return {
    url: server.url.href,
    port: server.port!,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}
