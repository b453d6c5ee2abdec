// The tree of a query: plain immutable nodes, in Python's own vocabulary (the `ast` module of Python 3.12).

/** Half-open range of UTF-16 units in the text that was parsed. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** A literal of the imaginary kind (`2j`). */
export interface Imaginary {
  readonly imaginary: number;
}

/** `bigint` is an int, `number` a float; `undefined` stands for `...`. */
export type Literal = null | boolean | bigint | number | string | Uint8Array | Imaginary | undefined;

export interface Constant extends Span {
  readonly kind: "constant";
  readonly value: Literal;
}
export interface Name extends Span {
  readonly kind: "name";
  readonly id: string;
}
export interface Attribute extends Span {
  readonly kind: "attribute";
  readonly object: Node;
  readonly name: string;
}
export interface Subscript extends Span {
  readonly kind: "subscript";
  readonly object: Node;
  readonly index: Node;
}
export interface SliceNode extends Span {
  readonly kind: "slice";
  readonly lower: Node | null;
  readonly upper: Node | null;
  readonly step: Node | null;
}
/** `name` is null for `**mapping`. */
export interface Keyword extends Span {
  readonly name: string | null;
  readonly value: Node;
}
export interface Call extends Span {
  readonly kind: "call";
  readonly callee: Node;
  readonly positional: readonly Node[];
  readonly keywords: readonly Keyword[];
}
export interface BoolOp extends Span {
  readonly kind: "bool";
  readonly op: "and" | "or";
  readonly values: readonly Node[];
}
export type UnaryOperator = "not" | "-" | "+" | "~";
export interface Unary extends Span {
  readonly kind: "unary";
  readonly op: UnaryOperator;
  readonly operand: Node;
}
export type BinaryOperator = "+" | "-" | "*" | "/" | "//" | "%" | "**" | "@" | "<<" | ">>" | "&" | "|" | "^";
export interface Binary extends Span {
  readonly kind: "binary";
  readonly op: BinaryOperator;
  readonly left: Node;
  readonly right: Node;
}
export type CompareOperator = "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "not in" | "is" | "is not";
export interface Compare extends Span {
  readonly kind: "compare";
  readonly left: Node;
  readonly ops: readonly CompareOperator[];
  readonly comparators: readonly Node[];
}
export interface Conditional extends Span {
  readonly kind: "conditional";
  readonly test: Node;
  readonly body: Node;
  readonly otherwise: Node;
}
export interface Parameter extends Span {
  readonly name: string;
  readonly fallback: Node | null;
}
export interface Lambda extends Span {
  readonly kind: "lambda";
  /** Parameters that may be given by position; the first `positionalOnly` of them only so. */
  readonly positional: readonly Parameter[];
  readonly positionalOnly: number;
  readonly rest: Parameter | null;
  readonly keywordOnly: readonly Parameter[];
  readonly keywordRest: Parameter | null;
  readonly body: Node;
}
export interface Display extends Span {
  readonly kind: "tuple" | "list" | "set";
  readonly elements: readonly Node[];
}
/** `key` is null for `**mapping`. */
export interface DictEntry {
  readonly key: Node | null;
  readonly value: Node;
}
export interface DictDisplay extends Span {
  readonly kind: "dict";
  readonly entries: readonly DictEntry[];
}
export interface ForClause {
  readonly target: Node;
  readonly iterable: Node;
  readonly conditions: readonly Node[];
  readonly isAsync: boolean;
}
export interface Comprehension extends Span {
  readonly kind: "comprehension";
  readonly form: "list" | "set" | "dict" | "generator";
  /** The value of a dict comprehension. */
  readonly element: Node;
  readonly key: Node | null;
  readonly clauses: readonly ForClause[];
}
export interface Replacement extends Span {
  readonly kind: "replacement";
  readonly value: Node;
  readonly conversion: "s" | "r" | "a" | null;
  readonly spec: FormattedString | null;
}
export interface FormattedString extends Span {
  readonly kind: "formatted";
  readonly parts: readonly (string | Replacement)[];
}
/** `target := value`. */
export interface Assignment extends Span {
  readonly kind: "assignment";
  readonly target: Name;
  readonly value: Node;
}
export interface Starred extends Span {
  readonly kind: "starred";
  readonly value: Node;
}
export interface Await extends Span {
  readonly kind: "await";
  readonly value: Node;
}
export interface Yield extends Span {
  readonly kind: "yield";
  readonly value: Node | null;
}

export type Node =
  | Constant
  | Name
  | Attribute
  | Subscript
  | SliceNode
  | Call
  | BoolOp
  | Unary
  | Binary
  | Compare
  | Conditional
  | Lambda
  | Display
  | DictDisplay
  | Comprehension
  | FormattedString
  | Assignment
  | Starred
  | Await
  | Yield;

/** The direct children of a node, in the order of the text. */
export function childrenOf(node: Node): readonly Node[] {
  switch (node.kind) {
    case "constant":
    case "name":
      return [];
    case "attribute":
      return [node.object];
    case "subscript":
      return [node.object, node.index];
    case "slice":
      return [node.lower, node.upper, node.step].filter((child) => child !== null);
    case "call":
      return [node.callee, ...node.positional, ...node.keywords.map((keyword) => keyword.value)];
    case "bool":
      return node.values;
    case "unary":
      return [node.operand];
    case "binary":
      return [node.left, node.right];
    case "compare":
      return [node.left, ...node.comparators];
    case "conditional":
      return [node.body, node.test, node.otherwise];
    case "lambda":
      return [...defaultsOf(node), node.body];
    case "tuple":
    case "list":
    case "set":
      return node.elements;
    case "dict":
      return node.entries.flatMap((entry) => (entry.key === null ? [entry.value] : [entry.key, entry.value]));
    case "comprehension":
      return [
        ...(node.key === null ? [] : [node.key]),
        node.element,
        ...node.clauses.flatMap((clause) => [clause.target, clause.iterable, ...clause.conditions]),
      ];
    case "formatted":
      return node.parts.flatMap((part) =>
        typeof part === "string" ? [] : part.spec === null ? [part.value] : [part.value, part.spec],
      );
    case "assignment":
      return [node.target, node.value];
    case "starred":
    case "await":
      return [node.value];
    case "yield":
      return node.value === null ? [] : [node.value];
  }
}

function defaultsOf(node: Lambda): Node[] {
  return [...node.positional, ...node.keywordOnly]
    .map((parameter) => parameter.fallback)
    .filter((fallback) => fallback !== null);
}

/** Every parameter of a lambda, whatever its kind. */
export function parametersOf(node: Lambda): Parameter[] {
  return [
    ...node.positional,
    ...(node.rest === null ? [] : [node.rest]),
    ...node.keywordOnly,
    ...(node.keywordRest === null ? [] : [node.keywordRest]),
  ];
}

/** Calls `visit` on the node and everything below it, parents first. */
export function walk(node: Node, visit: (node: Node) => void): void {
  visit(node);
  for (const child of childrenOf(node)) walk(child, visit);
}

/** The tree with `change` applied bottom-up: it gets every node with its children already changed. */
export function transform(node: Node, change: (node: Node) => Node): Node {
  const one = (child: Node): Node => transform(child, change);
  const many = (children: readonly Node[]): Node[] => children.map(one);
  const parameter = (given: Parameter): Parameter =>
    given.fallback === null ? given : { ...given, fallback: one(given.fallback) };
  switch (node.kind) {
    case "constant":
    case "name":
      return change(node);
    case "attribute":
      return change({ ...node, object: one(node.object) });
    case "subscript":
      return change({ ...node, object: one(node.object), index: one(node.index) });
    case "slice":
      return change({
        ...node,
        lower: node.lower && one(node.lower),
        upper: node.upper && one(node.upper),
        step: node.step && one(node.step),
      });
    case "call":
      return change({
        ...node,
        callee: one(node.callee),
        positional: many(node.positional),
        keywords: node.keywords.map((keyword) => ({ ...keyword, value: one(keyword.value) })),
      });
    case "bool":
      return change({ ...node, values: many(node.values) });
    case "unary":
      return change({ ...node, operand: one(node.operand) });
    case "binary":
      return change({ ...node, left: one(node.left), right: one(node.right) });
    case "compare":
      return change({ ...node, left: one(node.left), comparators: many(node.comparators) });
    case "conditional":
      return change({ ...node, test: one(node.test), body: one(node.body), otherwise: one(node.otherwise) });
    case "lambda":
      return change({
        ...node,
        positional: node.positional.map(parameter),
        keywordOnly: node.keywordOnly.map(parameter),
        body: one(node.body),
      });
    case "tuple":
    case "list":
    case "set":
      return change({ ...node, elements: many(node.elements) });
    case "dict":
      return change({
        ...node,
        entries: node.entries.map((entry) => ({ key: entry.key && one(entry.key), value: one(entry.value) })),
      });
    case "comprehension":
      return change({
        ...node,
        key: node.key && one(node.key),
        element: one(node.element),
        clauses: node.clauses.map((clause) => ({
          ...clause,
          target: one(clause.target),
          iterable: one(clause.iterable),
          conditions: many(clause.conditions),
        })),
      });
    case "formatted":
      return change(transformFormatted(node, change));
    case "assignment":
      return change({ ...node, value: one(node.value) });
    case "starred":
    case "await":
      return change({ ...node, value: one(node.value) });
    case "yield":
      return change({ ...node, value: node.value && one(node.value) });
  }
}

function transformFormatted(node: FormattedString, change: (node: Node) => Node): FormattedString {
  const parts = node.parts.map((part) =>
    typeof part === "string"
      ? part
      : {
          ...part,
          value: transform(part.value, change),
          spec: part.spec === null ? null : transformFormatted(part.spec, change),
        },
  );
  return { ...node, parts };
}
