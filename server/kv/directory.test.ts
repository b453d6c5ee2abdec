import { afterEach, beforeEach, expect, test } from "bun:test";
import recording from "../../fixtures/kv/directory-layer.json";
import { pack } from "../../formats/tuple.ts";
import { DirectoryLayer } from "./directory.ts";
import { layerKey, nodeOf, versionKey } from "./directoryNodes.ts";
import type { Database } from "./index.ts";
import { openMemory } from "./memory.ts";
import { newSpace } from "./testing/foundationdb.ts";

type Step =
  | { do: "createOrOpen"; path: string[]; prefix: string }
  | { do: "put"; key: string; value: string }
  | { do: "list"; path: string[]; names: string[] }
  | { do: "remove"; path: string[] }
  | { do: "compare"; store: [string, string][] };

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));
const hex = (data: Uint8Array) => Buffer.from(data).toString("hex");

let database: Database;

/** FoundationDB where the environment says so, as in the store's suites (server/store/testing.ts). */
const onFoundationDb = process.env["MATYAN_TEST_ENGINE"] === "foundationdb";

beforeEach(async () => {
  database = onFoundationDb ? await newSpace() : await openMemory();
});

afterEach(() => database.close());

async function dump(): Promise<[string, string][]> {
  const pairs: [string, string][] = [];
  await database.snapshot(async (tx) => {
    for await (const batch of tx.range({ begin: new Uint8Array(0), end: Uint8Array.of(0xff) }))
      for (const [key, value] of batch) pairs.push([hex(key), hex(value)]);
  });
  return pairs;
}

test("every key and value is what the official directory layer stored for the same steps", async () => {
  const draws = recording.draws.values();
  const layer = new DirectoryLayer({
    draw(begin, end) {
      const drawn = draws.next().value!;
      expect(drawn).toBeWithin(begin, end);
      return drawn;
    },
  });
  for (const step of recording.steps as Step[]) {
    if (step.do === "createOrOpen")
      expect(hex(await database.transact((tx) => layer.createOrOpen(tx, step.path)))).toBe(step.prefix);
    if (step.do === "put") await database.transact(async (tx) => tx.set(bytes(step.key), bytes(step.value)));
    if (step.do === "list") expect(await database.snapshot((tx) => layer.list(tx, step.path))).toEqual(step.names);
    if (step.do === "remove") await database.transact((tx) => layer.remove(tx, step.path));
    if (step.do === "compare") expect(await dump()).toEqual(step.store);
  }
  expect(draws.next().done).toBe(true);
});

test("a directory that was made is found again and keeps its prefix", async () => {
  const layer = new DirectoryLayer();
  const path = ["data", "runs"];
  expect(await database.snapshot((tx) => layer.exists(tx, path))).toBe(false);
  const made = await database.transact((tx) => layer.createOrOpen(tx, path));
  expect(await database.transact((tx) => layer.createOrOpen(tx, path))).toEqual(made);
  expect(await database.snapshot((tx) => layer.open(tx, path))).toEqual(made);
  expect(await database.snapshot((tx) => layer.exists(tx, ["data"]))).toBe(true);
});

test("opening, listing or removing what is not there says so and changes nothing", async () => {
  const layer = new DirectoryLayer();
  const before = await dump();
  const name = "directory 'no/where' does not exist";
  await expect(database.snapshot((tx) => layer.open(tx, ["no", "where"]))).rejects.toThrow(name);
  await expect(database.snapshot((tx) => layer.list(tx, ["no", "where"]))).rejects.toThrow(name);
  await expect(database.transact((tx) => layer.remove(tx, ["no", "where"]))).rejects.toThrow(name);
  expect(await dump()).toEqual(before);
});

test("the root can be listed but not opened or removed", async () => {
  const layer = new DirectoryLayer();
  expect(await database.snapshot((tx) => layer.list(tx))).toEqual([]);
  await expect(database.transact((tx) => layer.createOrOpen(tx, []))).rejects.toThrow("root directory");
  await expect(database.transact((tx) => layer.remove(tx, []))).rejects.toThrow("root directory");
});

test("500 directories made at once get 500 prefixes of which none begins another", async () => {
  const layer = new DirectoryLayer();
  const paths = Array.from({ length: 500 }, (_, index) => ["many", String(index)]);
  const made = await Promise.all(paths.map((path) => database.transact((tx) => layer.createOrOpen(tx, path))));
  const prefixes = made.map(hex).sort();
  expect(new Set(prefixes).size).toBe(500);
  for (let at = 1; at < prefixes.length; at++) expect(prefixes[at]!.startsWith(prefixes[at - 1]!)).toBe(false);
  expect(Math.max(...made.map((prefix) => prefix.length))).toBeLessThanOrEqual(3);
});

test("two directories made in one transaction at the same time do not share a prefix", async () => {
  const layer = new DirectoryLayer({ draw: (begin) => begin + Math.floor(Math.random() * 4) });
  const [a, b] = await database.transact((tx) =>
    Promise.all([layer.createOrOpen(tx, ["a"]), layer.createOrOpen(tx, ["b"])]),
  );
  expect(a).not.toEqual(b);
});

test("data that lie where a new directory would go are not taken over", async () => {
  const layer = new DirectoryLayer({ draw: () => 7 });
  await database.transact(async (tx) => tx.set(pack([7n, "stray"]), new Uint8Array(0)));
  await expect(database.transact((tx) => layer.createOrOpen(tx, ["a"]))).rejects.toThrow(
    "1507 for a new directory is in use",
  );
});

test("data of a later directory layer are refused, of a later minor version only for writing", async () => {
  const layer = new DirectoryLayer();
  await database.transact((tx) => layer.createOrOpen(tx, ["a"]));
  await database.transact(async (tx) => tx.set(versionKey, bytes("010000000100000000000000")));
  expect(await database.snapshot((tx) => layer.exists(tx, ["a"]))).toBe(true);
  await expect(database.transact((tx) => layer.createOrOpen(tx, ["b"]))).rejects.toThrow("version 1.1.0");
  await database.transact(async (tx) => tx.set(versionKey, bytes("020000000000000000000000")));
  await expect(database.snapshot((tx) => layer.exists(tx, ["a"]))).rejects.toThrow("version 2.0.0");
  await database.transact(async (tx) => tx.set(versionKey, bytes("0200")));
  await expect(database.snapshot((tx) => layer.exists(tx, ["a"]))).rejects.toThrow("2 bytes");
});

test("a directory partition, which another program may have made, is refused by name", async () => {
  const layer = new DirectoryLayer();
  const prefix = await database.transact((tx) => layer.createOrOpen(tx, ["theirs"]));
  await database.transact(async (tx) => tx.set(layerKey(nodeOf(prefix)), new TextEncoder().encode("partition")));
  await expect(database.snapshot((tx) => layer.open(tx, ["theirs", "a"]))).rejects.toThrow("'theirs' is a partition");
});
