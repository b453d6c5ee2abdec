// lambda: parameters of every kind, closures over the frames around them, bounded recursion.
import { type Lambda, type Node, parametersOf } from "../ast.ts";
import type { Code, CompileScope } from "./comprehensions.ts";
import { raise, typeError } from "./exceptions.ts";
import { PyDict } from "./hashed.ts";
import { assignedNames, type Frame, FrameLayout, Scope, weight } from "./scopes.ts";
import { type Keywords, type Py, PyFunction, PyTuple } from "./values.ts";

const maximalCalls = 150;

export function compileLambda(
  node: Lambda,
  scope: CompileScope,
  compile: (node: Node, scope: CompileScope) => Code,
): Code {
  const layout = new FrameLayout();
  const names = new Scope(layout, scope.names, false);
  for (const parameter of parametersOf(node)) names.declare(parameter.name);
  for (const name of assignedNames(node.body)) names.declare(name);
  const body = compile(node.body, { ...scope, names });
  const cost = weight(node.body);
  const fallbacks = [...node.positional, ...node.keywordOnly].map((parameter) =>
    parameter.fallback === null ? undefined : compile(parameter.fallback, scope),
  );
  const { meter } = scope.runtime;
  return (parent) => {
    const defaults = fallbacks.map((fallback) => fallback?.(parent));
    return new PyFunction("<lambda>", (given, keywords) => {
      const frame: Frame = { slots: new Array<Py | undefined>(layout.size), parent };
      fill(node, frame, given, keywords, defaults);
      meter.charge(cost);
      try {
        if (!meter.enter(maximalCalls)) raise("RecursionError", "maximum recursion depth exceeded");
        return body(frame);
      } finally {
        meter.leave();
      }
    });
  };
}

/** Parameters take the first slots, in the order of `parametersOf`. */
function fill(
  node: Lambda,
  frame: Frame,
  given: readonly Py[],
  keywords: Keywords,
  defaults: readonly (Py | undefined)[],
): void {
  const { positional, keywordOnly, rest, keywordRest } = node;
  const { slots } = frame;
  const order = parametersOf(node).map((parameter) => parameter.name);
  const slotOf = (name: string): number => order.indexOf(name);
  positional.forEach((_, index) => {
    slots[index] = given[index];
  });
  if (rest !== null) slots[slotOf(rest.name)] = new PyTuple(given.slice(positional.length));
  else if (given.length > positional.length) {
    typeError(`<lambda>() takes ${positional.length} positional arguments but ${given.length} were given`);
  }
  const others = new PyDict();
  for (const [name, value] of keywords ?? []) {
    const at = positional.findIndex((parameter) => parameter.name === name);
    const byName = at >= node.positionalOnly || keywordOnly.some((parameter) => parameter.name === name);
    if (byName) {
      const slot = slotOf(name);
      if (slots[slot] !== undefined) typeError(`<lambda>() got multiple values for argument '${name}'`);
      slots[slot] = value;
    } else if (keywordRest !== null) {
      others.set(name, value);
    } else {
      typeError(`<lambda>() got an unexpected keyword argument '${name}'`);
    }
  }
  if (keywordRest !== null) slots[slotOf(keywordRest.name)] = others;
  [...positional, ...keywordOnly].forEach((parameter, index) => {
    const slot = slotOf(parameter.name);
    slots[slot] ??= defaults[index];
    if (slots[slot] === undefined) typeError(`<lambda>() missing required argument: '${parameter.name}'`);
  });
}
