// Delivery over connections that break, servers that refuse, and servers that say nothing.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { MatyanError } from "../../formats/error.ts";
import type { Item } from "./outbox.ts";
import { Sender } from "./sender.ts";
import type { Refusal, SenderOptions } from "./senderOptions.ts";
import { okReply, openFakeFrontier, type Reaction } from "./testing.ts";

const quick = { backoff: { firstMs: 1, longestMs: 5 } } as const;

function point(n: number, pad = ""): Item {
  return { type: "log_metric", text: JSON.stringify({ type: "log_metric", n, pad }) };
}

function property(n: number): Item {
  return { type: "set_run_property", text: JSON.stringify({ type: "set_run_property", n }) };
}

function sender(frontier: string, options: Partial<SenderOptions> = {}): Sender {
  return new Sender({ frontier, runId: "r 1", ...quick, ...options });
}

test("what is sent in one turn goes out in frames of at most 100 messages, in order", async () => {
  await using frontier = openFakeFrontier(() => okReply);
  const own = sender(frontier.address);
  for (let n = 0; n < 250; n++) void own.send(point(n));
  const delivery = await own.close(5_000);
  expect(delivery).toEqual({ delivered: 250, refused: 0, refusals: [], undelivered: [] });
  expect(frontier.items.map(({ n }) => n)).toEqual(Array.from({ length: 250 }, (_, n) => n));
  expect(frontier.frames.map((frame) => (JSON.parse(frame) as unknown[]).length)).toEqual([100, 100, 50]);
});

test("a frame holds at most a megabyte, or one message", async () => {
  await using frontier = openFakeFrontier(() => okReply);
  const own = sender(frontier.address);
  for (let n = 0; n < 6; n++) void own.send(point(n, "x".repeat(n === 3 ? 1_500_000 : 300_000)));
  await own.close(5_000);
  expect(frontier.items.map(({ n }) => n)).toEqual([0, 1, 2, 3, 4, 5]);
  for (const frame of frontier.frames) expect(frame.length < 1_000_100 || frame.startsWith("{")).toBe(true);
});

test("messages whose order matters are alone on their way, points are not", async () => {
  let inside = 0;
  const together: Record<string, number> = {};
  // A frontier that looks at what has arrived before it answers: frames sent together are there together.
  await using slow = openFakeFrontier(async (_, [item]) => {
    await Bun.sleep(20);
    const type = String(item?.["type"]);
    together[type] = Math.max(together[type] ?? 0, slow.frames.length - inside);
    inside++;
    return okReply;
  });
  const own = sender(slow.address, { batch: { messages: 1, bytes: 1_000 }, window: 3 });
  for (let n = 0; n < 6; n++) void own.send(point(n));
  for (let n = 6; n < 9; n++) void own.send(property(n));
  for (let n = 9; n < 12; n++) void own.send(point(n));
  await own.close(5_000);
  expect(slow.items.map(({ n }) => n)).toEqual(Array.from({ length: 12 }, (_, n) => n));
  expect(together["set_run_property"]).toBe(1);
  expect(together["log_metric"]).toBe(3);
});

test("a connection that breaks before the reply is made again, and the frame sent again to the byte", async () => {
  let breaks = 3;
  await using frontier = openFakeFrontier(() => (breaks-- > 0 ? "break" : okReply));
  const own = sender(frontier.address);
  for (let n = 0; n < 5; n++) void own.send(property(n));
  const delivery = await own.close(5_000);
  expect(delivery.delivered).toBe(5);
  expect(frontier.frames).toHaveLength(4);
  expect(new Set(frontier.frames).size).toBe(1);
  expect(frontier.connections.count).toBe(4);
});

test("whatever breaks, every message arrives and is counted once", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom("ok", "ok", "ok", "break", "restart", "failed", "unclear"), { maxLength: 25 }),
      fc.array(fc.record({ ordered: fc.boolean(), burst: fc.nat(30) }), { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 5 }),
      async (script, bursts, window) => {
        const reactions: Record<string, Reaction> = {
          ok: okReply,
          break: "break",
          restart: { close: 1001 },
          failed: { reply: '{"status":"error","error":"internal publish error"}' },
          // The existing frontier's words when one of several is wrong. Alone, they would be a refusal.
          unclear: { reply: '{"status":"error","error":"1 validation error"}' },
        };
        const queue = [...script];
        await using frontier = openFakeFrontier((_, items) => {
          const next = queue.shift() ?? "ok";
          return reactions[next === "unclear" && items.length === 1 ? "ok" : next]!;
        });
        const own = sender(frontier.address, { window, batch: { messages: 7, bytes: 10_000 } });
        let n = 0;
        for (const { ordered, burst } of bursts) {
          for (let i = 0; i <= burst; i++) await own.send(ordered ? property(n++) : point(n++));
          if (burst % 3 === 0) await Bun.sleep(1);
        }
        const delivery = await own.close(10_000);
        expect(delivery).toEqual({ delivered: n, refused: 0, refusals: [], undelivered: [] });
        const seen = new Set(frontier.items.map((item) => Number(item["n"])));
        expect([...seen].sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i));
      },
    ),
    { numRuns: 40 },
  );
}, 60_000);

test("with one frame on its way, nothing arrives before what was sent before it", async () => {
  let count = 0;
  await using frontier = openFakeFrontier(() => (++count % 3 === 0 ? "break" : okReply));
  const own = sender(frontier.address, { window: 1, batch: { messages: 3, bytes: 10_000 } });
  for (let n = 0; n < 40; n++) void own.send(point(n));
  await own.close(5_000);
  const firsts = [...new Set(frontier.items.map(({ n }) => n))];
  expect(firsts).toEqual(Array.from({ length: 40 }, (_, n) => n));
});

test("an item that our frontier names is reported, its neighbours are delivered", async () => {
  const refusals: Refusal[] = [];
  await using frontier = openFakeFrontier((_, items) => ({
    reply: JSON.stringify({
      status: "error",
      error: `2 of ${items.length} items refused, the other ${items.length - 2} are stored\nitem 1: bad\nvalue\nitem 3: worse`,
    }),
  }));
  const own = sender(frontier.address, { onRefused: (refusal) => refusals.push(refusal) });
  for (let n = 0; n < 5; n++) void own.send(point(n));
  const delivery = await own.close(5_000);
  expect(delivery.delivered).toBe(3);
  expect(delivery.refusals.map(({ item, reason }) => [item, reason])).toEqual([
    [point(1), "bad\nvalue"],
    [point(3), "worse"],
  ]);
  expect(refusals).toHaveLength(2);
  expect(frontier.frames).toHaveLength(1);
});

test("behind a frontier that stops at the first fault, all others are delivered one by one", async () => {
  await using frontier = openFakeFrontier((_, items) => {
    const isBad = items.some(({ n }) => n === 2);
    return isBad ? { reply: '{"status":"error","error":"1 validation error for x\\nlog_metric.step"}' } : okReply;
  });
  const own = sender(frontier.address);
  for (let n = 0; n < 5; n++) void own.send(point(n));
  const delivery = await own.close(5_000);
  expect(delivery.delivered).toBe(4);
  expect(delivery.refusals.map(({ item }) => item)).toEqual([point(2)]);
});

test("a message that the store fails on is tried again, and given up with the reason when it always does", async () => {
  let failures = 4;
  await using frontier = openFakeFrontier((_, [item]) => {
    const failed: Reaction = { reply: '{"status":"error","error":"internal publish error: disk full"}' };
    if (item?.["n"] === 1) return failed;
    return failures-- > 0 ? failed : okReply;
  });
  const own = sender(frontier.address, { window: 1 });
  void own.send(point(0));
  await own.flush(5_000);
  void own.send(point(1));
  void own.send(point(2));
  const delivery = await own.close(5_000);
  expect(delivery.delivered).toBe(2);
  expect(delivery.refusals.map(({ item }) => item)).toEqual([point(1)]);
  expect(delivery.refusals[0]?.reason).toContain("disk full");
});

test("the message over which a server closes the connection is found; the others are delivered", async () => {
  for (const code of [1000, 1009]) {
    await using frontier = openFakeFrontier((_, items) => (items.some(({ n }) => n === 3) ? { close: code } : okReply));
    const own = sender(frontier.address);
    for (let n = 0; n < 6; n++) void own.send(point(n));
    const delivery = await own.close(10_000);
    expect(delivery.delivered).toBe(5);
    expect(delivery.refusals.map(({ item }) => item)).toEqual([point(3)]);
  }
});

test("close says what nobody acknowledged", async () => {
  await using frontier = openFakeFrontier((_, items) => (items.some(({ n }) => Number(n) >= 3) ? "silence" : okReply));
  const own = sender(frontier.address, { batch: { messages: 1, bytes: 1 }, window: 1 });
  for (let n = 0; n < 6; n++) void own.send(point(n));
  const delivery = await own.close(200);
  expect(delivery.delivered).toBe(3);
  expect(delivery.undelivered).toEqual([point(3), point(4), point(5)]);
  expect(() => own.send(point(7))).toThrow("after the run's connection was closed");
});

test("flush names what is in the way, and the messages stay", async () => {
  const nobody = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("") });
  const address = `http://127.0.0.1:${nobody.port}`;
  await nobody.stop(true);
  const own = sender(address);
  void own.send(point(1));
  await expect(own.flush(100)).rejects.toThrow(`the frontier at ${address} can't be reached: nothing listens there`);
  expect((await own.close(0)).undelivered).toEqual([point(1)]);
});

test("a server that comes late gets everything", async () => {
  const first = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("") });
  const port = first.port!;
  await first.stop(true);
  const own = sender(`http://127.0.0.1:${port}`, { backoff: { firstMs: 10, longestMs: 20 } });
  for (let n = 0; n < 10; n++) void own.send(point(n));
  await Bun.sleep(60);
  const items: number[] = [];
  const late = Bun.serve({
    port,
    hostname: "127.0.0.1",
    fetch: (request, server) => (server.upgrade(request) ? undefined : new Response("no")),
    websocket: {
      message: (socket, data) => {
        items.push(...(JSON.parse(String(data)) as { n: number }[]).map(({ n }) => n));
        socket.send('{"status":"ok"}');
      },
    },
  });
  expect((await own.close(5_000)).delivered).toBe(10);
  expect(items).toEqual(Array.from({ length: 10 }, (_, n) => n));
  await late.stop(true);
});

test("a connection on which nothing is heard any more is given up", async () => {
  // The handshake of RFC 6455 by hand, so that pings stay without an answer.
  let accepted = 0;
  const dead = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket, data) {
        const key = /sec-websocket-key: (.+)\r\n/i.exec(data.toString())?.[1];
        if (key === undefined) return;
        accepted++;
        const accept = new Bun.CryptoHasher("sha1")
          .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
          .digest("base64");
        socket.write(
          `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
        );
      },
    },
  });
  const troubles: string[] = [];
  const own = sender(`http://127.0.0.1:${dead.port}`, {
    pingMs: 10,
    silentMs: 60,
    idleMs: 10_000,
    onTrouble: (reason) => troubles.push(reason),
  });
  void own.send(point(1));
  await Bun.sleep(300);
  expect(accepted).toBeGreaterThan(1);
  expect(troubles[0]).toContain("nothing was heard");
  expect((await own.close(0)).undelivered).toEqual([point(1)]);
  dead.stop(true);
});

test("an unused connection is closed, and made again when there is something to send", async () => {
  await using frontier = openFakeFrontier(() => okReply);
  const own = sender(frontier.address, { idleMs: 30 });
  void own.send(point(1));
  await own.flush(5_000);
  await Bun.sleep(150);
  expect(frontier.connections.open).toBe(0);
  void own.send(point(2));
  expect((await own.close(5_000)).delivered).toBe(2);
  expect(frontier.connections.count).toBe(2);
});

test("who awaits is slowed down to the server's pace, who does not is stopped before memory ends", async () => {
  let release = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  await using frontier = openFakeFrontier(async () => {
    await gate;
    return okReply;
  });
  const own = sender(frontier.address, { softBytes: 10_000, hardBytes: 50_000 });
  let isWaiting = false;
  const waits = (async () => {
    for (let n = 0; n < 20; n++) {
      const room = own.send(point(n, "x".repeat(1_000)));
      isWaiting = Bun.peek.status(room) === "pending";
      await room;
    }
  })();
  await Bun.sleep(20);
  expect(isWaiting).toBe(true);
  expect(() => {
    for (let n = 0; n < 100; n++) void own.send(point(n, "x".repeat(1_000)));
  }).toThrow("bytes of messages wait to be sent");
  release();
  await waits;
  expect((await own.close(5_000)).undelivered).toEqual([]);
});

test("a message over 16 MiB is refused where it is made", () => {
  const own = sender("http://127.0.0.1:9");
  expect(() => own.send(point(1, "x".repeat(17 * 1024 * 1024)))).toThrow("is over 16 MiB");
});

test("something else at the address is told at once, with the way out", async () => {
  const pages = Bun.serve({
    port: 0,
    fetch: () => new Response("<!doctype html><title>UI</title>", { headers: { "content-type": "text/html" } }),
  });
  const own = sender(`http://127.0.0.1:${pages.port}`);
  void own.send(point(1));
  const error = await own.firstFlush(20_000).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(MatyanError);
  expect((error as MatyanError).message).toContain("answers with web pages: it is not the frontier");
  expect((error as MatyanError).hint).toContain("53801");
  await own.close(0);
  await pages.stop(true);
});
