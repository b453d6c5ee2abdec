// What a query may not contain although it parses. The same things are refused as by RestrictedPython 8.0 with the reference's
// guards, and by CPython's compiler after its parser; sandbox.test.ts holds vectors made with both.
import { type Comprehension, childrenOf, type Lambda, type Node, parametersOf, walk } from "../ast.ts";
import { SyntaxFault } from "../errors.ts";

const inspection: ReadonlySet<string> = new Set(
  (
    "tb_frame tb_next f_back f_builtins f_code f_globals f_locals f_trace co_code gi_frame gi_code gi_yieldfrom " +
    "cr_await cr_frame cr_code cr_origin"
  ).split(" "),
);
const reserved: ReadonlySet<string> = new Set(["builtins", "breakpoint"]);

/** @throws SyntaxFault naming what is not allowed and where. */
export function refuseForbidden(root: Node): void {
  walk(root, (node) => {
    switch (node.kind) {
      case "name":
        checkName(node.id, node);
        break;
      case "attribute":
        checkAttribute(node.name, node);
        break;
      case "constant":
        if (node.value === undefined) throw fault("'...' is not allowed", node);
        break;
      case "call":
        if (node.callee.kind === "name" && (node.callee.id === "exec" || node.callee.id === "eval")) {
          throw fault(`calling ${node.callee.id} is not allowed`, node);
        }
        for (const argument of node.positional) {
          if (argument.kind === "starred") throw fault("*arguments are not allowed in calls", argument);
        }
        for (const keyword of node.keywords) {
          if (keyword.name === null) throw fault("**arguments are not allowed in calls", keyword);
        }
        break;
      case "lambda":
        checkLambda(node);
        break;
      case "comprehension":
        checkComprehension(node);
        break;
      case "await":
        throw fault("'await' is not allowed", node);
      case "yield":
        throw fault("'yield' is not allowed", node);
      default:
    }
  });
}

function fault(message: string, at: { readonly start: number; readonly end: number }): SyntaxFault {
  return new SyntaxFault(message, at.start, at.end);
}

function checkName(name: string, at: { readonly start: number; readonly end: number }): void {
  if (name.startsWith("_") && name !== "_") throw fault(`the name "${name}" is not allowed: it starts with "_"`, at);
  if (name.endsWith("__roles__")) throw fault(`the name "${name}" is not allowed: it ends with "__roles__"`, at);
  if (reserved.has(name)) throw fault(`the name "${name}" is not allowed: it is reserved`, at);
}

function checkAttribute(name: string, at: { readonly start: number; readonly end: number }): void {
  const hint = `use ["${name}"] for a parameter of that name`;
  if (name.startsWith("_") && name !== "_") {
    throw fault(`the attribute "${name}" is not allowed: it starts with "_"; ${hint}`, at);
  }
  if (name.endsWith("__roles__")) {
    throw fault(`the attribute "${name}" is not allowed: it ends with "__roles__"; ${hint}`, at);
  }
  if (inspection.has(name)) throw fault(`the attribute "${name}" is not allowed; ${hint}`, at);
}

function checkLambda(node: Lambda): void {
  const seen = new Set<string>();
  for (const parameter of parametersOf(node)) {
    checkName(parameter.name, parameter);
    if (seen.has(parameter.name)) {
      throw fault(`duplicate argument '${parameter.name}' in function definition`, parameter);
    }
    seen.add(parameter.name);
  }
}

function checkComprehension(node: Comprehension): void {
  const bound = new Set<string>();
  for (const clause of node.clauses) {
    if (clause.isAsync) throw fault("'async for' is not allowed", node);
    checkTarget(clause.target, bound, true);
    walk(clause.iterable, (inner) => {
      if (inner.kind === "assignment") {
        throw fault("assignment expression cannot be used in a comprehension iterable expression", inner);
      }
    });
  }
  const inside = [node.element, ...(node.key === null ? [] : [node.key]), ...node.clauses.flatMap((c) => c.conditions)];
  for (const part of inside) refuseRebinding(part, bound);
}

/** An assignment in a comprehension binds outside of it, so it cannot mean one of the loop's own names. */
function refuseRebinding(node: Node, bound: ReadonlySet<string>): void {
  if (node.kind === "lambda") return;
  if (node.kind === "assignment" && bound.has(node.target.id)) {
    throw fault(
      `assignment expression cannot rebind comprehension iteration variable '${node.target.id}'`,
      node.target,
    );
  }
  for (const child of childrenOf(node)) refuseRebinding(child, bound);
}

function checkTarget(node: Node, bound: Set<string>, top: boolean): void {
  switch (node.kind) {
    case "name":
      bound.add(node.id);
      return;
    case "tuple":
    case "list":
      if (node.elements.filter((element) => element.kind === "starred").length > 1) {
        throw fault("multiple starred expressions in assignment", node);
      }
      for (const element of node.elements) checkTarget(element, bound, false);
      return;
    case "starred":
      if (top) throw fault("starred assignment target must be in a list or tuple", node);
      checkTarget(node.value, bound, false);
      return;
    default:
      throw fault("'for' may only bind names: a query cannot change anything", node);
  }
}
