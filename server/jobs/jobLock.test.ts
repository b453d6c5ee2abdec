import { expect, test } from "bun:test";
import { hostname } from "node:os";
import { MatyanError } from "../../formats/error.ts";
import { decodeValue, encodeValue } from "../../formats/msgpack.ts";
import { processSpace } from "../../formats/processSpace.ts";
import { systemKey } from "../store/keys.ts";
import { writeLock } from "../store/locks.ts";
import { createRun, readMeta } from "../store/runs.ts";
import { failureOf, memoryStore } from "../store/testing.ts";
import { JobLock, listLocks, releaseLock } from "./jobLock.ts";

const name = "reindex";

/** A clock that tests set, seconds since the epoch. */
class TestClock {
  now: number;

  constructor(now: number) {
    this.now = now;
  }

  readonly read = (): number => this.now;
}

let clock = new TestClock(1_000);

function take(store: Parameters<typeof JobLock.acquire>[0], ttl = 600) {
  return JobLock.acquire(store, name, { ttl, now: clock.read });
}

test("of two jobs that race for a lock at the same moment, one gets it, and the other is told who has it", async () => {
  clock = new TestClock(1_000);
  const store = await memoryStore();
  const both = await Promise.allSettled([take(store), take(store)]);
  const won = both.filter((one) => one.status === "fulfilled");
  const refused = both.filter((one) => one.status === "rejected");
  expect([won.length, refused.length]).toEqual([1, 1]);
  expect(refused[0]!.reason).toBeInstanceOf(MatyanError);
  expect(refused[0]!.reason.message).toBe(`process ${process.pid} on ${hostname()} holds the lock 'reindex'`);
  await won[0]!.value[Symbol.asyncDispose]();
  await using again = await take(store);
  expect(again.name).toBe(name);
});

test("who finds the lock of a process that is not there any more is told so", async () => {
  clock = new TestClock(1_000);
  const store = await memoryStore();
  const child = Bun.spawn(["true"]);
  await child.exited;
  const owner = { host: "h", pid: child.pid, space: processSpace, since: 900, token: "t" };
  const hintWhen = async (space: string) => {
    await store.database.transact(async (tx) => writeLock(tx, store, name, 1_060, { ...owner, space }));
    return ((await failureOf(take(store))) as MatyanError).hint;
  };
  expect(await hintWhen(processSpace)).toStartWith("That process is not there any more. Its lock expires in 60 s;");
  // Of another machine's processes nothing is known.
  expect(await hintWhen("elsewhere")).toStartWith("It expires in 60 s unless it is renewed.");
});

test("a paused holder that wakes after its time writes nothing more, and does not release its successor's lock", async () => {
  clock = new TestClock(1_000);
  const store = await memoryStore();
  const paused = await take(store);
  clock.now = 1_601;
  const next = await take(store);
  const write = paused.store.database.transact((tx) => createRun(tx, paused.store, "r", { createdAt: 1 }));
  expect(await failureOf(write)).toMatchObject({ code: "conflict" });
  expect(await failureOf(paused.assertHeld())).toMatchObject({ code: "conflict" });
  expect(await failureOf(paused.renew())).toMatchObject({ code: "conflict" });
  await paused[Symbol.asyncDispose]();
  await next.assertHeld();
  await next.store.database.transact((tx) => createRun(tx, next.store, "r", { createdAt: 1 }));
  expect(await store.database.snapshot((tx) => readMeta(tx, store, "r"))).toBeDefined();
  await next[Symbol.asyncDispose]();
});

test("two holders with the same time of expiry are told apart", async () => {
  clock = new TestClock(1_000);
  const store = await memoryStore();
  const first = await take(store);
  await releaseLock(store, name);
  const second = await take(store);
  expect(await failureOf(first.assertHeld())).toMatchObject({ code: "conflict" });
  await second.assertHeld();
  await first[Symbol.asyncDispose]();
  await second[Symbol.asyncDispose]();
});

test("whichever way the clock steps, there is one writer: the one whose lock is stored", async () => {
  for (const step of [-3_600, -1, 1, 599, 601, 86_400]) {
    clock = new TestClock(100_000);
    const store = await memoryStore();
    const first = await take(store);
    clock.now += step;
    const second = await take(store).catch(() => undefined);
    let writers = 0;
    for (const lock of [first, second])
      await lock?.renew().then(
        () => writers++,
        () => undefined,
      );
    expect(writers).toBe(1);
    await first[Symbol.asyncDispose]();
    await second?.[Symbol.asyncDispose]();
    expect((await listLocks(store, clock.now)).filter((lock) => lock.isHeld)).toEqual([]);
  }
});

test("a lock is renewed beyond its first time of expiry, and by a clock that was set back still grows", async () => {
  clock = new TestClock(1_000);
  const store = await memoryStore();
  await using lock = await take(store);
  clock.now = 1_500;
  await lock.renew();
  clock.now = 500;
  await lock.renew();
  clock.now = 2_000;
  expect(await failureOf(take(store))).toMatchObject({ code: "busy" });
  await lock.assertHeld();
});

test("jobs of the existing services exclude ours and are excluded, by the same key", async () => {
  clock = new TestClock(1_000);
  const store = await memoryStore();
  const key = systemKey(store, "job_lock", name);
  await store.database.transact(async (tx) => tx.set(key, encodeValue(1_200)));
  expect(await failureOf(take(store))).toMatchObject({
    code: "busy",
    message: "another process holds the lock 'reindex'",
  });
  clock.now = 1_201;
  const ours = await take(store);
  // They look at the time alone.
  const stored = await store.database.snapshot((tx) => tx.get(key));
  expect(decodeValue(stored!)).toBe(1_801);
  // They take what expired by writing the time alone: who stood beside it is nobody's owner then.
  await store.database.transact(async (tx) => tx.set(key, encodeValue(5_000)));
  expect(await failureOf(ours.assertHeld())).toMatchObject({ code: "conflict" });
  expect((await listLocks(store, 1_300)).find((lock) => lock.name === name)).toMatchObject({
    isHeld: true,
    owner: undefined,
  });
  await ours[Symbol.asyncDispose]();
});

test("a lock that holds an unreadable value is free", async () => {
  clock = new TestClock(1_000);
  const store = await memoryStore();
  await store.database.transact(async (tx) => tx.set(systemKey(store, "job_lock", name), new Uint8Array([0xc1])));
  await using lock = await take(store);
  await lock.assertHeld();
});
