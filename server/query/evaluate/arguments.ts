// Matching call arguments to parameters, with Python's errors.
import { typeError } from "./exceptions.ts";
import { typeName } from "./types.ts";
import type { Keywords, Py } from "./values.ts";

/**
 * Values for `names` in order, undefined where not given.
 * @param required how many of them must be there
 * @param positionalOnly how many of them cannot be given by name
 */
export function bind(
  callee: string,
  names: readonly string[],
  required: number,
  positional: readonly Py[],
  keywords: Keywords,
  positionalOnly = 0,
): (Py | undefined)[] {
  if (positional.length > names.length) {
    typeError(`${callee}() takes at most ${names.length} arguments (${positional.length} given)`);
  }
  const out: (Py | undefined)[] = names.map((_, index) => positional[index]);
  if (keywords !== undefined) {
    for (const [name, value] of keywords) {
      const index = names.indexOf(name, positionalOnly);
      if (index < 0) typeError(`${callee}() got an unexpected keyword argument '${name}'`);
      if (index < positional.length) typeError(`${callee}() got multiple values for argument '${name}'`);
      out[index] = value;
    }
  }
  for (let index = 0; index < required; index++) {
    if (out[index] === undefined) typeError(`${callee}() missing required argument: '${names[index]}'`);
  }
  return out;
}

export function noKeywords(callee: string, keywords: Keywords): void {
  if (keywords !== undefined && keywords.size > 0) typeError(`${callee}() takes no keyword arguments`);
}

export function textOf(callee: string, value: Py | undefined): string {
  return typeof value === "string" ? value : typeError(`${callee} must be str, not ${typeName(value ?? null)}`);
}

/** An int or bool as bigint. */
export function integerOf(value: Py | undefined): bigint {
  if (typeof value === "bigint") return value;
  if (typeof value === "boolean") return value ? 1n : 0n;
  return typeError(`'${typeName(value ?? null)}' object cannot be interpreted as an integer`);
}

/** An int as a number; sizes beyond 2^53 become that bound, which every use of it treats as "very many". */
export function sizeOf(value: Py | undefined): number {
  const n = integerOf(value);
  const bound = BigInt(Number.MAX_SAFE_INTEGER);
  return Number(n > bound ? bound : n < -bound ? -bound : n);
}
