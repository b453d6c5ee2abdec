// Python's idea of white space (`str.isspace`), which differs from JavaScript's by a few control characters and U+FEFF.

const blank = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const leading = new RegExp(`^${blank}+`);
const trailing = new RegExp(`${blank}+$`);
/** Runs of white space, for splitting. */
export const blanks = new RegExp(`${blank}+`, "g");
export const onlyBlanks = new RegExp(`^${blank}+$`);

export function stripLeft(text: string): string {
  return text.replace(leading, "");
}

/** Without regular expressions, whose search for a run at the end is quadratic in runs of blanks. */
export function stripRight(text: string): string {
  let end = text.length;
  while (end > 0 && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(0, end);
}

export function strip(text: string): string {
  return stripRight(stripLeft(text));
}

export function isBlank(code: number): boolean {
  if (code < 0x85) return code === 0x20 || (code >= 9 && code <= 13) || (code >= 0x1c && code <= 0x1f);
  return trailing.test(String.fromCharCode(code));
}
