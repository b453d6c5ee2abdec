// Test support: one recorded scenario played against our system, step by step, and its answers by what was asked.
import { shown } from "./compare.ts";
import { listAt, mapAt } from "./facts.ts";
import { type Model, modelDifferences, modelOfOurs, modelOfRecorded } from "./model.ts";
import { Floats, type Node } from "./nodes.ts";
import type { Exchange, Quirk, RecordedRequest } from "./recording.ts";
import { World } from "./world.ts";

export interface Asked {
  readonly request: RecordedRequest;
  readonly ours: Model;
  readonly theirs: Model;
}

export class Scenario implements AsyncDisposable {
  readonly world: World;
  readonly asked: readonly Asked[];
  /** Why messages were not taken, in order. */
  readonly refusals: readonly string[];

  private constructor(world: World, asked: readonly Asked[], refusals: readonly string[]) {
    this.world = world;
    this.asked = asked;
    this.refusals = refusals;
  }

  static async play(quirk: Quirk): Promise<Scenario> {
    const world = await World.open();
    const asked: Asked[] = [];
    const refusals: string[] = [];
    for (const step of quirk.steps) {
      if (step.do === "ingest") {
        const fed = await world.feed(step.lines);
        for (const { outcome } of fed) if (!outcome.ok) refusals.push(outcome.error.message);
      } else if (step.do === "http") {
        const { request, answer } = step;
        const exchange: Exchange = { n: 0, group: "", request, answer, isOrdered: true };
        const ours = await modelOfOurs(exchange, await world.ask(request));
        asked.push({ request, ours, theirs: modelOfRecorded(exchange, (text) => text) });
      } else await world.loop.drain();
    }
    return new Scenario(world, asked, refusals);
  }

  /** The answer to the nth request whose decoded path (and query) has this in it. */
  answer(part: string, nth = 0): Model {
    const found = this.asked.filter(({ request }) => decodeURIComponent(request.path).includes(part))[nth];
    if (found === undefined) throw new Error(`nothing with '${part}' is asked in this scenario`);
    return found.ours;
  }

  /** `/info/` of a run of one letter. */
  info(letter: string, nth = 0): Model {
    return this.answer(`/runs/${idOf(letter)}/info`, nth);
  }

  /** Parameters of a run that is shown. */
  params(letter: string, nth = 0): Node | undefined {
    return mapAt(this.info(letter, nth).body)?.get("params");
  }

  /** Letters of the runs that the search with this query finds, in order. */
  found(query: string, nth = 0): string[] {
    const { body, order } = this.answer(query, nth);
    return (order ?? [...mapAt(body)!.keys()]).map((hash) => String(hash).slice(0, 1));
  }

  /** A metric of a run in the nth metric search: `[steps, values]`. */
  series(letter: string, name: string, nth = 0): (readonly number[])[] | undefined {
    const traces = listAt(this.answer("/search/metric/?p=5", nth).body, idOf(letter), "traces");
    const trace = mapAt(traces.find((one) => mapAt(one)!.get("name") === name));
    return trace && [numbersOf(trace.get("iters")), numbersOf(trace.get("values"))];
  }

  /** Metrics of a run in the nth `/info/`: `[name, context, last value]`. */
  metrics(letter: string, nth = 0): string[] {
    return listAt(this.info(letter, nth).body, "traces", "metric").map((trace) =>
      ["name", "context", "last_value"].map((field) => shown(mapAt(trace)!.get(field))).join(" "),
    );
  }

  /** Answers other than those recorded, and what a consumer stumbles over. */
  get differing(): string[] {
    return this.asked.flatMap(({ request, ours, theirs }) =>
      modelDifferences(theirs, ours).map(({ path }) => `${decodeURIComponent(request.path)}: ${path}`),
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.world[Symbol.asyncDispose]();
  }
}

export function idOf(letter: string): string {
  return letter.repeat(32);
}

function numbersOf(node: Node | undefined): readonly number[] {
  return node instanceof Floats ? node.values : [];
}
