// From what a person typed to the text that is parsed: storage.md 5.2 step 1.
import { strip, stripLeft } from "../whitespace.ts";

export interface PreparedText {
  /** The expression in one pair of parentheses, or undefined when nothing was asked. */
  readonly text: string | undefined;
  /** Index in the given query of what stands behind the opening parenthesis. */
  readonly sourceStart: number;
}

/**
 * Drops surrounding white space and Aim's `SELECT … IF` head. A query that begins with `select` in any case keeps what
 * follows the first word `if`; without one it asks for nothing. (The existing services cut at the first two letters `if`, even
 * inside `modified`.)
 */
export function prepareText(query: string): PreparedText {
  let body = strip(query);
  let start = query.length - stripLeft(query).length;
  if (/^select/i.test(query)) {
    const split = /\bif\b/i.exec(query);
    start = split === null ? query.length : split.index + 2;
    body = query.slice(start);
  }
  if (body === "") return { text: undefined, sourceStart: start };
  const lead = body.length - stripLeft(body).length;
  // A comment ends with its line, and would take the closing parenthesis with it.
  const end = body.includes("#") ? "\n)" : ")";
  return { text: `(${strip(body)}${end}`, sourceStart: start + lead };
}
