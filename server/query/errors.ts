// Errors of a query as a whole: it does not parse, it is not allowed, or it costs too much.
import { MatyanError } from "../../formats/error.ts";

/** What the web UI marks in its query field (`detail` of a 400 whose message is `SyntaxError`). */
export interface ErrorPosition {
  /** The line of the prepared text that the error is in. */
  readonly statement: string;
  /** Counted from 1. */
  readonly line: number;
  /**
   * Column counted from 1, in UTF-16 units of the prepared text. That text is the query in one pair of parentheses, so
   * on the first line a column is one more than in what was typed; the UI subtracts that again.
   */
  readonly offset: number;
  /** Column after the last unit in question, or 0 when it is unknown. */
  readonly end_offset: number;
}

/** The query cannot be understood (`syntax`) or asks for something that a query may not do (`forbidden`). */
export class QueryError extends MatyanError {
  override readonly name: string = "QueryError";
  readonly reason: "syntax" | "forbidden";
  /** Python's wording where Python has one, without position. */
  readonly explanation: string;
  readonly position: ErrorPosition;
  /** The same place as a range of UTF-16 units of the text that the caller gave. */
  readonly source: { readonly start: number; readonly end: number };

  constructor(
    reason: "syntax" | "forbidden",
    explanation: string,
    position: ErrorPosition,
    source: { readonly start: number; readonly end: number },
  ) {
    super("usage", `Invalid query syntax: ${explanation} (<query>, line ${position.line})`, {
      hint:
        reason === "syntax"
          ? "a query is one Python expression over `run`, such as run.hparams.lr > 0.01 and 'best' in run.tags"
          : "a query may only read what `run` and `metric` offer and call the functions of the query language",
    });
    this.reason = reason;
    this.explanation = explanation;
    this.position = position;
    this.source = source;
  }
}

/** The bounds that keep a query from holding the server. */
export type BudgetName = "rowSteps" | "rowMs" | "querySteps" | "queryMs" | "integerBits" | "textLength" | "items";

/** A row (or the whole query) cost more than its budget; the query is given up, not the row. */
export class QueryBudgetError extends MatyanError {
  override readonly name: string = "QueryBudgetError";
  readonly budget: BudgetName;

  constructor(budget: BudgetName, limit: number) {
    super("too_large", `the query is too expensive: it went over its budget ${budget} of ${limit}`, {
      hint: "simplify the expression: no huge powers, repetitions or nested loops over long lists",
    });
    this.budget = budget;
  }
}

/** A syntax error inside the parser, before it is known where the text came from. */
export class SyntaxFault {
  readonly message: string;
  readonly start: number;
  readonly end: number;
  /** Plain `invalid syntax`, which a more telling error further on in the text may replace. */
  readonly generic: boolean;

  constructor(message: string, start: number, end: number, generic = false) {
    this.message = message;
    this.start = start;
    this.end = end;
    this.generic = generic;
  }
}
