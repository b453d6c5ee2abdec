// How the values of options are read; each names the option's mistake as a usage error.
import { InvalidArgumentError, Option } from "commander";
import { MatyanError } from "../../formats/error.ts";

/** A whole number from 0. */
export function parseCount(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(count)) throw new InvalidArgumentError("It must be a whole number.");
  return count;
}

/** A whole number in a range, both ends allowed. */
export function countBetween(low: number, high: number): (text: string) => number {
  return (text) => {
    const count = parseCount(text);
    if (count < low || count > high) throw new InvalidArgumentError(`It must be between ${low} and ${high}.`);
    return count;
  };
}

/** `--existing`: what commands that write files do about those that are there. */
export function existingOption(): Option {
  return new Option("--existing <what>", "what to do about files that are there")
    .choices(["fail", "skip", "replace"])
    .default("fail");
}

/** Gathers a repeatable option. */
export function collect(value: string, values: readonly string[] = []): string[] {
  return [...values, value];
}

/** The value of `--runs`: hashes or beginnings of them, separated by commas. */
export function parseRuns(list: string | undefined): string[] | undefined {
  if (list === undefined) return undefined;
  const prefixes = list
    .split(",")
    .map((prefix) => prefix.trim())
    .filter((prefix) => prefix !== "");
  if (prefixes.length > 0) return prefixes;
  throw new MatyanError("usage", "--runs names no run", { hint: "Leave it out to take all runs." });
}
