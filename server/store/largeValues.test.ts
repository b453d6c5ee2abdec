// Values over 100 kB: written and read whole everywhere, replaced and deleted without a trace, and never misread.
import { expect, test } from "bun:test";
import { encodeValue } from "../../formats/msgpack.ts";
import { Extension, mapOf, type Value, type ValueMap } from "../../formats/value.ts";
import { limits } from "../kv/index.ts";
import { DeathError, FaultyDatabase } from "../kv/testing/faulty.ts";
import { readAttrs, setAttrs, stageAttr } from "./attrs.ts";
import { readContexts, writeContext } from "./contexts.ts";
import { createEntity, deleteEntity, readEntity, updateEntity } from "./entities.ts";
import { runKey } from "./keys.ts";
import { largeValueType } from "./largeValues.ts";
import { readProjectSettings, writeProjectSettings } from "./project.ts";
import { createRun, deleteRun } from "./runs.ts";
import { readSequence, SequenceWriter, sampleSequence, stagePoint, writePoint } from "./sequences.ts";
import { collect, contentsOf, failureOf, memoryStore } from "./testing.ts";

const text = (size: number, letter = "x") => letter.repeat(size);
const ref = { hash: "r", contextId: 0, name: "fig" };

test("a value of exactly 100,000 bytes stays at its key, and one more byte moves it into chunks", async () => {
  const store = await memoryStore();
  // A text of n bytes takes n + 5 in msgpack.
  await store.database.transact((tx) => setAttrs(tx, store, "r", ["a"], text(limits.valueBytes - 5)));
  expect((await contentsOf(store)).size).toBe(1);
  await store.database.transact((tx) => setAttrs(tx, store, "r", ["a"], text(limits.valueBytes - 4)));
  expect((await contentsOf(store)).size).toBe(3);
  expect(await store.database.snapshot((tx) => readAttrs(tx, store, "r", ["a"]))).toBe(text(limits.valueBytes - 4));
});

test("large attributes, points, contexts, entity fields and settings read back whole beside small ones", async () => {
  const store = await memoryStore();
  const big = mapOf({ data: text(300_000), n: 1n });
  const bytes = crypto.getRandomValues(new Uint8Array(60_000)).toHex();
  await store.database.transact(async (tx) => {
    await setAttrs(
      tx,
      store,
      "r",
      [],
      mapOf({ hparams: mapOf({ cfg: text(200_000), lr: 0.1 }), blob: text(500_000, "b") }),
    );
    await writeContext(tx, store, "r", 7, mapOf({ big: text(150_000) }));
    for (const step of [1n, 2n, 3n])
      await writePoint(tx, store, ref, { step, value: step === 2n ? big : mapOf({ step }), time: 1.5 });
    await createEntity(
      tx,
      store,
      "report",
      new Map<string, Value>([
        ["name", "n"],
        ["code", bytes],
      ]),
      { id: "u", now: 1 },
    );
    await writeProjectSettings(tx, store, mapOf({ name: "p", pinned_sequences: [text(120_000)] }));
  });
  await store.database.snapshot(async (tx) => {
    const attrs = (await readAttrs(tx, store, "r")) as ValueMap;
    expect((attrs.get("hparams") as ValueMap).get("cfg")).toBe(text(200_000));
    expect(attrs.get("blob")).toBe(text(500_000, "b"));
    expect((await readContexts(tx, store, "r")).get(7)).toEqual(mapOf({ big: text(150_000) }));
    const points = await collect(readSequence(tx, store, ref));
    expect(points.map(({ value }) => value)).toEqual([mapOf({ step: 1n }), big, mapOf({ step: 3n })]);
    expect((await sampleSequence(tx, store, ref, 3)).map(({ value, time }) => [value, time])).toEqual(
      points.map(({ value }) => [value, 1.5]),
    );
    expect((await readEntity(tx, store, "report", "u"))?.get("code")).toBe(bytes);
    expect((await readProjectSettings(tx, store)).get("pinned_sequences")).toEqual([text(120_000)]);
  });
});

test("replacing, shrinking and deleting a large value leaves none of its chunks behind", async () => {
  const store = await memoryStore();
  const small = async (write: () => Promise<unknown>) => {
    await write();
    return (await contentsOf(store)).size;
  };
  const { database } = store;
  const set = (value: Value) => database.transact((tx) => setAttrs(tx, store, "r", ["a", "b"], value));
  await set(text(400_000));
  const first = await contentsOf(store);
  await set(text(400_000));
  expect(await contentsOf(store)).toEqual(first);
  expect(await small(() => set(text(150_000, "y")))).toBe(3);
  expect(await small(() => set("small"))).toBe(1);
  await set(text(400_000));
  expect(await small(() => database.transact((tx) => setAttrs(tx, store, "r", ["a"], 1n)))).toBe(1);
  await set(text(400_000));
  expect(await small(() => database.transact((tx) => setAttrs(tx, store, "r", [], mapOf({ z: 1n }))))).toBe(1);
  await database.transact((tx) => writePoint(tx, store, ref, { step: 1n, value: text(300_000) }));
  const writer = new SequenceWriter(store, ref);
  expect(await small(() => database.transact((tx) => writer.writeFloats(tx, { steps: [1], values: [0.5] })))).toBe(2);
});

test("entities free their large fields when they change or go", async () => {
  const store = await memoryStore();
  const fields = new Map<string, Value>([
    ["name", "n"],
    ["code", text(300_000)],
  ]);
  await store.database.transact((tx) => createEntity(tx, store, "report", fields, { id: "u", now: 1 }));
  const before = (await contentsOf(store)).size;
  await store.database.transact((tx) => updateEntity(tx, store, "report", "u", new Map([["code", "short"]]), 2));
  expect((await contentsOf(store)).size).toBe(before - 4);
  await store.database.transact((tx) => deleteEntity(tx, store, "report", "u"));
  expect((await contentsOf(store)).size).toBe(0);
});

test("deleting the run deletes its chunks", async () => {
  const store = await memoryStore();
  await store.database.transact(async (tx) => {
    await createRun(tx, store, "r", { createdAt: 1 });
    await setAttrs(tx, store, "r", ["a"], text(700_000));
  });
  await deleteRun(store, "r", { now: 2 });
  expect((await contentsOf(store)).size).toBe(1);
});

test("a user's value that is itself an extension of our type is given back as it is", async () => {
  const store = await memoryStore();
  const pointer = new Extension(
    largeValueType,
    encodeValue(mapOf({ size: 90_001n, chunks: 2n, sha256: new Uint8Array(32) })),
  );
  const other = new Extension(largeValueType, new Uint8Array([1, 2, 3, 4]));
  await store.database.transact(async (tx) => {
    await setAttrs(tx, store, "r", [], mapOf({ pointer, nested: [pointer, other] }));
    await writePoint(tx, store, ref, { step: 1n, value: pointer });
    await writePoint(tx, store, ref, { step: 2n, value: [pointer] });
    // As a foreign writer would have left it: no payload of ours, so it is a value.
    tx.set(runKey(store, "r", "attrs", "foreign", "__leaf__"), encodeValue(other));
  });
  await store.database.snapshot(async (tx) => {
    expect(await readAttrs(tx, store, "r")).toEqual(mapOf({ foreign: other, nested: [pointer, other], pointer }));
    expect((await collect(readSequence(tx, store, ref))).map(({ value }) => value)).toEqual([pointer, [pointer]]);
  });
});

test("a value over 9 MB is refused within a transaction, naming run, sequence, step and size, and the rest stays", async () => {
  const store = await memoryStore();
  const failed = failureOf(
    store.database.transact((tx) => writePoint(tx, store, ref, { step: 42n, value: text(10_500_000) })),
  );
  expect(await failed).toMatchObject({
    code: "too_large",
    message: "the value at step 42 of sequence 'fig' (context 0) of run 'r' has 10500005 bytes",
  });
  expect((await contentsOf(store)).size).toBe(0);
});

test("a staged value of 20 MB takes several transactions, is invisible until placed, and reads back whole", async () => {
  const store = await memoryStore();
  const value = text(20_000_000);
  const staged = await stagePoint(store, ref, 5n, value);
  expect(await store.database.snapshot((tx) => collect(readSequence(tx, store, ref)))).toEqual([]);
  await store.database.transact((tx) => writePoint(tx, store, ref, { step: 5n, value: staged }));
  await store.database.transact(async (tx) => setAttrs(tx, store, "r", ["x"], 1n));
  const [point] = await store.database.snapshot((tx) => collect(readSequence(tx, store, ref)));
  expect(point?.value === value).toBe(true);
});

test("a crash while a large value is being replaced leaves the old value whole, wherever it happens", async () => {
  const old = text(9_500_000, "o");
  const next = text(9_700_000, "n");
  for (let dieAfter = 0; dieAfter < 4; dieAfter++) {
    const store = await memoryStore();
    const stagedOld = await stageAttr(store, "r", ["a"], old);
    await store.database.transact((tx) => setAttrs(tx, store, "r", ["a"], stagedOld));
    const dying = { ...store, database: new FaultyDatabase(store.database, { dieAfter }) };
    const replaced = (async () => {
      const staged = await stageAttr(dying, "r", ["a"], next);
      await dying.database.transact((tx) => setAttrs(tx, dying, "r", ["a"], staged));
      await dying.database.transact(async () => undefined);
    })();
    const died = await failureOf(replaced);
    expect(died).toBeInstanceOf(DeathError);
    const read = await store.database.snapshot((tx) => readAttrs(tx, store, "r", ["a"]));
    expect(read === old).toBe(true);
    for (let times = 0; times < 2; times++) {
      const again = await stageAttr(store, "r", ["a"], next);
      await store.database.transact((tx) => setAttrs(tx, store, "r", ["a"], again));
    }
    expect((await store.database.snapshot((tx) => readAttrs(tx, store, "r", ["a"]))) === next).toBe(true);
  }
});

test("a staged value whose chunks were removed meanwhile is a conflict and writes nothing", async () => {
  const store = await memoryStore();
  const staged = await stageAttr(store, "r", ["a"], text(300_000));
  await deleteRun(store, "r", { now: 1 });
  const before = await contentsOf(store);
  const failed = await failureOf(store.database.transact((tx) => setAttrs(tx, store, "r", ["a"], staged)));
  expect(failed).toMatchObject({ code: "conflict" });
  expect(await contentsOf(store)).toEqual(before);
});

test("a damaged chunk is an error that names the key, and does not hide other values", async () => {
  const store = await memoryStore();
  await store.database.transact((tx) => setAttrs(tx, store, "r", [], mapOf({ a: text(200_000), b: 1n })));
  const chunk = [...(await contentsOf(store)).keys()].find((key) => key.includes("5f6c61726765"))!.split(" ")[1]!;
  await store.database.transact(async (tx) => tx.clear(Buffer.concat([store.dirs.runs, Buffer.from(chunk, "hex")])));
  const read = (path: string[]) => store.database.snapshot((tx) => readAttrs(tx, store, "r", path));
  expect(await failureOf(read(["a"]))).toMatchObject({ code: "corrupt" });
  expect(await read(["b"])).toBe(1n);
});
