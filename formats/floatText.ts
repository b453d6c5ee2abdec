// Numbers written as text, as Python's `float()` reads them (its documentation, "float(x)"): underscores, `nan`, `inf`.

const decimal = /^[+-]?(\d+(_\d+)*\.?(\d+(_\d+)*)?|\.\d+(_\d+)*)(e[+-]?\d+(_\d+)*)?$/i;
const special = /^([+-]?)(nan|inf(?:inity)?)$/i;

/** The number that a text is, white space around it ignored; undefined if it is none. */
export function parsePythonFloat(text: string): number | undefined {
  const trimmed = text.trim();
  if (decimal.test(trimmed)) return Number(trimmed.replaceAll("_", ""));
  const found = special.exec(trimmed);
  if (found === null) return undefined;
  if (found[2]!.toLowerCase() === "nan") return Number.NaN;
  return found[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}
