// String and bytes literals: Python 3.12 reference, "String literal concatenation".
import type { Node } from "../ast.ts";
import { SyntaxFault } from "../errors.ts";
import { parseFormatted } from "./formatted.ts";
import { unescapeBytes, unescapeText } from "./literals.ts";
import type { Parser } from "./parser.ts";

/** String literals that follow each other are one. */
export function parseStrings(parser: Parser): Node {
  const start = parser.token.start;
  const pieces: Node[] = [];
  while (parser.token.kind === "string" || parser.token.kind === "formatted") {
    pieces.push(parser.token.kind === "formatted" ? parseFormatted(parser) : plainString(parser));
  }
  const end = parser.previousEnd;
  const isBytes = (piece: Node): boolean => piece.kind === "constant" && piece.value instanceof Uint8Array;
  if (pieces.some(isBytes)) {
    if (!pieces.every(isBytes)) throw new SyntaxFault("cannot mix bytes and nonbytes literals", start, end);
    const all = pieces.flatMap((piece) => (piece.kind === "constant" ? [...(piece.value as Uint8Array)] : []));
    return { kind: "constant", value: Uint8Array.from(all), start, end };
  }
  if (pieces.some((piece) => piece.kind === "formatted")) {
    const parts = pieces.flatMap((piece) =>
      piece.kind === "formatted" ? piece.parts : [(piece as { value: string }).value],
    );
    return { kind: "formatted", parts, start, end };
  }
  const value = pieces.map((piece) => (piece.kind === "constant" ? (piece.value as string) : "")).join("");
  return { kind: "constant", value, start, end };
}

function plainString(parser: Parser): Node {
  const { text, start, end } = parser.token;
  const prefix = /^[a-zA-Z]*/.exec(text)![0].toLowerCase();
  const width = text.startsWith("'''", prefix.length) || text.startsWith('"""', prefix.length) ? 3 : 1;
  const body = text.slice(prefix.length + width, text.length - width);
  const raw = prefix.includes("r");
  const value = prefix.includes("b") ? unescapeBytes(body, raw, start) : unescapeText(body, raw, start);
  parser.advance();
  return { kind: "constant", value, start, end };
}
