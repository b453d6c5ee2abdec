// Test support: the keys of our store beside those of a recorded one, and what is expected to differ.
import { decodeValue } from "../../../formats/msgpack.ts";
import { type TupleElement, unpack } from "../../../formats/tuple.ts";
import type { Value } from "../../../formats/value.ts";
import type { Store } from "../../store/index.ts";
import { contentsOf, type DumpEntry } from "../../store/testing.ts";

export interface StoreEntry {
  readonly dir: string;
  readonly key: readonly TupleElement[];
  readonly value: Value;
}

/** An expected difference: ours is right when `isRight` says so. */
interface StoreRule {
  readonly name: string;
  readonly isRight: (theirs: StoreEntry | undefined, ours: StoreEntry | undefined) => boolean;
}

/** Whether the key of either begins like this; undefined stands for anything. */
function at(entry: StoreEntry | undefined, dir: string, ...parts: (TupleElement | undefined)[]): boolean {
  return entry?.dir === dir && parts.every((part, i) => part === undefined || entry.key[i] === part);
}

const recreated = "1d5dcf22d1c0cf9f5c924ddb79115112";
/** What an index entry says, with or without the `_rev` in front. */
const indexed = (entry: StoreEntry) => (entry.key[0] === "_rev" ? entry.key.slice(2) : entry.key);

export const storeRules: readonly StoreRule[] = [
  {
    name: "step column",
    isRight: (theirs, ours) =>
      ours === undefined && at(theirs, "runs", undefined, "seqs", undefined, undefined, "step"),
  },
  {
    // That it is the client's is shown where streams are compared.
    name: "client time",
    isRight: (theirs, ours) =>
      at(theirs, "runs", undefined, "seqs", undefined, undefined, "time") &&
      typeof ours?.value === "number" &&
      Math.abs(ours.value - Number(theirs!.value)) < 1,
  },
  { name: "extremes", isRight: (theirs, ours) => theirs === undefined && at(ours, "runs", undefined, "_stats") },
  { name: "applied", isRight: (theirs, ours) => theirs === undefined && at(ours, "runs", undefined, "_applied") },
  {
    name: "last of the highest step",
    isRight: (theirs, ours) =>
      at(theirs, "runs", undefined, "traces", 0n, "shuffled") &&
      ours?.value === (theirs!.key[4] === "last" ? 10.5 : 10n),
  },
  {
    name: "recreated run keeps its fields",
    isRight: (theirs, ours) => {
      if (!at(theirs, "runs", recreated, "meta")) return false;
      const field = String(theirs!.key[2]);
      if (field === "experiment_id") return typeof ours?.value === "string";
      return ours?.value === { name: "first life", is_archived: true, created_at: 1_772_636_582.875 }[field];
    },
  },
  {
    name: "recreated run is indexed once",
    isRight: (theirs, ours) => {
      if (ours !== undefined || theirs?.dir !== "indexes" || theirs.key.at(-1) !== recreated) return false;
      const [kind, value] = indexed(theirs);
      return (kind === "created_at" && value === 1_772_640_183.5) || (kind === "archived" && value === false);
    },
  },
  {
    name: "ghost",
    isRight: (theirs, ours) => ours === undefined && at(theirs, "runs", "90f1bbbe471280542336492febc879f9", "meta"),
  },
  {
    name: "lists with unknown runs: none was made",
    isRight: (theirs, ours) => ours === undefined && theirs!.key.some((part) => String(part).startsWith("unknown-")),
  },
  {
    name: "deleted experiments stay deleted",
    isRight: (theirs, ours) => {
      if (at(theirs, "runs", undefined, "meta", "experiment_id")) return ours?.value === null;
      if (at(theirs, "runs", undefined, "meta", "updated_at")) return ours?.value === 1_772_900_286;
      if (at(theirs, "indexes"))
        return ours === undefined && ["exp B", "ablation-実験 ①"].includes(String(indexed(theirs!)[1]));
      if (at(theirs, "system", "experiments", undefined, "run_count"))
        return ours === undefined && theirs!.value === 0n;
      return ours === undefined && at(theirs, "system", "run_experiment");
    },
  },
  {
    name: "tags of a run",
    isRight: (theirs, ours) =>
      (ours === undefined && at(theirs, "runs", undefined, "tags")) ||
      (theirs === undefined && at(ours, "runs", "4866da8d8996bc3a2fc250774d23da47", "tags")),
  },
  {
    name: "renamed tags",
    isRight: (theirs, ours) => {
      const name = indexed((theirs ?? ours)!)[1];
      const isTag = at(theirs ?? ours, "indexes") && indexed((theirs ?? ours)!)[0] === "tag";
      return isTag && (ours === undefined ? name === "best" : theirs === undefined && name === "finest");
    },
  },
  {
    name: "empty names",
    isRight: (theirs, ours) => {
      const parts = theirs?.key ?? [];
      const isOfTag = parts.includes("0af6521b-ee95-416c-9a35-d96a9b09a7a6");
      const isName = String(parts[0]).endsWith("_by_name") && parts[1] === "";
      return ours === undefined && at(theirs, "system") && (isOfTag || isName);
    },
  },
  {
    name: "taken names",
    isRight: (theirs, ours) => {
      if (at(ours, "system", "tags_by_name", "plain")) return theirs === undefined;
      if (at(ours, "system", "tags_by_name", "renamed")) return ours!.value !== theirs?.value;
      if (at(theirs, "system", "tags", undefined, "name"))
        return theirs!.value === "renamed" && ours?.value === "plain";
      return (
        at(theirs, "system", "tags", undefined, "updated_at") &&
        theirs!.value === 1_772_900_246 &&
        ours?.value === 1_772_900_237
      );
    },
  },
  {
    name: "tag counted once",
    isRight: (theirs, ours) =>
      at(theirs, "system", "tags", undefined, "run_count") && theirs!.value === 2n && ours?.value === 1n,
  },
  {
    name: "tag of its first message",
    isRight: (theirs, ours) =>
      (at(theirs, "system", "tags", undefined, "created_at") ||
        at(theirs, "system", "tags", undefined, "updated_at")) &&
      theirs!.value === 1_772_647_409.625 &&
      ours?.value === 1_772_647_409.375,
  },
  {
    name: "notes of others: none was made",
    isRight: (theirs, ours) =>
      ours === undefined && at(theirs, "system", "notes", "7a21e91e-6382-4b35-ac50-332c230099e2"),
  },
  {
    name: "a run that goes on has no end",
    isRight: (theirs, ours) => at(theirs, "runs", undefined, "meta", "duration") && ours?.value === null,
  },
  {
    name: "times of changes that change nothing",
    isRight: (theirs, ours) =>
      at(theirs, "runs", "cfb4cc28d7886fd81bea2b047a36f05b", "meta", "updated_at") && ours?.value === 1_772_161_529.75,
  },
];

/** What differs without a rule, and how often each rule was needed. Recorded ids are renamed to ours. */
export async function storeDifferences(
  recorded: readonly DumpEntry[],
  store: Store,
  toOurs: (text: string) => string,
): Promise<{ readonly unexplained: string[]; readonly used: ReadonlyMap<string, number> }> {
  const theirs = entriesOf(
    recorded.map(({ dir, khex, vhex }) => [`${dir} ${khex}`, vhex] as const),
    toOurs,
  );
  const ours = entriesOf(await contentsOf(store), (text) => text);
  const used = new Map(storeRules.map(({ name }) => [name, 0]));
  const unexplained: string[] = [];
  for (const place of new Set([...theirs.keys(), ...ours.keys()])) {
    const [one, other] = [theirs.get(place), ours.get(place)];
    if (one !== undefined && other !== undefined && Bun.deepEquals(one.value, other.value, true)) continue;
    const rule = storeRules.find(({ isRight }) => isRight(one, other));
    if (rule === undefined) unexplained.push(`${place}: ${Bun.inspect(one?.value)} -> ${Bun.inspect(other?.value)}`);
    else used.set(rule.name, used.get(rule.name)! + 1);
  }
  return { unexplained, used };
}

function entriesOf(
  pairs: Iterable<readonly [string, string]>,
  rename: (text: string) => string,
): Map<string, StoreEntry> {
  const named = <T>(part: T) => (typeof part === "string" ? rename(part) : part);
  return new Map(
    Array.from(pairs, ([place, vhex]) => {
      const [dir, khex] = place.split(" ") as [string, string];
      const key = unpack(Uint8Array.fromHex(khex)).map(named);
      const shown = key.map((part) => `${typeof part} ${part instanceof Uint8Array ? part.toHex() : String(part)}`);
      const value = vhex === "" ? "" : decodeValue(Uint8Array.fromHex(vhex));
      return [[dir, ...shown].join(" | "), { dir, key, value: named(value) }];
    }),
  );
}
