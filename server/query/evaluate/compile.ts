// From the tree of an expression to closures, once per query. The hot path of every search without an index: closures are
// specialised where a typical query spends its time (attribute chains compared with constants).
import type { BoolOp, Call, Compare, CompareOperator, FormattedString, Literal, Node } from "../ast.ts";
import { binary, unary } from "./arithmetic.ts";
import { attribute } from "./attributes.ts";
import { contains, equals, identical, ordered, truth } from "./compare.ts";
import { type Code, type CompileScope, compileComprehension } from "./comprehensions.ts";
import { updateDict } from "./containers.ts";
import { raise, typeError } from "./exceptions.ts";
import { formatValue } from "./format.ts";
import { PyDict, PySet } from "./hashed.ts";
import { toArray } from "./iterate.ts";
import { compileLambda } from "./lambdas.ts";
import { asciiRepr, repr, str } from "./repr.ts";
import type { Frame } from "./scopes.ts";
import { unwrap } from "./stored.ts";
import { textMethods } from "./strings.ts";
import { subscript } from "./subscript.ts";
import { typeName } from "./types.ts";
import { DictProxy, type Py, PyComplex, PyFunction, PyList, PySlice, PyTuple, PyType, RowObject } from "./values.ts";

/** @returns code that computes the node's value in a frame laid out by `scope`. */
export function compile(node: Node, scope: CompileScope): Code {
  const { runtime } = scope;
  const { meter } = runtime;
  const make = (child: Node): Code => compile(child, scope);
  switch (node.kind) {
    case "constant": {
      const value = constant(node.value);
      return () => value;
    }
    case "name":
      return readName(node.id, scope);
    case "attribute": {
      const object = make(node.object);
      const { name } = node;
      return (frame) => {
        const value = object(frame);
        return value instanceof RowObject ? value.attribute(name) : attribute(value, name, runtime);
      };
    }
    case "subscript": {
      const object = make(node.object);
      const index = make(node.index);
      return (frame) => {
        const container = object(frame);
        return subscript(container, index(frame), meter);
      };
    }
    case "slice": {
      const [lower, upper, step] = [node.lower, node.upper, node.step].map((bound) =>
        bound === null ? () => null : make(bound),
      ) as [Code, Code, Code];
      return (frame) => new PySlice(lower(frame), upper(frame), step(frame));
    }
    case "call":
      return compileCall(node, scope);
    case "bool":
      return compileBool(node, scope);
    case "unary": {
      const operand = make(node.operand);
      const { op } = node;
      if (op === "not") return (frame) => !truth(operand(frame));
      return (frame) => unary(op, operand(frame));
    }
    case "binary": {
      const left = make(node.left);
      const right = make(node.right);
      const { op } = node;
      return (frame) => {
        const a = left(frame);
        return binary(op, a, right(frame), meter);
      };
    }
    case "compare":
      return compileCompare(node, scope);
    case "conditional": {
      const [test, body, otherwise] = [make(node.test), make(node.body), make(node.otherwise)];
      return (frame) => (truth(test(frame)) ? body(frame) : otherwise(frame));
    }
    case "lambda":
      return compileLambda(node, scope, compile);
    case "tuple":
    case "list": {
      const elements = compileElements(node.elements, scope);
      return node.kind === "list" ? (frame) => new PyList(elements(frame)) : (frame) => new PyTuple(elements(frame));
    }
    case "set": {
      const elements = compileElements(node.elements, scope);
      return (frame) => {
        const out = new PySet(false);
        for (const item of elements(frame)) out.add(item);
        return out;
      };
    }
    case "dict": {
      const entries = node.entries.map((entry) => ({ key: entry.key && make(entry.key), value: make(entry.value) }));
      return (frame) => {
        const out = new PyDict();
        for (const entry of entries) {
          if (entry.key === null) {
            const more = entry.value(frame);
            const dict = more instanceof DictProxy ? unwrap(more) : more;
            if (!(dict instanceof PyDict)) typeError(`'${typeName(more)}' object is not a mapping`);
            updateDict(out, dict, meter);
          } else {
            const key = entry.key(frame);
            out.set(key, entry.value(frame));
          }
        }
        return out;
      };
    }
    case "comprehension":
      return compileComprehension(node, scope, compile);
    case "formatted":
      return compileFormatted(node, scope);
    case "assignment": {
      const value = make(node.value);
      const { depth, slot } = scope.names.assignable(node.target.id);
      return (frame) => {
        const result = value(frame);
        ancestor(frame, depth).slots[slot] = result;
        return result;
      };
    }
    case "starred":
    case "await":
    case "yield":
      return () => raise("SyntaxError", `'${node.kind}' cannot stand here`);
  }
}

function constant(value: Literal): Py {
  if (value === undefined) return null;
  if (typeof value === "object" && value !== null && "imaginary" in value) return new PyComplex(0, value.imaginary);
  return value;
}

export function ancestor(frame: Frame, depth: number): Frame {
  let at = frame;
  for (let i = 0; i < depth; i++) at = at.parent!;
  return at;
}

function readName(name: string, scope: CompileScope): Code {
  const place = scope.names.find(name);
  const builtin = scope.builtins.get(name);
  if (place === undefined) {
    if (builtin === undefined) return () => raise("NameError", `name '${name}' is not defined`);
    return () => builtin;
  }
  const { depth, slot } = place;
  const missing = (): Py => builtin ?? raise("NameError", `name '${name}' is not defined`);
  if (depth === 0) {
    return (frame) => {
      const value = frame.slots[slot];
      return value === undefined ? missing() : value;
    };
  }
  return (frame) => {
    const value = ancestor(frame, depth).slots[slot];
    return value === undefined ? missing() : value;
  };
}

function compileBool(node: BoolOp, scope: CompileScope): Code {
  const parts = node.values.map((value) => compile(value, scope));
  const last = parts.at(-1)!;
  const before = parts.slice(0, -1);
  const stopsOn = node.op === "or";
  const [first, second] = parts;
  if (parts.length === 2 && first !== undefined && second !== undefined) {
    return (frame) => {
      const value = first(frame);
      return truth(value) === stopsOn ? value : second(frame);
    };
  }
  return (frame) => {
    for (const part of before) {
      const value = part(frame);
      if (truth(value) === stopsOn) return value;
    }
    return last(frame);
  };
}

function compileCompare(node: Compare, scope: CompileScope): Code {
  const left = compile(node.left, scope);
  const rights = node.comparators.map((comparator) => compile(comparator, scope));
  const [op] = node.ops;
  const [right] = rights;
  if (rights.length === 1 && op !== undefined && right !== undefined) {
    const other = node.comparators[0]!;
    const within = op === "in" || op === "not in" ? textsOf(other) : undefined;
    if (within !== undefined) return amongTexts(left, right, within, op === "in", scope);
    const fast = other.kind === "constant" ? againstConstant(left, op, constant(other.value), scope) : undefined;
    if (fast !== undefined) return fast;
    const test = comparison(op, scope);
    return (frame) => {
      const a = left(frame);
      return test(a, right(frame));
    };
  }
  const tests = node.ops.map((each) => comparison(each, scope));
  return (frame) => {
    let a = left(frame);
    for (let i = 0; i < tests.length; i++) {
      const b = rights[i]!(frame);
      if (!tests[i]!(a, b)) return false;
      a = b;
    }
    return true;
  };
}

/** The strings of a list or tuple display of nothing else. */
function textsOf(node: Node): ReadonlySet<string> | undefined {
  if (node.kind !== "list" && node.kind !== "tuple") return undefined;
  const texts = new Set<string>();
  for (const element of node.elements) {
    if (element.kind !== "constant" || typeof element.value !== "string") return undefined;
    texts.add(element.value);
  }
  return texts;
}

function amongTexts(left: Code, list: Code, texts: ReadonlySet<string>, wanted: boolean, scope: CompileScope): Code {
  const { meter } = scope.runtime;
  return (frame) => {
    const value = left(frame);
    const found = typeof value === "string" ? texts.has(value) : contains(list(frame), value, meter);
    return found === wanted;
  };
}

function againstConstant(left: Code, op: CompareOperator, value: Py, scope: CompileScope): Code | undefined {
  const test = comparison(op, scope);
  if (typeof value === "string" && (op === "==" || op === "!=")) {
    const whenEqual = op === "==";
    return (frame) => {
      const a = left(frame);
      return typeof a === "string" ? (a === value) === whenEqual : test(a, value);
    };
  }
  if (typeof value === "number" && (op === "<" || op === ">" || op === "<=" || op === ">=")) {
    const compareNumbers = numberTests[op];
    return (frame) => {
      const a = left(frame);
      return typeof a === "number" ? compareNumbers(a, value) : test(a, value);
    };
  }
  return undefined;
}

const numberTests = {
  "<": (a: number, b: number) => a < b,
  "<=": (a: number, b: number) => a <= b,
  ">": (a: number, b: number) => a > b,
  ">=": (a: number, b: number) => a >= b,
} as const;

function comparison(op: CompareOperator, scope: CompileScope): (a: Py, b: Py) => boolean {
  const { meter } = scope.runtime;
  switch (op) {
    case "==":
      return (a, b) => equals(a, b, meter);
    case "!=":
      return (a, b) => {
        if (a instanceof RowObject) return a.differs(b);
        return b instanceof RowObject ? b.differs(a) : !equals(a, b, meter);
      };
    case "in":
      return (a, b) => contains(b, a, meter);
    case "not in":
      return (a, b) => !contains(b, a, meter);
    case "is":
      return identical;
    case "is not":
      return (a, b) => !identical(a, b);
    default:
      return (a, b) => ordered(op, a, b, meter);
  }
}

function compileElements(nodes: readonly Node[], scope: CompileScope): (frame: Frame) => Py[] {
  if (!nodes.some((node) => node.kind === "starred")) {
    const parts = nodes.map((node) => compile(node, scope));
    return (frame) => parts.map((part) => part(frame));
  }
  const parts = nodes.map((node) => ({
    starred: node.kind === "starred",
    code: compile(node.kind === "starred" ? node.value : node, scope),
  }));
  return (frame) => {
    const out: Py[] = [];
    for (const part of parts) {
      const value = part.code(frame);
      if (part.starred) for (const item of toArray(value, scope.runtime.meter)) out.push(item);
      else out.push(value);
    }
    return out;
  };
}

function compileCall(node: Call, scope: CompileScope): Code {
  const { runtime } = scope;
  const positional = node.positional.map((argument) => compile(argument, scope));
  const keywords = node.keywords.map((keyword) => [keyword.name ?? "", compile(keyword.value, scope)] as const);
  const given = (frame: Frame): Py[] => positional.map((argument) => argument(frame));
  const named = (frame: Frame): Map<string, Py> | undefined =>
    keywords.length === 0 ? undefined : new Map(keywords.map(([name, value]) => [name, value(frame)]));
  const { callee } = node;
  if (callee.kind === "attribute") {
    // Methods of strings are called without making a bound method first.
    const method = callee.name === "format" ? undefined : textMethods.get(callee.name);
    const object = compile(callee.object, scope);
    const { name } = callee;
    return (frame) => {
      const value = object(frame);
      if (method !== undefined && typeof value === "string") {
        return method(value, given(frame), named(frame), runtime.meter);
      }
      return call(attribute(value, name, runtime), given(frame), named(frame));
    };
  }
  const target = compile(callee, scope);
  return (frame) => {
    const value = target(frame);
    return call(value, given(frame), named(frame));
  };
}

function call(callee: Py, given: readonly Py[], named: Map<string, Py> | undefined): Py {
  if (callee instanceof PyFunction) return callee.call(given, named);
  if (callee instanceof PyType) return callee.make(given, named);
  return typeError(`'${typeName(callee)}' object is not callable`);
}

function compileFormatted(node: FormattedString, scope: CompileScope): Code {
  const { meter } = scope.runtime;
  const parts = node.parts.map((part) => {
    if (typeof part === "string") return () => part;
    const value = compile(part.value, scope);
    const spec = part.spec === null ? () => "" : compileFormatted(part.spec, scope);
    const { conversion } = part;
    return (frame: Frame): string => {
      const given = value(frame);
      const shown =
        conversion === "r"
          ? repr(given, meter)
          : conversion === "a"
            ? asciiRepr(given, meter)
            : conversion === "s"
              ? str(given, meter)
              : given;
      return formatValue(shown, spec(frame) as string, meter);
    };
  });
  return (frame) => {
    let out = "";
    for (const part of parts) {
      out += part(frame);
      meter.text(out.length);
    }
    return out;
  };
}
