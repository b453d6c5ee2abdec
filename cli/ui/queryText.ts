// Queries as people type them: read, and shown with a mark under what is wrong.
import { MatyanError } from "../../formats/error.ts";
import { type PreparedQuery, prepareQuery, QueryError, type Scope } from "../../server/query/index.ts";
import type { RefusedQuery } from "../client/http.ts";
import { cutText, safeText, textWidth } from "./text.ts";

/** Characters of a long line that are shown around the mark. */
const shownWidth = 100;

/** Dates in it are in this machine's time zone. @throws MatyanError `usage` that shows the place of the mistake. */
export function prepareTyped(text: string, scope: Scope): PreparedQuery {
  try {
    return prepareQuery(text, { scope, timezoneOffset: new Date().getTimezoneOffset() });
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    const { start, end } = error.source;
    const explanation =
      error.reason === "forbidden" ? `the query may not do that: ${error.explanation}` : error.explanation;
    throw queryMistake(explanation, markLine(text, start, end), error.hint);
  }
}

/** The same for a query that a server refused: `position` counts columns from 1 in the text in one pair of parentheses. */
export function refusedByServer(message: string, position: RefusedQuery): MatyanError {
  const { statement, line, offset, endOffset } = position;
  const isWrapped = statement.startsWith("(") && line === 1;
  const text = isWrapped ? statement.slice(1).replace(/\)$/, "") : statement;
  const start = Math.max(0, offset - 1 - (isWrapped ? 1 : 0));
  const end = endOffset > offset ? endOffset - 1 - (isWrapped ? 1 : 0) : start + 1;
  return queryMistake(
    message.replace(/^Invalid query syntax: /, "").replace(/ \(<query>, line \d+\)| \(status \d+\)$/g, ""),
    markLine(text, start, end),
    undefined,
  );
}

function queryMistake(explanation: string, marked: string, hint: string | undefined): MatyanError {
  return new MatyanError("usage", `the query is wrong: ${explanation}`, {
    hint: hint === undefined ? marked : `${marked}\n${hint.charAt(0).toUpperCase()}${hint.slice(1)}.`,
  });
}

/** The line of `text` that `start` is in, and carets under `start` to `end` (as far as they are on it). */
export function markLine(text: string, start: number, end: number): string {
  const lineStart = text.lastIndexOf("\n", start - 1) + 1;
  const newline = text.indexOf("\n", start);
  const line = text.slice(lineStart, newline < 0 ? text.length : newline);
  const from = start - lineStart;
  const to = Math.max(from + 1, Math.min(end - lineStart, line.length));
  // Of a long line, what is around the mistake.
  const cut = Math.max(0, from - shownWidth / 2);
  const lead = cut > 0 ? "..." : "";
  const before = lead + safeText(line.slice(cut, from));
  const shown = cutText(safeText(line.slice(from)), shownWidth - Math.min(shownWidth / 2, textWidth(before)));
  const carets = "^".repeat(Math.max(1, Math.min(textWidth(safeText(line.slice(from, to))), shownWidth)));
  return `  ${before}${shown}\n  ${" ".repeat(textWidth(before))}${carets}`;
}
