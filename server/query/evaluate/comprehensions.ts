// Comprehensions and generator expressions.
import type { Comprehension, ForClause, Node } from "../ast.ts";
import { truth } from "./compare.ts";
import { PyDict, PySet } from "./hashed.ts";
import { iterate, unpack } from "./iterate.ts";
import type { Runtime } from "./runtime.ts";
import { type Frame, FrameLayout, Scope, weight } from "./scopes.ts";
import { done, type Py, PyIterator, PyList } from "./values.ts";

export type Code = (frame: Frame) => Py;

/** What compilation needs to know besides the node. */
export interface CompileScope {
  readonly names: Scope;
  readonly builtins: ReadonlyMap<string, Py>;
  readonly runtime: Runtime;
}

type Compile = (node: Node, scope: CompileScope) => Code;

interface Loop {
  readonly iterable: Code;
  readonly assign: (frame: Frame, value: Py) => void;
  readonly conditions: readonly Code[];
  /** Steps of one round. */
  readonly cost: number;
}

export function compileComprehension(node: Comprehension, scope: CompileScope, compile: Compile): Code {
  return node.form === "generator" ? compileGenerator(node, scope, compile) : compileDisplay(node, scope, compile);
}

function compileLoops(
  clauses: readonly ForClause[],
  outer: CompileScope,
  inner: CompileScope,
  bodyCost: number,
  compile: Compile,
): Loop[] {
  return clauses.map((clause, index) => {
    // The first iterable belongs to the scope around the comprehension.
    const iterable = compile(clause.iterable, index === 0 ? outer : inner);
    const assign = compileTarget(clause.target, inner);
    const conditions = clause.conditions.map((condition) => compile(condition, inner));
    const own = clause.conditions.reduce((sum, condition) => sum + weight(condition), 1);
    return { iterable, assign, conditions, cost: index === clauses.length - 1 ? own + bodyCost : own };
  });
}

function declareTargets(node: Node, names: Scope): void {
  if (node.kind === "name") names.declare(node.id);
  else if (node.kind === "tuple" || node.kind === "list")
    for (const child of node.elements) declareTargets(child, names);
  else if (node.kind === "starred") declareTargets(node.value, names);
}

function compileTarget(node: Node, scope: CompileScope): (frame: Frame, value: Py) => void {
  if (node.kind === "name") {
    const slot = scope.names.declare(node.id);
    return (frame, value) => {
      frame.slots[slot] = value;
    };
  }
  if (node.kind === "starred") return compileTarget(node.value, scope);
  if (node.kind !== "tuple" && node.kind !== "list") return () => undefined;
  const targets = node.elements.map((element) => compileTarget(element, scope));
  const star = node.elements.findIndex((element) => element.kind === "starred");
  const { meter } = scope.runtime;
  return (frame, value) => {
    const items = unpack(value, targets.length, star, meter);
    for (let i = 0; i < targets.length; i++) targets[i]!(frame, items[i]!);
  };
}

/** List, set and dict comprehensions: plain nested loops in the frame around them. */
function compileDisplay(node: Comprehension, scope: CompileScope, compile: Compile): Code {
  const names = new Scope(scope.names.layout, scope.names, true);
  const inner: CompileScope = { ...scope, names };
  for (const clause of node.clauses) declareTargets(clause.target, names);
  const bodyCost = weight(node.element) + (node.key === null ? 0 : weight(node.key));
  const loops = compileLoops(node.clauses, scope, inner, bodyCost, compile);
  const element = compile(node.element, inner);
  const key = node.key === null ? undefined : compile(node.key, inner);
  const { meter } = scope.runtime;
  const run = (frame: Frame, level: number, emit: (frame: Frame) => void): void => {
    const loop = loops[level];
    if (loop === undefined) {
      emit(frame);
      return;
    }
    const next = iterate(loop.iterable(frame));
    for (let value = next(); value !== done; value = next()) {
      meter.charge(loop.cost);
      loop.assign(frame, value);
      if (passes(loop, frame)) run(frame, level + 1, emit);
    }
  };
  const { form } = node;
  if (form === "list") {
    return (frame) => {
      const items: Py[] = [];
      run(frame, 0, (at) => {
        if (items.push(element(at)) > meter.budget.items) meter.items(items.length);
      });
      return new PyList(items);
    };
  }
  if (key === undefined) {
    return (frame) => {
      const out = new PySet(false);
      run(frame, 0, (at) => {
        out.add(element(at));
        if (out.entries.size > meter.budget.items) meter.items(out.entries.size);
      });
      return out;
    };
  }
  return (frame) => {
    const out = new PyDict();
    run(frame, 0, (at) => {
      const name = key(at);
      out.set(name, element(at));
      if (out.entries.size > meter.budget.items) meter.items(out.entries.size);
    });
    return out;
  };
}

function passes(loop: Loop, frame: Frame): boolean {
  for (const condition of loop.conditions) if (!truth(condition(frame))) return false;
  return true;
}

/** Generator expressions: a frame of their own, elements made when asked for. */
function compileGenerator(node: Comprehension, scope: CompileScope, compile: Compile): Code {
  const layout = new FrameLayout();
  const names = new Scope(layout, scope.names, true);
  const inner: CompileScope = { ...scope, names };
  for (const clause of node.clauses) declareTargets(clause.target, names);
  const loops = compileLoops(node.clauses, scope, inner, weight(node.element), compile);
  const element = compile(node.element, inner);
  const { meter } = scope.runtime;
  const first = loops[0]!.iterable;

  function* elements(frame: Frame, level: number, source: Py): Generator<Py, void> {
    const loop = loops[level]!;
    const next = iterate(source);
    for (let value = next(); value !== done; value = next()) {
      meter.charge(loop.cost);
      loop.assign(frame, value);
      if (!passes(loop, frame)) continue;
      const below = loops[level + 1];
      if (below === undefined) yield element(frame);
      else yield* elements(frame, level + 1, below.iterable(frame));
    }
  }

  return (parent) => {
    const source = first(parent);
    // Python asks for the iterator when the expression is evaluated, so a wrong type fails here.
    iterate(source);
    const frame: Frame = { slots: new Array<Py | undefined>(layout.size), parent };
    const generator = elements(frame, 0, source);
    return new PyIterator(() => {
      const step = generator.next();
      return step.done === true ? done : step.value;
    });
  };
}
