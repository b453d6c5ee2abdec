// Running a plan: merged streams of run hashes, and the choice between them and a walk over the newest runs.
import { compareCodePoints } from "../../../formats/context.ts";
import { MatyanError } from "../../../formats/error.ts";
import { allOf, anyOf, type Plan, type QueryPlan, type TimeRange } from "./nodes.ts";
import type { PlanSources } from "./sources.ts";

/** A part of an intersection that yields this many times more than the cheapest part is left to evaluation. */
const uselessFactor = 16;
const batchSize = 512;
/** Below this many candidates nothing is faster than looking at each. */
const fewCandidates = 2000;

export interface Access extends TimeRange {
  /**
   * `candidates`: evaluate what `candidateHashes(plan)` yields. `walk`: go through the runs by creation time, newest first,
   * within the given times, and evaluate each until there are enough.
   */
  readonly kind: "none" | "candidates" | "walk";
  readonly plan: Plan;
  /** Candidates, as far as they were counted. */
  readonly estimate: number;
}

/**
 * Decides how to get at the rows. `limit` is the number of rows wanted newest first, or undefined when all are wanted (then a
 * walk is only chosen when no index helps).
 */
export async function chooseAccess(
  { runs: plan, times }: QueryPlan,
  sources: PlanSources,
  limit: number | undefined,
): Promise<Access> {
  if (plan.kind === "none") return { kind: "none", plan, estimate: 0, ...times };
  if (plan.kind === "all") return { kind: "walk", plan, estimate: Infinity, ...times };
  const atMost = limit === undefined ? 1_000_000 : Math.max(fewCandidates, limit * 20);
  const cheapest = await prune(plan, sources, atMost);
  const walks = limit !== undefined && cheapest.estimate >= atMost;
  return { kind: walks ? "walk" : "candidates", plan: cheapest.plan, estimate: cheapest.estimate, ...times };
}

interface Pruned {
  readonly plan: Plan;
  readonly estimate: number;
}

/** The plan with the parts of intersections that are worth reading, cheapest first, and its estimated size. */
async function prune(plan: Plan, sources: PlanSources, atMost: number): Promise<Pruned> {
  switch (plan.kind) {
    case "all":
      return { plan, estimate: Infinity };
    case "none":
      return { plan, estimate: 0 };
    case "lookup":
      return { plan, estimate: await sources.estimate(plan.lookup, atMost) };
    case "or": {
      const parts = await Promise.all(plan.parts.map((part) => prune(part, sources, atMost)));
      const estimate = parts.reduce((sum, part) => sum + part.estimate, 0);
      return { plan: anyOf(parts.map((part) => part.plan)), estimate };
    }
    case "and": {
      const parts = await Promise.all(plan.parts.map((part) => prune(part, sources, atMost)));
      parts.sort((a, b) => a.estimate - b.estimate);
      const { estimate } = parts[0]!;
      const worthwhile = parts.filter((part) => part.estimate <= estimate * uselessFactor + 64);
      return { plan: allOf(worthwhile.map((part) => part.plan)), estimate };
    }
  }
}

/**
 * The candidates' hashes, ascending in code point order, each once, in batches. All of them must be evaluated.
 * @throws MatyanError usage when the plan is `all`: there is no index to ask then.
 */
export async function* candidateHashes(plan: Plan, sources: PlanSources): AsyncGenerator<readonly string[], void> {
  const cursor = open(plan, sources);
  try {
    let batch: string[] = [];
    while (await cursor.ready()) {
      batch.push(cursor.head);
      cursor.drop();
      if (batch.length >= batchSize) {
        yield batch;
        batch = [];
      }
    }
    if (batch.length > 0) yield batch;
  } finally {
    await cursor.close();
  }
}

/** An ascending stream of distinct hashes. */
interface Cursor {
  /** Whether there is a head; must be awaited before `head` and after `drop`. */
  ready(): Promise<boolean> | boolean;
  readonly head: string;
  drop(): void;
  close(): Promise<void>;
}

function open(plan: Plan, sources: PlanSources): Cursor {
  switch (plan.kind) {
    case "all":
      throw new MatyanError("usage", "a plan without an index has no candidates to list", {
        hint: "walk the runs by creation time instead",
      });
    case "none":
      return new SortedCursor(async function* () {});
    case "lookup": {
      const { ascending, batches } = sources.read(plan.lookup);
      return new SortedCursor(ascending ? () => batches : () => sortedBatches(batches));
    }
    case "and":
      return new Intersection(plan.parts.map((part) => open(part, sources)));
    case "or":
      return new Union(plan.parts.map((part) => open(part, sources)));
  }
}

async function* sortedBatches(batches: AsyncIterable<readonly string[]>): AsyncGenerator<readonly string[], void> {
  const all = new Set<string>();
  for await (const batch of batches) for (const hash of batch) all.add(hash);
  yield [...all].sort(compareCodePoints);
}

class SortedCursor implements Cursor {
  readonly #iterator: AsyncIterator<readonly string[]>;
  #batch: readonly string[] = [];
  #at = 0;
  #last: string | undefined;

  constructor(batches: () => AsyncIterable<readonly string[]>) {
    this.#iterator = batches()[Symbol.asyncIterator]();
  }

  ready(): Promise<boolean> | boolean {
    while (this.#at < this.#batch.length && this.#batch[this.#at] === this.#last) this.#at++;
    return this.#at < this.#batch.length ? true : this.#fill();
  }

  async #fill(): Promise<boolean> {
    const step = await this.#iterator.next();
    if (step.done === true) {
      this.#batch = [];
      this.#at = 0;
      return false;
    }
    this.#batch = step.value;
    this.#at = 0;
    return this.ready();
  }

  get head(): string {
    return this.#batch[this.#at]!;
  }

  drop(): void {
    this.#last = this.head;
    this.#at++;
  }

  async close(): Promise<void> {
    await this.#iterator.return?.();
  }
}

async function isReady(cursor: Cursor): Promise<boolean> {
  const ready = cursor.ready();
  return typeof ready === "boolean" ? ready : await ready;
}

class Intersection implements Cursor {
  readonly #parts: readonly Cursor[];

  constructor(parts: readonly Cursor[]) {
    this.#parts = parts;
  }

  async ready(): Promise<boolean> {
    for (;;) {
      for (const part of this.#parts) if (!(await isReady(part))) return false;
      let target = this.#parts[0]!.head;
      for (const part of this.#parts) if (compareCodePoints(part.head, target) > 0) target = part.head;
      let agreed = true;
      for (const part of this.#parts) {
        while (compareCodePoints(part.head, target) < 0) {
          part.drop();
          const ready = part.ready();
          if (!(typeof ready === "boolean" ? ready : await ready)) return false;
        }
        if (part.head !== target) agreed = false;
      }
      if (agreed) return true;
    }
  }

  get head(): string {
    return this.#parts[0]!.head;
  }

  drop(): void {
    for (const part of this.#parts) part.drop();
  }

  async close(): Promise<void> {
    for (const part of this.#parts) await part.close();
  }
}

class Union implements Cursor {
  readonly #parts: readonly Cursor[];
  #live: readonly Cursor[] = [];
  #head = "";

  constructor(parts: readonly Cursor[]) {
    this.#parts = parts;
  }

  async ready(): Promise<boolean> {
    const live: Cursor[] = [];
    for (const part of this.#parts) if (await isReady(part)) live.push(part);
    this.#live = live;
    const [first] = live;
    if (first === undefined) return false;
    this.#head = live.reduce(
      (least, part) => (compareCodePoints(part.head, least) < 0 ? part.head : least),
      first.head,
    );
    return true;
  }

  get head(): string {
    return this.#head;
  }

  drop(): void {
    for (const part of this.#live) if (part.head === this.#head) part.drop();
  }

  async close(): Promise<void> {
    for (const part of this.#parts) await part.close();
  }
}
