// A prepared query over rows: does this run, or this sequence of it, match?
import type { Node } from "../ast.ts";
import type { PreparedQuery } from "../prepare/prepare.ts";
import { rowNames } from "../scope.ts";
import { builtinsOf } from "./builtins.ts";
import { truth } from "./compare.ts";
import { compile } from "./compile.ts";
import type { Code } from "./comprehensions.ts";
import { PyException } from "./exceptions.ts";
import { type Budget, defaultBudget, Meter } from "./meter.ts";
import { AnySequence, RunObject, type RunRow, SequenceObject, type SequenceRow } from "./rows.ts";
import { type Runtime, seededRandom } from "./runtime.ts";
import { assignedNames, type Frame, FrameLayout, Scope } from "./scopes.ts";
import type { Py } from "./values.ts";

export interface EvaluateOptions {
  readonly budget?: Partial<Budget>;
  /** Milliseconds of a monotonic clock, for the time budgets. */
  readonly clock?: () => number;
  /** Seconds since the epoch, for `datetime.now()`. */
  readonly now?: () => number;
  readonly timezoneOffset?: number;
  readonly seed?: number;
}

/** One expression compiled over named variables. */
export class CompiledExpression {
  readonly meter: Meter;
  readonly #code: Code;
  readonly #layout: FrameLayout;
  /** Made when a row first asks for it, so that every row starts from the same seed. */
  #random: (() => number) | undefined;

  constructor(tree: Node, variables: readonly string[], options: EvaluateOptions = {}) {
    const { clock = () => performance.now(), now = () => Date.now() / 1000, timezoneOffset = 0, seed = 1 } = options;
    this.meter = new Meter({ ...defaultBudget, ...options.budget }, clock);
    const runtime: Runtime = {
      meter: this.meter,
      now,
      timezoneOffset,
      random: () => {
        this.#random ??= seededRandom(seed);
        return this.#random();
      },
      seed: (value) => {
        this.#random = seededRandom(value);
      },
    };
    this.#layout = new FrameLayout();
    const names = new Scope(this.#layout, undefined, false);
    for (const variable of variables) names.declare(variable);
    for (const name of assignedNames(tree)) names.declare(name);
    this.#code = compile(tree, { names, builtins: builtinsOf(runtime), runtime });
  }

  /**
   * The value with the variables bound in their order.
   * @throws PyException as the expression raises, QueryBudgetError when it costs too much.
   */
  value(...variables: readonly (Py | undefined)[]): Py {
    this.meter.startRow();
    this.#random = undefined;
    const frame: Frame = { slots: new Array<Py | undefined>(this.#layout.size), parent: undefined };
    for (let i = 0; i < variables.length; i++) frame.slots[i] = variables[i];
    try {
      return this.#code(frame);
    } catch (thrown) {
      if (thrown instanceof RangeError) throw new PyException("RecursionError", "maximum recursion depth exceeded");
      throw thrown;
    }
  }
}

/** Evaluates a query row by row. Not for concurrent use; make one for each search. */
export class QueryEvaluator {
  readonly query: PreparedQuery;
  readonly #expression: CompiledExpression;
  #row: RunRow | undefined;
  #run: RunObject | undefined;

  constructor(query: PreparedQuery, options: EvaluateOptions = {}) {
    this.query = query;
    this.#expression = new CompiledExpression(query.tree, rowNames(query.scope), {
      timezoneOffset: query.timezoneOffset,
      ...options,
    });
  }

  /**
   * Whether the run matches. A row whose evaluation raises does not. For queries over sequences this is only right when
   * `query.usesSequence` is false.
   * @throws QueryBudgetError
   */
  matchesRun(row: RunRow): boolean {
    const any = this.query.scope === "run" ? new AnySequence(() => row.traces.map((trace) => trace.name)) : undefined;
    return this.#matches(this.#runOf(row), any);
  }

  /** Whether the sequence of the run matches. @throws QueryBudgetError */
  matchesSequence(row: RunRow, sequence: SequenceRow): boolean {
    const run = this.#runOf(row);
    return this.#matches(run, new SequenceObject(sequence, run));
  }

  #runOf(row: RunRow): RunObject {
    if (this.#run === undefined || this.#row !== row) {
      this.#row = row;
      this.#run = new RunObject(row, this.#expression.meter);
    }
    return this.#run;
  }

  #matches(run: RunObject, sequence: Py | undefined): boolean {
    try {
      return truth(this.#expression.value(run, sequence));
    } catch (thrown) {
      if (thrown instanceof PyException) return false;
      throw thrown;
    }
  }
}
