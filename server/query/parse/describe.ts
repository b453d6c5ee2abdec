// What Python calls an expression in its syntax errors ("cannot assign to function call").
import type { Node } from "../ast.ts";

export function describe(node: Node): string {
  switch (node.kind) {
    case "attribute":
    case "subscript":
    case "starred":
    case "name":
    case "lambda":
    case "tuple":
    case "list":
      return node.kind;
    case "call":
      return "function call";
    case "bool":
    case "binary":
    case "unary":
      return "expression";
    case "comprehension":
      return node.form === "generator" ? "generator expression" : `${node.form} comprehension`;
    case "yield":
      return "yield expression";
    case "await":
      return "await expression";
    case "dict":
      return "dict literal";
    case "set":
      return "set display";
    case "formatted":
      return "f-string expression";
    case "constant":
      if (node.value === undefined) return "ellipsis";
      if (node.value === null) return "None";
      if (node.value === true) return "True";
      return node.value === false ? "False" : "literal";
    case "compare":
      return "comparison";
    case "conditional":
      return "conditional expression";
    case "assignment":
      return "named expression";
    case "slice":
      return "slice";
  }
}
