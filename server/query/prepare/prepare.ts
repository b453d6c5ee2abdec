// A query ready for planning and evaluation: storage.md 5.2, without the reference's faults (rest-api.md W3, W10, W20).
import type { Node } from "../ast.ts";
import { QueryError, SyntaxFault } from "../errors.ts";
import { parseExpression } from "../parse/parser.ts";
import { rowNames, type Scope } from "../scope.ts";
import { foldDatetimes } from "./fold.ts";
import { boundNames, mentionsArchived, usedNames } from "./names.ts";
import { type Needs, needsOf } from "./needs.ts";
import { refuseForbidden } from "./sandbox.ts";
import { prepareText } from "./text.ts";

export interface PrepareOptions {
  readonly scope: Scope;
  /** Minutes as `Date.getTimezoneOffset()` gives them, positive west of Greenwich; 0 when unknown. */
  readonly timezoneOffset?: number;
}

export interface PreparedQuery {
  readonly scope: Scope;
  /** What was typed. */
  readonly source: string;
  readonly timezoneOffset: number;
  /** The whole condition, with dates folded and the default filter added. */
  readonly tree: Node;
  /** Whether the default filter (no archived runs) was added. */
  readonly hidesArchived: boolean;
  /** Whether the outcome can differ between sequences of one run; if not, one evaluation per run will do. */
  readonly usesSequence: boolean;
  readonly bound: ReadonlySet<string>;
  readonly needs: Needs;
}

/** Bytes of text are cheap, but a query this long is not typed by a person. */
const maximalLength = 1_000_000;

/** @throws QueryError when the text does not parse or asks for what is not allowed; the position is that of the UI. */
export function prepareQuery(source: string, options: PrepareOptions): PreparedQuery {
  const { scope, timezoneOffset = 0 } = options;
  const { text, sourceStart } = prepareText(source);
  const sequence = scope;
  if (text === undefined) return assemble(undefined, source, scope, timezoneOffset);
  let reason: "syntax" | "forbidden" = "syntax";
  try {
    if (text.length > maximalLength) {
      throw new SyntaxFault(`the query is longer than ${maximalLength} characters`, 0, text.length);
    }
    const parsed = parseExpression(text);
    reason = "forbidden";
    refuseForbidden(parsed);
    const bound = boundNames(parsed);
    return assemble(foldDatetimes(parsed, timezoneOffset, bound), source, sequence, timezoneOffset);
  } catch (fault) {
    if (!(fault instanceof SyntaxFault)) throw fault;
    throw locate(fault, reason, text, sourceStart, source.length);
  }
}

function assemble(asked: Node | undefined, source: string, scope: Scope, timezoneOffset: number): PreparedQuery {
  const hidesArchived = asked === undefined || !mentionsArchived(asked, scope);
  const tree = !hidesArchived ? asked! : asked === undefined ? notArchived : both(notArchived, asked);
  const variable = rowNames(scope)[1]!;
  return {
    scope,
    source,
    timezoneOffset,
    tree,
    hidesArchived,
    usesSequence: scope !== "run" && usedNames(tree).has(variable),
    bound: boundNames(tree),
    needs: needsOf(tree, scope),
  };
}

const nowhere = { start: 0, end: 0 } as const;
const notArchived: Node = {
  kind: "compare",
  left: { kind: "attribute", object: { kind: "name", id: "run", ...nowhere }, name: "is_archived", ...nowhere },
  ops: ["=="],
  comparators: [{ kind: "constant", value: false, ...nowhere }],
  ...nowhere,
};

function both(first: Node, second: Node): Node {
  return { kind: "bool", op: "and", values: [first, second], start: second.start, end: second.end };
}

function locate(
  fault: SyntaxFault,
  reason: "syntax" | "forbidden",
  text: string,
  sourceStart: number,
  sourceLength: number,
): QueryError {
  const lineStart = text.lastIndexOf("\n", fault.start - 1) + 1;
  const lineEnd = text.indexOf("\n", fault.start);
  const statement = text.slice(lineStart, lineEnd < 0 ? text.length : lineEnd);
  const line = text.slice(0, lineStart).split("\n").length;
  const sameLine = !text.slice(fault.start, fault.end).includes("\n");
  const clamp = (at: number): number => Math.min(Math.max(at - 1 + sourceStart, 0), sourceLength);
  return new QueryError(
    reason,
    fault.message,
    {
      statement,
      line,
      offset: fault.start - lineStart + 1,
      end_offset: sameLine ? fault.end - lineStart + 1 : 0,
    },
    { start: clamp(fault.start), end: clamp(fault.end) },
  );
}
