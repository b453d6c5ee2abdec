// From the condition to a plan: storage.md 5.6, but sound. For every node and each outcome (truthy, falsy) the planner finds a
// superset of the runs for which the node evaluates, without raising, to that outcome.
import type { CompareOperator, Comprehension, Node } from "../ast.ts";
import { isRun } from "../prepare/names.ts";
import type { PreparedQuery } from "../prepare/prepare.ts";
import type { Scope } from "../scope.ts";
import {
  asNumber,
  isIndexed,
  isNumber,
  isTruthyConstant,
  literalOf,
  literalsOf,
  type PlanLiteral,
} from "./literals.ts";
import { lookupPlan, type QueryPlan, type RangeOperator } from "./nodes.ts";
import { holds, rangeFor } from "./ranges.ts";
import { both, either, flagSaid, never, runsOnly, type Said, unknown } from "./said.ts";
import { settleTimes, timesOf } from "./times.ts";

/** Plans a prepared query. Whatever the plan yields must be evaluated. */
export function planQuery(query: PreparedQuery): QueryPlan {
  const rowVariables = ["run", "metric", query.scope];
  // A query that gives `run` a meaning of its own is not worth understanding.
  const shadowed = rowVariables.some((name) => query.bound.has(name));
  const said = shadowed ? unknown : new Planner(query.scope, query.bound).when(query.tree, true);
  return {
    runs: settleTimes(said.runs),
    times: timesOf(said.runs),
    sequenceNames: query.scope === "run" ? undefined : said.names,
  };
}

const swapped: Readonly<Record<string, CompareOperator>> = {
  "==": "==",
  "!=": "!=",
  "<": ">",
  "<=": ">=",
  ">": "<",
  ">=": "<=",
};
const negated: Readonly<Record<string, CompareOperator>> = { "!=": "==", "not in": "in" };

/** A property of a run that an index knows. */
type Property =
  | { readonly kind: "hash" | "experiment" | "active" | "archived" | "created" | "tags" | "sequence" | "last" }
  | { readonly kind: "hparam"; readonly key: string }
  | { readonly kind: "metricLast"; readonly name: string };

class Planner {
  readonly #scope: Scope;
  readonly #bound: ReadonlySet<string>;

  constructor(scope: Scope, bound: ReadonlySet<string>) {
    this.#scope = scope;
    this.#bound = bound;
  }

  /** Rows for which the node can come out truthy (`outcome` true) or falsy. */
  when(node: Node, outcome: boolean): Said {
    switch (node.kind) {
      case "constant":
        return isTruthyConstant(node) === outcome ? unknown : never;
      case "tuple":
      case "list":
      case "set":
        if (node.elements.some((element) => element.kind === "starred")) return unknown;
        return node.elements.length > 0 === outcome ? unknown : never;
      case "bool": {
        const parts = node.values.map((value) => this.when(value, outcome));
        return (node.op === "and") === outcome ? both(parts) : either(parts);
      }
      case "unary":
        return node.op === "not" ? this.when(node.operand, !outcome) : unknown;
      case "conditional":
        return either([
          both([this.when(node.test, true), this.when(node.body, outcome)]),
          both([this.when(node.test, false), this.when(node.otherwise, outcome)]),
        ]);
      case "assignment":
        return this.when(node.value, outcome);
      case "compare":
        return this.#compare(node.left, node.ops, node.comparators, outcome);
      case "attribute":
        return this.#truth(node, outcome);
      case "subscript":
        return outcome ? this.#metricExists(node) : unknown;
      case "call":
        return this.#call(node, outcome);
      default:
        return unknown;
    }
  }

  /** `a < b < c` is truthy when every link holds; it is falsy when some link that was reached does not. */
  #compare(left: Node, ops: readonly CompareOperator[], comparators: readonly Node[], outcome: boolean): Said {
    const links = ops.map((op, index) => {
      const first = index === 0 ? left : comparators[index - 1]!;
      return this.#link(first, op, comparators[index]!, outcome);
    });
    return outcome ? both(links) : either(links);
  }

  #link(left: Node, op: CompareOperator, right: Node, outcome: boolean): Said {
    if (op === "is" || op === "is not") {
      // `x is True` implies `x == True`; nothing else about identity is of use.
      const other = literalOf(right);
      const isEqual = (op === "is") === outcome;
      return typeof other === "boolean" && isEqual ? this.#equality(left, other) : unknown;
    }
    const property = this.#property(left);
    if (property?.kind === "active" || property?.kind === "archived")
      return this.#flag(property.kind, op, right, outcome);
    const mirrored = this.#property(right);
    const mirroredOp = swapped[op];
    if ((mirrored?.kind === "active" || mirrored?.kind === "archived") && mirroredOp !== undefined) {
      return this.#flag(mirrored.kind, mirroredOp, left, outcome);
    }
    if (op === "in" && mirrored?.kind === "tags") {
      const tag = literalOf(left);
      return typeof tag === "string" && outcome ? runsOnly(lookupPlan({ kind: "tag", name: tag })) : unknown;
    }
    if (op === "not in" && mirrored?.kind === "tags") {
      const tag = literalOf(left);
      return typeof tag === "string" && !outcome ? runsOnly(lookupPlan({ kind: "tag", name: tag })) : unknown;
    }
    // A comparison that comes out falsy is only of use when its opposite is an equality: NaN falsifies every order.
    const wanted = outcome ? op : negated[op];
    if (wanted === undefined) return unknown;
    if (wanted === "in") {
      const values = literalsOf(right);
      if (values === undefined) return unknown;
      return values.length === 0 ? never : either(values.map((value) => this.#equality(left, value)));
    }
    if (wanted === "not in" || wanted === "!=") return unknown;
    if (property !== undefined) return this.#order(property, wanted, literalOf(right));
    const turned = swapped[wanted];
    return mirrored !== undefined && turned !== undefined ? this.#order(mirrored, turned, literalOf(left)) : unknown;
  }

  #equality(node: Node, value: PlanLiteral): Said {
    const property = this.#property(node);
    if (property === undefined) return unknown;
    if (property.kind === "active" || property.kind === "archived") {
      return this.#flagValues(
        property.kind,
        (flag) =>
          typeof value !== "string" && value !== undefined && value !== null && holds("==", flag, asNumber(value)),
      );
    }
    return this.#order(property, "==", value);
  }

  /** `active` and `archived` are always booleans, so both outcomes of every comparison are known exactly. */
  #flag(kind: "active" | "archived", op: CompareOperator, other: Node, outcome: boolean): Said {
    if (op === "in" || op === "not in") {
      const values = literalsOf(other);
      if (values === undefined) return unknown;
      const within = (flag: bigint): boolean =>
        values.some((value) => isNumber(value) && holds("==", flag, asNumber(value)));
      return this.#flagValues(kind, (flag) => within(flag) === ((op === "in") === outcome));
    }
    const value = literalOf(other);
    if (!isNumber(value) || op === "is" || op === "is not") return unknown;
    const number = asNumber(value);
    return this.#flagValues(kind, (flag) => holds(op, flag, number) === outcome);
  }

  #flagValues(kind: "active" | "archived", holdsFor: (flag: bigint) => boolean): Said {
    const parts = [false, true].filter((value) => holdsFor(value ? 1n : 0n)).map((value) => flagSaid(kind, value));
    return parts.length === 2 ? unknown : either(parts);
  }

  #order(property: Property, op: CompareOperator, value: PlanLiteral): Said {
    if (value === undefined || value === null) return unknown;
    switch (property.kind) {
      case "hash":
        if (op !== "==") return unknown;
        return typeof value === "string" ? runsOnly(lookupPlan({ kind: "hash", hash: value })) : never;
      case "experiment":
        if (op !== "==") return unknown;
        return typeof value === "string" ? runsOnly(lookupPlan({ kind: "experiment", name: value })) : never;
      case "sequence":
        if (op !== "==") return unknown;
        if (typeof value !== "string") return never;
        // In run search the name is any of the run's, so two of them do not exclude each other.
        return {
          runs: lookupPlan({ kind: "trace", name: value }),
          names: this.#scope === "run" ? undefined : new Set([value]),
        };
      case "created":
        return this.#created(op as RangeOperator, value);
      case "hparam":
        return this.#hparam(property.key, op as RangeOperator, value);
      case "metricLast":
        return runsOnly(lookupPlan({ kind: "trace", name: property.name }));
      default:
        return unknown;
    }
  }

  #created(op: RangeOperator, value: string | bigint | number | boolean): Said {
    if (typeof value === "string") return op === "==" ? never : unknown;
    const time = Number(asNumber(value));
    const from = op === "<" || op === "<=" ? undefined : time;
    const to = op === ">" || op === ">=" ? undefined : time;
    return runsOnly(lookupPlan({ kind: "created", from, to }));
  }

  #hparam(key: string, op: RangeOperator, value: string | bigint | number | boolean): Said {
    if (typeof value !== "string") {
      if (!isIndexed(key, "")) return unknown;
      const number = asNumber(value);
      return runsOnly(lookupPlan({ kind: "hparamNumber", key, op, value: number, range: rangeFor(op, number) }));
    }
    if (!isIndexed(key, value)) return unknown;
    // An order over strings can reach values that are too long for the index.
    if (op !== "==") return unknown;
    return runsOnly(lookupPlan({ kind: "hparamText", key, from: value, to: value }));
  }

  #truth(node: Node, outcome: boolean): Said {
    const property = this.#property(node);
    if (property?.kind === "active" || property?.kind === "archived") {
      return flagSaid(property.kind, outcome);
    }
    // A run whose hash were empty does not exist; an attribute of a missing metric is falsy.
    if (property?.kind === "metricLast" && outcome) {
      return runsOnly(lookupPlan({ kind: "trace", name: property.name }));
    }
    return unknown;
  }

  #metricExists(node: Node): Said {
    const name = this.#metricName(node);
    return name === undefined ? unknown : runsOnly(lookupPlan({ kind: "trace", name }));
  }

  #call(node: Extract<Node, { kind: "call" }>, outcome: boolean): Said {
    const { callee } = node;
    const [argument] = node.positional;
    if (node.keywords.length > 0 || node.positional.length !== 1 || argument === undefined) return unknown;
    if (callee.kind === "attribute" && callee.name === "contains") {
      const tag = literalOf(argument);
      if (!outcome || typeof tag !== "string" || this.#property(callee.object)?.kind !== "tags") return unknown;
      return runsOnly(lookupPlan({ kind: "tag", name: tag }));
    }
    if (callee.kind !== "name" || this.#bound.has(callee.id)) return unknown;
    if (callee.id === "bool") return this.when(argument, outcome);
    if (callee.id === "any" && outcome && argument.kind === "comprehension") return this.#anyTag(argument);
    return unknown;
  }

  /** `any([t in ["a", "b"] for t in run.tags])`, as the UI writes it. */
  #anyTag(node: Comprehension): Said {
    const [clause] = node.clauses;
    if (node.clauses.length !== 1 || clause === undefined || node.form === "dict") return unknown;
    const { target, iterable } = clause;
    if (target.kind !== "name" || this.#property(iterable)?.kind !== "tags") return unknown;
    const { element } = node;
    if (element.kind !== "compare" || element.ops.length !== 1) return unknown;
    const [op] = element.ops;
    const right = element.comparators[0]!;
    const isTarget = (candidate: Node): boolean => candidate.kind === "name" && candidate.id === target.id;
    let values: readonly PlanLiteral[] | undefined;
    if (op === "in" && isTarget(element.left)) values = literalsOf(right);
    else if (op === "==" && isTarget(element.left)) values = [literalOf(right)];
    else if (op === "==" && isTarget(right)) values = [literalOf(element.left)];
    if (values === undefined || values.includes(undefined)) return unknown;
    const names = values.filter((value) => typeof value === "string");
    return names.length === 0 ? never : either(names.map((name) => runsOnly(lookupPlan({ kind: "tag", name }))));
  }

  #property(node: Node): Property | undefined {
    const scope = this.#scope;
    if (node.kind === "attribute") {
      const { object, name } = node;
      if (isRun(object, scope)) {
        switch (name) {
          case "hash":
          case "experiment":
          case "active":
          case "tags":
            return { kind: name };
          case "archived":
          case "is_archived":
            return { kind: "archived" };
          case "created_at":
          case "creation_time":
            return { kind: "created" };
          default:
            return undefined;
        }
      }
      // In run search `metric.name` stands for the names of all of the run's sequences.
      const sequence = scope === "run" ? "metric" : scope;
      if (object.kind === "name" && object.id === sequence && name === "name") return { kind: "sequence" };
      if (name === "last" || name === "last_step") {
        const metric = this.#metricName(object);
        if (metric !== undefined) return { kind: "metricLast", name: metric };
      }
      // A plain number or string in the place of the hparams has attributes of its own.
      if (this.#isHparams(object) && !numberAttributes.has(name)) return { kind: "hparam", key: name };
      return undefined;
    }
    if (node.kind === "subscript" && this.#isHparams(node.object)) {
      const key = literalOf(node.index);
      if (typeof key === "string") return { kind: "hparam", key };
    }
    return undefined;
  }

  /** `run.hparams` or `run["hparams"]`. */
  #isHparams(node: Node): boolean {
    if (node.kind === "attribute") return node.name === "hparams" && isRun(node.object, this.#scope);
    return node.kind === "subscript" && isRun(node.object, this.#scope) && literalOf(node.index) === "hparams";
  }

  /** The name in `run.metrics["name"]` or `run.metrics["name", context]`. */
  #metricName(node: Node): string | undefined {
    if (node.kind !== "subscript" || node.object.kind !== "attribute") return undefined;
    if (node.object.name !== "metrics" || !isRun(node.object.object, this.#scope)) return undefined;
    const { index } = node;
    const first = index.kind === "tuple" ? index.elements[0] : index;
    const name = first === undefined ? undefined : literalOf(first);
    return typeof name === "string" ? name : undefined;
  }
}

const numberAttributes: ReadonlySet<string> = new Set([
  "real",
  "imag",
  "numerator",
  "denominator",
  "start",
  "stop",
  "step",
]);
