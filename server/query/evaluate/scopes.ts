// Where the names of an expression live. Lambdas and generator expressions have frames of their own; list, set and dict
// comprehensions have names of their own in the frame around them, as in Python 3.12.
import { childrenOf, type Node } from "../ast.ts";
import type { Py } from "./values.ts";

/** The variables of one activation. */
export interface Frame {
  readonly slots: (Py | undefined)[];
  readonly parent: Frame | undefined;
}

/** Counts the slots of a frame. */
export class FrameLayout {
  size = 0;
  take(): number {
    return this.size++;
  }
}

export interface Place {
  /** Frames to go up. */
  readonly depth: number;
  readonly slot: number;
}

export class Scope {
  readonly layout: FrameLayout;
  readonly parent: Scope | undefined;
  /** A comprehension's scope, which assignments look through. */
  readonly transparent: boolean;
  readonly #names = new Map<string, number>();

  constructor(layout: FrameLayout, parent: Scope | undefined, transparent: boolean) {
    this.layout = layout;
    this.parent = parent;
    this.transparent = transparent;
  }

  declare(name: string): number {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    const slot = this.layout.take();
    this.#names.set(name, slot);
    return slot;
  }

  /** Where the name is, or undefined when no scope declares it. */
  find(name: string): Place | undefined {
    let depth = 0;
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.parent) {
      const slot = scope.#names.get(name);
      if (slot !== undefined) return { depth, slot };
      if (scope.parent !== undefined && scope.parent.layout !== scope.layout) depth++;
    }
    return undefined;
  }

  /** Where `name := …` stores: in the innermost scope that is not a comprehension's. */
  assignable(name: string): Place {
    let depth = 0;
    let scope: Scope = this;
    while (scope.transparent && scope.parent !== undefined) {
      if (scope.parent.layout !== scope.layout) depth++;
      scope = scope.parent;
    }
    return { depth, slot: scope.declare(name) };
  }
}

/** Names that `:=` binds in this body, not counting bodies of lambdas inside. */
export function assignedNames(node: Node): string[] {
  const out: string[] = [];
  const visit = (inner: Node): void => {
    if (inner.kind === "assignment") out.push(inner.target.id);
    if (inner.kind === "lambda") {
      // Defaults are evaluated outside of the lambda.
      for (const child of childrenOf(inner).slice(0, -1)) visit(child);
      return;
    }
    for (const child of childrenOf(inner)) visit(child);
  };
  visit(node);
  return out;
}

/** How many nodes a subtree has: what one evaluation of it costs in steps. */
export function weight(node: Node): number {
  return childrenOf(node).reduce((sum, child) => sum + weight(child), 1);
}
