// Test support: what is true of the recorded runs, found without the store and the API: from the messages that were fed, and from
// recorded answers that are right.
import type { Value } from "../../../formats/value.ts";
import type { Identities } from "./identities.ts";
import { modelOfRecorded } from "./model.ts";
import type { Node } from "./nodes.ts";
import type { Exchange } from "./recording.ts";
import type { Fed } from "./world.ts";

export interface Point {
  readonly step: bigint;
  readonly value: number;
  readonly epoch: number;
  /** Seconds, the client's. */
  readonly time: number;
}

export interface KnownRun {
  readonly hash: string;
  readonly createdAt: number;
  readonly isArchived: boolean;
  readonly name: string;
  readonly experiment: string | null;
  readonly tags: readonly string[];
  /** Absent for runs that were archived when it was asked for. */
  readonly params: Map<string, Node> | undefined;
}

/** Created twice, of which the existing backend keeps the second time: see `amendRecreated`. */
export const recreated = "1d5dcf22d1c0cf9f5c924ddb79115112";

/** All runs, without parameters and traces; and all that are not archived, with parameters. */
const [allRuns, allParams] = [293, 412];

export class Facts {
  readonly ids: Identities;
  readonly #exchanges: ReadonlyMap<number, Exchange>;
  readonly #points = new Map<string, Map<bigint, Point>>();
  #runs: KnownRun[] | undefined;

  constructor(exchanges: readonly Exchange[], fed: readonly Fed[], ids: Identities) {
    this.ids = ids;
    this.#exchanges = new Map(exchanges.map((exchange) => [exchange.n, exchange]));
    for (const { message } of fed) {
      if (message?.type !== "log_metric") continue;
      const { payload, runId } = message;
      const [step, value, epoch] = [payload.get("step"), payload.get("value"), payload.get("epoch")];
      const key = keyOf(runId, String(payload.get("name")), contextText(payload.get("context") ?? new Map()));
      const points = this.#points.get(key) ?? new Map<bigint, Point>();
      this.#points.set(key, points);
      const at = typeof step === "bigint" ? step : [...points.keys()].reduce((a, b) => (b > a ? b : a), -1n) + 1n;
      points.set(at, {
        step: at,
        value: Number(value),
        epoch: epoch === null || epoch === undefined ? Number.NaN : Number(epoch),
        time: Date.parse(String(payload.get("client_datetime"))) / 1_000,
      });
    }
  }

  /** The points of a metric, by step; undefined when there is none of this name and context. */
  points(run: string, name: Node | undefined, context: Node | undefined): Point[] | undefined {
    const points = this.#points.get(keyOf(run, String(name), contextText(context ?? new Map())));
    return points && [...points.values()].sort((a, b) => (a.step < b.step ? -1 : 1));
  }

  /** The metrics of a run as `[name, context as text]`. */
  metrics(run: string): string[][] {
    return [...this.#points.keys()]
      .filter((key) => key.startsWith(`${run}\u0000`))
      .map((key) => key.split("\u0000").slice(1));
  }

  /** Another recorded answer, with our ids. */
  body(n: number): Node {
    return modelOfRecorded(this.#exchanges.get(n)!, this.ids.toOurs).body;
  }

  /** What a search shows of a run without parameters and traces, before anything is changed. */
  runNode(hash: string): Map<string, Node> {
    const node = mapAt(this.body(allRuns), hash);
    if (node === undefined) throw new Error(`nothing is recorded of ${hash}`);
    if (hash === recreated) this.amendRecreated(mapAt(node, "props")!);
    return node;
  }

  /** Sets what the second `create_run` took away, in properties or a row of a list. True when it was there. */
  amendRecreated(fields: Map<string, Node>): true {
    const experiment = this.baseline();
    const right: Record<string, Node> = {
      name: "first life",
      creation_time: Date.parse("2026-03-04T15:03:02.875Z") / 1_000,
      archived: true,
      experiment:
        typeof fields.get("experiment") === "object" && isMapNode(fields.get("experiment")) ? experiment : "baseline",
    };
    for (const [name, value] of Object.entries(right)) if (fields.has(name)) fields.set(name, value);
    return true;
  }

  /** The experiment `baseline` as properties have it. */
  baseline(): Map<string, Node> {
    for (const node of (this.body(allRuns) as Map<string, Node>).values()) {
      const experiment = mapAt(node, "props", "experiment");
      if (experiment?.get("name") === "baseline") return experiment;
    }
    throw new Error("no run is in the experiment baseline");
  }

  /** Runs as they are before anything is changed, newest first. */
  get runs(): readonly KnownRun[] {
    if (this.#runs === undefined) {
      const params = this.body(allParams);
      this.#runs = [...(this.body(allRuns) as Map<string, Node>).keys()]
        .map((hash) => this.#knownRun(hash, mapAt(params, hash, "params")))
        .sort((a, b) => b.createdAt - a.createdAt);
    }
    return this.#runs;
  }

  #knownRun(hash: string, params: Map<string, Node> | undefined): KnownRun {
    const props = mapAt(this.runNode(hash), "props")!;
    const [experiment, tags] = [mapAt(props, "experiment")?.get("name"), props.get("tags")];
    return {
      hash,
      createdAt: Number(props.get("creation_time")),
      isArchived: props.get("archived") === true,
      name: String(props.get("name")),
      experiment: typeof experiment === "string" ? experiment : null,
      tags: (Array.isArray(tags) ? tags : []).map((tag) => String(mapAt(tag)?.get("name"))),
      params,
    };
  }
}

function isMapNode(node: Node | undefined): node is Map<string, Node> {
  return node instanceof Map;
}

/** The object at a path of names. */
export function mapAt(node: Node | undefined, ...path: readonly string[]): Map<string, Node> | undefined {
  let current = node;
  for (const name of path) current = current instanceof Map ? current.get(name) : undefined;
  return current instanceof Map ? current : undefined;
}

/** The list at a path of names; empty when there is none. */
export function listAt(node: Node | undefined, ...path: readonly string[]): Node[] {
  const list = mapAt(node, ...path.slice(0, -1))?.get(path.at(-1)!);
  return Array.isArray(list) ? list : [];
}

const keyOf = (...parts: readonly string[]) => parts.join("\u0000");

/** Equal contexts have equal texts, in whatever order their members are. */
export function contextText(context: Value | Node): string {
  if (!isMapNode(context as Node))
    return Array.isArray(context)
      ? `[${context.map((item) => contextText(item as Node))}]`
      : `${typeof context} ${context}`;
  const members = [...(context as Map<string, Node>)].sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, item]) => `${name}: ${contextText(item)}`)}}`;
}
