// The recorded messages of the existing system, applied to an empty store, against the keys and values that it made of them.
import { beforeAll, expect, test } from "bun:test";
import { gunzipSync } from "bun";
import { type IngestMessage, parseMessage, secondsOf } from "../../formats/messages/index.ts";
import { decodeValue } from "../../formats/msgpack.ts";
import { type TupleElement, unpack } from "../../formats/tuple.ts";
import type { Value } from "../../formats/value.ts";
import type { BlobStore } from "../blobs/index.ts";
import type { Store } from "../store/index.ts";
import { contentsOf, type DumpEntry, memoryStore, readDump } from "../store/testing.ts";
import { applyMessages } from "./apply.ts";
import { noBlobs } from "./testing.ts";

const lines = new TextDecoder()
  .decode(gunzipSync(await Bun.file("fixtures/exchanges/messages.jsonl.gz").bytes()))
  .trimEnd()
  .split("\n");
/** Two of the lines are no messages: see formats/messages/envelope.test.ts. */
const messages = lines.filter((line) => line.includes('"timestamp":')).map(parseMessage);

let store: Store;
let blobs: BlobStore;
let dump: DumpEntry[];

beforeAll(async () => {
  store = await memoryStore();
  blobs = noBlobs();
  dump = await readDump("fixtures/exchanges/dump.jsonl.gz");
  const { outcomes, dropped } = await applyMessages(store, blobs, messages);
  const refused = outcomes.flatMap((outcome, i) => (outcome.ok ? [] : [messages[i]!.type]));
  expect(refused).toEqual(["no_such_type"]);
  // A deleted run's two messages that came after its deletion.
  expect(dropped).toBe(2);
});

interface Entry {
  readonly dir: string;
  readonly key: TupleElement[];
  readonly value: Value | "";
}

/** Entries by a text of their key in which the ids of experiments and tags are replaced by their names. */
function indexed(entries: Entry[]): Map<string, Entry> {
  const names = new Map<string, string>();
  for (const { dir, key, value } of entries)
    if (dir === "system" && (key[0] === "experiments" || key[0] === "tags") && key[2] === "name")
      names.set(String(key[1]), `<${key[0]} ${String(value)}>`);
  const named = <T>(element: T) => (typeof element === "string" ? (names.get(element) ?? element) : element);
  return new Map(
    entries.map((entry) => {
      const key = entry.key.map(named);
      const shown = key.map((element) =>
        element instanceof Uint8Array ? `x${element.toHex()}` : `${typeof element} ${String(element)}`,
      );
      return [[entry.dir, ...shown].join(" | "), { ...entry, key, value: named(entry.value) }];
    }),
  );
}

function entriesOf(pairs: Iterable<readonly [string, string]>): Entry[] {
  return Array.from(pairs, ([place, value]) => {
    const [dir, khex] = place.split(" ") as [string, string];
    const bytes = new Uint8Array(Buffer.from(value, "hex"));
    return {
      dir,
      key: unpack(new Uint8Array(Buffer.from(khex, "hex"))),
      value: bytes.length === 0 ? "" : decodeValue(bytes),
    };
  });
}

/** What is different on purpose, in the words of fixtures/exchanges/differences.md. The last part says what is expected of ours. */
interface Rule {
  readonly name: string;
  matches(theirs: Entry | undefined, ours: Entry | undefined): boolean;
}

const runs = (entry: Entry | undefined, ...parts: TupleElement[]) =>
  entry?.dir === "runs" && parts.every((part, i) => entry.key[i + 1] === part);

/** The client's time of each metric, by run, name and step; those of one sequence have distinct steps, or the last counts. */
const clientTimes = new Map<string, Set<number>>();
for (const { type, runId, payload } of messages)
  if (type === "log_metric") {
    const id = `${runId} ${String(payload.get("name"))} ${String(payload.get("step"))}`;
    clientTimes.set(id, (clientTimes.get(id) ?? new Set()).add(secondsOf(payload.get("client_datetime"))!));
  }

const recreated = "1d5dcf22d1c0cf9f5c924ddb79115112";
const ghost = "90f1bbbe471280542336492febc879f9";
const first = (runId: string): IngestMessage => messages.find((message) => message.runId === runId)!;

const rules: Rule[] = [
  {
    name: "step column",
    matches: (theirs, ours) => ours === undefined && runs(theirs, "seqs") && theirs?.key[4] === "step",
  },
  {
    name: "client time",
    matches: (theirs, ours) => {
      if (!runs(theirs, "seqs") || theirs?.key[4] !== "time" || typeof ours?.value !== "number") return false;
      const [run, , , name, , step] = theirs.key;
      const own = clientTimes.get(`${run} ${name} ${step}`) ?? clientTimes.get(`${run} ${name} null`);
      return own?.has(ours.value) ?? false;
    },
  },
  { name: "extremes", matches: (theirs, ours) => theirs === undefined && runs(ours, "_stats") },
  { name: "applied", matches: (theirs, ours) => theirs === undefined && runs(ours, "_applied") },
  {
    name: "last of the highest step",
    matches: (theirs, ours) =>
      runs(theirs, "traces", 0n, "shuffled") &&
      ((theirs?.key[4] === "last" && ours?.value === 10.5) || (theirs?.key[4] === "last_step" && ours?.value === 10n)),
  },
  {
    name: "ghost",
    matches: (theirs, ours) => ours === undefined && theirs?.key[0] === ghost && runs(theirs, "meta", "updated_at"),
  },
  {
    name: "recreated run keeps its fields",
    matches: (theirs, ours) => {
      if (theirs?.key[0] !== recreated || !runs(theirs, "meta")) return false;
      const kept: Record<string, Value> = {
        name: "first life",
        is_archived: true,
        experiment_id: "<experiments baseline>",
        created_at: first(recreated).timestamp,
      };
      return ours?.value === kept[String(theirs.key[2])];
    },
  },
  {
    name: "recreated run is indexed once",
    matches: (theirs, ours) => {
      if (ours !== undefined || theirs?.dir !== "indexes" || theirs.key.at(-1) !== recreated) return false;
      const [kind, value] = theirs.key[0] === "_rev" ? theirs.key.slice(2) : theirs.key;
      return (
        (kind === "created_at" && value !== first(recreated).timestamp) || (kind === "archived" && value === false)
      );
    },
  },
  {
    name: "tag counted once",
    matches: (theirs, ours) =>
      theirs?.dir === "system" &&
      theirs.key[1] === "<tags twice>" &&
      theirs.key[2] === "run_count" &&
      ours?.value === 1n,
  },
  {
    name: "tag of its first message",
    matches: (theirs, ours) =>
      theirs?.dir === "system" &&
      theirs.key[1] === "<tags twice>" &&
      (theirs.key[2] === "created_at" || theirs.key[2] === "updated_at") &&
      ours?.value === messages.find(({ payload }) => payload.get("tag_name") === "twice")?.timestamp,
  },
];

test("the store holds what the recorded one holds, but for the differences that are listed", async () => {
  const theirs = indexed(entriesOf(dump.map(({ dir, khex, vhex }) => [`${dir} ${khex}`, vhex] as const)));
  const ours = indexed(entriesOf(await contentsOf(store)));
  const used = new Map(rules.map(({ name }) => [name, 0]));
  const unexplained: string[] = [];
  for (const place of new Set([...theirs.keys(), ...ours.keys()])) {
    const [recorded, written] = [theirs.get(place), ours.get(place)];
    if (recorded !== undefined && written !== undefined && Bun.deepEquals(recorded.value, written.value, true))
      continue;
    const rule = rules.find(({ matches }) => matches(recorded, written));
    if (rule === undefined)
      unexplained.push(`${place}: ${Bun.inspect(recorded?.value)} -> ${Bun.inspect(written?.value)}`);
    else used.set(rule.name, used.get(rule.name)! + 1);
  }
  expect(unexplained).toEqual([]);
  // A rule that explains nothing is one too many, and one that explains more than it should is a fault.
  expect(Object.fromEntries(used)).toEqual({
    "step column": 10_483,
    "client time": 9_709,
    extremes: 96,
    applied: 448,
    "last of the highest step": 2,
    ghost: 1,
    "recreated run keeps its fields": 4,
    "recreated run is indexed once": 4,
    "tag counted once": 1,
    "tag of its first message": 2,
  });
  const text = await Bun.file("fixtures/exchanges/differences.md").text();
  for (const { name } of rules) expect(text).toContain(`**${name}**`);
});

test("applying the recorded messages again, all or from anywhere on, leaves the store byte for byte the same", async () => {
  const before = await contentsOf(store);
  for (const from of [0, 1, 4_321, 9_000, messages.length - 1]) {
    await applyMessages(store, blobs, messages.slice(from));
    expect(await contentsOf(store)).toEqual(before);
  }
});

test("batches of any size and replays in between come to the same store", async () => {
  const other = await memoryStore();
  let at = 0;
  for (let round = 0; at < messages.length; round++) {
    const count = [1, 7, 200, 1_000][round % 4]!;
    const back = round % 3 === 0 ? Math.min(at, 150) : 0;
    await applyMessages(other, blobs, messages.slice(at - back, at + count));
    at += count;
  }
  expect(await contentsOf(other)).toEqual(await contentsOf(store));
}, 30_000);
