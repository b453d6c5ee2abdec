import { expect, test } from "bun:test";
import { connect } from "node:net";
import { MatyanError } from "../../formats/error.ts";
import type { IngestMessage } from "../../formats/messages/index.ts";
import { createRunFrame, metricFrame, TestConnection } from "../testing/connection.ts";
import type { Ingest, Outcome } from "../workers/ingest.ts";
import { okReply } from "./replies.ts";
import { openTestFrontier } from "./testing.ts";

/** An `Ingest` that applies nothing before it is told to. */
class HeldIngest implements Ingest {
  readonly taken: (readonly IngestMessage[])[] = [];
  #release: (() => void)[] = [];

  async submit(messages: readonly IngestMessage[]): Promise<readonly Outcome[]> {
    this.taken.push(messages);
    await new Promise<void>((resolve) => this.#release.push(resolve));
    return messages.map(() => ({ ok: true }));
  }

  releaseOne(): void {
    this.#release.shift()?.();
  }

  async untilTaken(count: number): Promise<void> {
    while (this.taken.length < count) await Bun.sleep(1);
  }
}

test("an accepted frame is answered with exactly the existing system's text, and is stored", async () => {
  await using served = await openTestFrontier();
  const client = await TestConnection.open(served.socketOf("run1"));
  client.send(JSON.stringify(createRunFrame()));
  expect(await client.nextText()).toBe('{"status":"ok","error":null}');
  client.send(JSON.stringify([metricFrame("loss", 0, 0.5), metricFrame("loss", 1, 0.25)]));
  expect(await client.nextText()).toBe(okReply);
  expect(await served.pointsOf("run1", "loss")).toEqual({ 0: 0.5, 1: 0.25 });
  expect(await client.ask("[]")).toEqual({ status: "ok", error: null });
});

test("one bad item of a batch leaves its neighbours stored, and the reply names it, its field and the reason", async () => {
  await using served = await openTestFrontier();
  const client = await TestConnection.open(served.socketOf("run1"));
  const bad = { ...metricFrame("loss", 1, 1), step: 1.5 };
  const frame = [
    createRunFrame(),
    metricFrame("loss", 0, 0.5),
    bad,
    7,
    null,
    { type: "nonsense" },
    metricFrame("loss", 2, 2),
  ];
  const { status, error } = await client.ask(frame);
  expect(status).toBe("error");
  expect(error).toContain("4 of 7 items refused, the other 3 are stored");
  expect(error).toContain("item 2: 1 validation error for tagged-union[");
  expect(error).toContain("log_metric.step");
  expect(error).toContain("item 3: ");
  expect(error).toContain("item 4: ");
  expect(error).toContain("item 5: ");
  expect(await served.pointsOf("run1", "loss")).toEqual({ 0: 0.5, 2: 2 });
  expect(await served.metaOf("run1")).toBeDefined();
});

test("an item that only the store refuses is named too", async () => {
  await using served = await openTestFrontier();
  const client = await TestConnection.open(served.socketOf("run1"));
  const long = { ...metricFrame("x".repeat(20_000), 0, 1) };
  const { status, error } = await client.ask([createRunFrame(), long, metricFrame("loss", 0, 1)]);
  expect(status).toBe("error");
  expect(error).toContain("1 of 3 items refused, the other 2 are stored\nitem 1: log_metric: ");
  expect(await served.pointsOf("run1", "loss")).toEqual({ 0: 1 });
});

test("a lone bad message is answered with the existing system's report", async () => {
  await using served = await openTestFrontier();
  const client = await TestConnection.open(served.socketOf("run1"));
  const { error } = await client.ask({ type: "add_tag" });
  expect(error).toStartWith("1 validation error for tagged-union[");
  expect(error).toContain("add_tag.tag_name\n");
});

test.each([
  ["text that is no JSON", "{nonsense"],
  ["a number", "17"],
  ["an empty frame", ""],
  ["binary data", new Uint8Array([1, 2, 3])],
  ["a batch of batches", "[[[]]]"],
  ["an object without a type", "{}"],
])("%s gets an error reply and the connection goes on", async (_, frame) => {
  await using served = await openTestFrontier();
  const client = await TestConnection.open(served.socketOf("run1"));
  client.send(frame);
  const { status, error } = await client.next();
  expect(status).toBe("error");
  expect(error).not.toBe("");
  expect(await client.ask(createRunFrame())).toEqual({ status: "ok", error: null });
});

test("the run of the path counts, whatever messages say, in any spelling of the path", async () => {
  await using served = await openTestFrontier();
  const paths = [
    "/api/v1/ws/runs/a%20%C3%A9%25",
    "//api/v1/ws/runs/double",
    "/api/v1/ws/runs/slash/",
    "/api/v1/ws/runs/50%",
  ];
  for (const path of paths) {
    const client = await TestConnection.open(served.address + path);
    expect((await client.ask(createRunFrame())).status).toBe("ok");
    await client.close();
  }
  for (const run of ["a é%", "double", "slash", "50%"]) expect(await served.metaOf(run)).toBeDefined();
  expect(await served.metaOf("ignored")).toBeUndefined();
  expect((await fetch(served.socketOf("a%2Fb"))).status).toBe(404);
  expect((await fetch(served.socketOf("plain"))).status).toBe(426);
});

/** A frame of so many bytes. */
function longFrame(length: number, letter = "x"): string {
  const text = JSON.stringify({ type: "log_hparams", value: { note: "" } });
  return text.replace('""', `"${letter.repeat((length - text.length) / Buffer.byteLength(letter))}"`);
}

const limit = 16 * 1024 * 1024;

test.each([
  ["", limit + 1, "x"],
  [", also when it has fewer characters than that", limit + 2, "é"],
])(
  "a frame of more than 16 MiB is refused by name%s, what came before it is stored, and the socket closes with 1009",
  async (_, size, letter) => {
    await using served = await openTestFrontier();
    const client = await TestConnection.open(served.socketOf("run1"));
    client.send(JSON.stringify([createRunFrame(), metricFrame("loss", 0, 1)]));
    const frame = longFrame(size, letter);
    client.send(frame);
    client.send(JSON.stringify(metricFrame("loss", 1, 1)));
    expect(await client.next()).toEqual({ status: "ok", error: null });
    const { status, error } = await client.next();
    expect(status).toBe("error");
    expect(error).toStartWith(`a frame holds at most ${limit} bytes, this one has ${Buffer.byteLength(frame)}: `);
    expect(error).toContain("MATYAN_WS_BATCH_SIZE");
    expect(await client.closed).toEqual({ code: 1009, reason: `a frame holds at most ${limit} bytes` });
    const stats = () => served.frontier.sockets.stats;
    while (stats().connections > 0 || stats().heldBytes > 0) await Bun.sleep(1);
    expect(await served.pointsOf("run1", "loss")).toMatchObject({ 0: 1 });
    const next = await TestConnection.open(served.socketOf("run1"));
    expect((await next.ask(metricFrame("loss", 2, 1))).status).toBe("ok");
  },
);

test("a frame of 16 MiB is taken; one of more than twice that closes the socket with 1009 before it is read", async () => {
  await using served = await openTestFrontier();
  const client = await TestConnection.open(served.socketOf("run1"));
  await client.ask(createRunFrame());
  expect(await client.ask(longFrame(limit))).toEqual({ status: "ok", error: null });
  client.send(longFrame(2 * limit + 1));
  const { code, reason } = await client.closed;
  expect(code).toBe(1009);
  expect(reason).not.toBe("");
});

test("replies come in the order of the frames, one each, also to frames sent without waiting", async () => {
  await using served = await openTestFrontier();
  const client = await TestConnection.open(served.socketOf("run1"));
  await client.ask(createRunFrame());
  const frames = Array.from({ length: 200 }, (_, i) =>
    i % 3 === 0 ? `broken ${i}` : JSON.stringify(metricFrame("loss", i, i)),
  );
  for (const frame of frames) client.send(frame);
  for (let i = 0; i < frames.length; i++) expect((await client.next()).status).toBe(i % 3 === 0 ? "error" : "ok");
  expect(client.unread).toBe(0);
  expect(Object.keys(await served.pointsOf("run1", "loss"))).toHaveLength(133);
});

test("a client that does not wait for replies is no longer read from: the server holds a few frames, TCP the rest", async () => {
  const ingest = new HeldIngest();
  await using served = await openTestFrontier({ ingest });
  const client = await TestConnection.open(served.socketOf("run1"));
  const count = 200;
  const text = "x".repeat(1_000_000);
  const frame = JSON.stringify({ type: "log_hparams", value: { a: text, b: 1 } });
  for (let i = 0; i < count; i++) client.send(frame);
  await ingest.untilTaken(1);
  await Bun.sleep(200);
  expect(ingest.taken).toHaveLength(1);
  expect(served.frontier.sockets.stats.heldBytes).toBeLessThan(4_000_000);
  for (let i = 1; i <= count; i++) {
    await ingest.untilTaken(i);
    ingest.releaseOne();
  }
  for (let i = 0; i < count; i++) expect((await client.next()).status).toBe("ok");
});

test("beyond the limit for all connections together nobody is read from, until there is room again", async () => {
  const ingest = new HeldIngest();
  await using served = await openTestFrontier({ ingest, limits: { heldBytes: 3_000_000, appliedBytes: 1_000_000 } });
  const frame = JSON.stringify({ type: "log_hparams", value: { a: "x".repeat(500_000), b: 1 } });
  const clients = await Promise.all(
    Array.from({ length: 30 }, (_, i) => TestConnection.open(served.socketOf(`run${i}`))),
  );
  for (const client of clients) client.send(frame);
  await ingest.untilTaken(1);
  await Bun.sleep(200);
  // What was on its way when the limit was met is one frame a connection at most; of those few are read at the same time.
  expect(served.frontier.sockets.stats.heldBytes).toBeLessThan(16_000_000);
  expect(ingest.taken).toHaveLength(1);
  const late = await TestConnection.open(served.socketOf("late"));
  late.send(frame);
  for (let i = 1; i <= 31; i++) {
    await ingest.untilTaken(i);
    ingest.releaseOne();
  }
  for (const client of [...clients, late]) expect((await client.next()).status).toBe("ok");
  expect(served.frontier.sockets.stats.heldBytes).toBe(0);
});

test("what a client sent before it died is stored, and its connection is let go", async () => {
  await using served = await openTestFrontier();
  const client = await TestConnection.open(served.socketOf("run1"));
  await client.ask(createRunFrame());
  client.send(JSON.stringify(metricFrame("loss", 0, 1)));
  await client.close();
  while (served.frontier.sockets.stats.connections > 0) await Bun.sleep(5);
  await served.loop.drain();
  while (served.frontier.sockets.stats.heldBytes > 0) await Bun.sleep(5);
  expect(await served.pointsOf("run1", "loss")).toEqual({ 0: 1 });
});

test("what a client sends over a new connection is applied behind what arrived over its lost one, to the last frame", async () => {
  const ingest = new HeldIngest();
  await using served = await openTestFrontier({ ingest });
  const lost = await TestConnection.open(served.socketOf("run1"));
  const padding = "x".repeat(200_000);
  const named = (name: string) => JSON.stringify({ type: "set_run_property", name, description: padding });
  // More than one read of a socket, so that a part is still in the kernel when the connection is lost.
  const before = Array.from({ length: 12 }, (_, i) => `before ${i}`);
  for (const name of before) lost.send(named(name));
  await ingest.untilTaken(1);
  await Bun.sleep(100);
  lost.terminate();
  const back = await TestConnection.open(served.socketOf("run1"));
  const other = await TestConnection.open(served.socketOf("run2"));
  back.send(named("after"));
  other.send(named("other"));
  await ingest.untilTaken(2);
  ingest.releaseOne();
  const isAfter = () => ingest.taken.some(([first]) => first?.payload.get("name") === "after");
  while (!isAfter()) {
    ingest.releaseOne();
    await Bun.sleep(1);
  }
  const names = ingest.taken.flatMap((messages) => messages.map(({ payload }) => payload.get("name")));
  // Another run does not wait. What the client had not yet handed to its kernel is lost with it.
  expect(names.slice(0, 2)).toEqual(["before 0", "other"]);
  expect(names.at(-1)).toBe("after");
  const arrived = names.filter((name) => String(name).startsWith("before"));
  expect(arrived.length).toBeGreaterThan(3);
  expect(arrived).toEqual(before.slice(0, arrived.length));
  ingest.releaseOne();
  expect((await back.next()).status).toBe("ok");
});

test("two connections of one run at the same time do not hold each other up", async () => {
  const ingest = new HeldIngest();
  await using served = await openTestFrontier({ ingest, limits: { orderMs: 20 } });
  const [one, two] = [
    await TestConnection.open(served.socketOf("run1")),
    await TestConnection.open(served.socketOf("run1")),
  ];
  one.send(JSON.stringify(metricFrame("loss", 0, 1)));
  await ingest.untilTaken(1);
  two.send(JSON.stringify(metricFrame("loss", 1, 1)));
  await ingest.untilTaken(2);
  // The third comes while others are at work, and waits no longer than it has to.
  const three = await TestConnection.open(served.socketOf("run1"));
  three.send(JSON.stringify(metricFrame("loss", 2, 1)));
  await ingest.untilTaken(3);
  for (const client of [one, two, three]) {
    ingest.releaseOne();
    expect((await client.next()).status).toBe("ok");
  }
});

test("frames sent twice change nothing", async () => {
  await using served = await openTestFrontier();
  const client = await TestConnection.open(served.socketOf("run1"));
  const frame = [createRunFrame(), { ...metricFrame("loss", 0, 1), step: null }, { type: "add_tag", tag_name: "t" }];
  for (let i = 0; i < 3; i++) expect((await client.ask(frame)).status).toBe("ok");
  expect(await served.pointsOf("run1", "loss")).toEqual({ 0: 1 });
});

test("connections are pinged and stay open while nothing is said", async () => {
  await using served = await openTestFrontier({ limits: { pingMs: 20 } });
  const pings = await countPings(Number(new URL(served.address).port), 3);
  expect(pings).toBeGreaterThanOrEqual(3);
});

test("a store that fails for a moment is asked again; one that goes on failing is told to the client", async () => {
  let failures = 2;
  const flaky: Ingest = {
    submit: async (messages) => {
      if (failures-- > 0) throw new MatyanError("io", "the disk is full");
      return messages.map(() => ({ ok: true as const }));
    },
  };
  await using served = await openTestFrontier({ ingest: flaky, limits: { retryMs: [1, 1, 1] } });
  const client = await TestConnection.open(served.socketOf("run1"));
  expect(await client.ask(createRunFrame())).toEqual({ status: "ok", error: null });
  failures = 10;
  expect(await client.ask(createRunFrame())).toEqual({
    status: "error",
    error: "internal publish error: the disk is full",
  });
});

test("a store that takes long to fail is not asked again so often that the client gives up waiting for its reply", async () => {
  let attempts = 0;
  const slow: Ingest = {
    submit: async () => {
      attempts++;
      await Bun.sleep(30);
      throw new MatyanError("io", "no broker answers");
    },
  };
  await using served = await openTestFrontier({ ingest: slow, limits: { retryMs: [1, 1, 1], replyMs: 50 } });
  const client = await TestConnection.open(served.socketOf("run1"));
  expect((await client.ask(createRunFrame())).error).toBe("internal publish error: no broker answers");
  expect(attempts).toBe(1);
});

test("closing replies to what was taken, then closes with 1001; later frames get no reply and are not stored", async () => {
  await using served = await openTestFrontier();
  const client = await TestConnection.open(served.socketOf("run1"));
  const idle = await TestConnection.open(served.socketOf("idle"));
  await client.ask(createRunFrame());
  for (let step = 0; step < 50; step++) client.send(JSON.stringify(metricFrame("loss", step, step)));
  await client.next();
  await served.frontier.sockets.close(5_000);
  let replies = 1;
  for (;;) {
    const more = await client.nextText().catch(() => undefined);
    if (more === undefined) break;
    expect(more).toBe(okReply);
    replies++;
  }
  const { code, reason } = await client.closed;
  expect([code, reason]).toEqual([1001, "the server is stopping"]);
  expect((await idle.closed).code).toBe(1001);
  expect(Object.keys(await served.pointsOf("run1", "loss"))).toHaveLength(replies);
  expect((await fetch(served.socketOf("new"))).status).toBe(503);
});

/** Ping frames that a bare WebSocket client (RFC 6455) sees. */
async function countPings(port: number, wanted: number): Promise<number> {
  const socket = connect(port, "127.0.0.1");
  const head =
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
  socket.write(`GET /api/v1/ws/runs/pinged HTTP/1.1\r\nHost: x\r\n${head}\r\n\r\n`);
  let pings = 0;
  let isOpen = false;
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    const frames = isOpen ? chunk : chunk.subarray(chunk.indexOf("\r\n\r\n") + 4);
    isOpen = true;
    for (const byte of frames) if (byte === 0x89) pings++;
    if (pings >= wanted) break;
  }
  socket.destroy();
  return pings;
}
