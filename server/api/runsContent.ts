// The parameters and sequences of some runs, merged. Contents of runs that follow each other can be merged in turn, with the
// same result as all runs one by one.
import { isMap, type Value, type ValueMap } from "../../formats/value.ts";
import type { ReadTransaction } from "../kv/index.ts";
import { artifactsName } from "../store/artifactEntries.ts";
import { readAttrsExcept } from "../store/attrsExcept.ts";
import { readContexts } from "../store/contexts.ts";
import type { Store } from "../store/index.ts";
import { readTraces } from "../store/traces.ts";
import { equalityKey } from "./equalityKey.ts";
import { type SequenceType, typeOf } from "./sequenceTypes.ts";

/** A map of the merged parameters. `replaces` says that something else stood here before it: earlier maps do not shine through. */
interface Branch {
  readonly members: Map<string, Node>;
  readonly replaces: boolean;
  /** Who may change it; others make a copy. */
  readonly owner: RunsContent | undefined;
}
type Node = Branch | { readonly value: Value };

const systemName = "__system_params";

export class RunsContent {
  #params: Branch = { members: new Map(), replaces: false, owner: undefined };
  /** By type and name the contexts, by what tells equal ones. */
  readonly #sequences = new Map<SequenceType, Map<string, Map<string, ValueMap>>>();

  /** Adds what runs hold that were created after all that was added before. */
  add(later: RunsContent): void {
    this.#params = this.#merge(this.#params, later.#params);
    for (const [type, names] of later.#sequences)
      for (const [name, contexts] of names)
        for (const [key, context] of contexts) this.#addContext(type, name, key, context);
  }

  addParams(params: ValueMap): void {
    this.#params = this.#merge(this.#params, branchOf(params));
  }

  addSequence(type: SequenceType, name: string, context: ValueMap): void {
    this.#addContext(type, name, equalityKey(context), context);
  }

  params(): ValueMap {
    return plain(this.#params) as ValueMap;
  }

  /** Contexts by name, in the order in which they were first seen. */
  sequences(type: SequenceType): ValueMap {
    const found: ValueMap = new Map();
    for (const [name, contexts] of this.#sequences.get(type) ?? []) found.set(name, [...contexts.values()]);
    return found;
  }

  /** Later values win; maps are merged name by name, and a map in place of something else is a new one. */
  #merge(earlier: Branch, later: Branch): Branch {
    if (later.replaces) return later;
    if (earlier.members.size === 0) return earlier.replaces ? { ...later, replaces: true } : later;
    const merged =
      earlier.owner === this ? earlier : { members: new Map(earlier.members), replaces: earlier.replaces, owner: this };
    for (const [name, node] of later.members) {
      const before = merged.members.get(name);
      if (before === undefined || !isBranch(node)) merged.members.set(name, node);
      else if (isBranch(before)) merged.members.set(name, this.#merge(before, node));
      else merged.members.set(name, { ...node, replaces: true });
    }
    return merged;
  }

  #addContext(type: SequenceType, name: string, key: string, context: ValueMap): void {
    const names = this.#sequences.getOrInsertComputed(type, () => new Map());
    const contexts = names.getOrInsertComputed(name, () => new Map());
    if (!contexts.has(key)) contexts.set(key, context);
  }
}

/** Reads and merges runs, which are given in order of creation. Runs that are gone meanwhile add nothing. */
export async function readContent(store: Store, hashes: readonly string[]): Promise<RunsContent> {
  const content = new RunsContent();
  await store.database.snapshot(async (tx) => {
    for (const hash of hashes) {
      content.addParams(await readParams(tx, store, hash));
      await addSequences(tx, store, hash, content);
    }
  });
  return content;
}

export function readParams(tx: ReadTransaction, store: Store, hash: string): Promise<ValueMap> {
  return readAttrsExcept(tx, store, hash, [artifactsName, systemName]);
}

export async function addSequences(
  tx: ReadTransaction,
  store: Store,
  hash: string,
  content: RunsContent,
): Promise<void> {
  const traces = await readTraces(tx, store, hash);
  const any = traces.some(({ contextId }) => contextId !== 0);
  const contexts = any ? await readContexts(tx, store, hash) : new Map<number, ValueMap>();
  for (const trace of traces) {
    const type = typeOf(trace);
    if (type !== undefined) content.addSequence(type, trace.name, contexts.get(trace.contextId) ?? new Map());
  }
}

function branchOf(map: ValueMap): Branch {
  const members = new Map<string, Node>();
  for (const [name, value] of map) members.set(name, isMap(value) ? branchOf(value) : { value });
  return { members, replaces: false, owner: undefined };
}

function isBranch(node: Node): node is Branch {
  return "members" in node;
}

function plain(node: Node): Value {
  if (!isBranch(node)) return node.value;
  const map: ValueMap = new Map();
  for (const [name, member] of node.members) map.set(name, plain(member));
  return map;
}
