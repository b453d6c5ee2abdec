// Reads variables from where they may be set: an option, the environment, the .env file, else the default.
import { type Problem, withoutSecrets } from "./problems.ts";
import type { Environment } from "./types.ts";
import { type Name, names, type Values, variableOf } from "./variables.ts";

/** What may set variables. Those of options are by the variable's name. */
export interface Sources {
  readonly environment: Environment;
  readonly dotenv?: Environment;
  readonly options?: Environment;
}

export type Source = "option" | "environment" | ".env" | "default";

export interface Setting {
  readonly name: Name;
  /** The kind's value; the default when what was set is wrong. */
  readonly value: unknown;
  readonly source: Source;
  /** By which name it was set, when not by its own: an alias, or other letter case. */
  readonly setAs: string | undefined;
  /** Set to nothing, which counts as not set. */
  readonly isBlank: boolean;
  readonly problem: Problem | undefined;
}

export class Settings {
  readonly all: ReadonlyMap<Name, Setting>;
  readonly values: Values;

  constructor(sources: Sources) {
    const read = readerOf(sources);
    this.all = new Map(names.map((name) => [name, readSetting(name, read)]));
    this.values = Object.fromEntries(Array.from(this.all, ([name, { value }]) => [name, value])) as Values;
  }

  isSet(name: Name): boolean {
    return this.all.get(name)!.source !== "default";
  }

  /** What is wrong with these variables, in the order of the table. */
  problemsOf(wanted: ReadonlySet<Name>): Problem[] {
    return [...this.all.values()].flatMap(({ name, problem }) => (problem && wanted.has(name) ? [problem] : []));
  }
}

interface Found {
  readonly text: string;
  readonly source: Source;
  readonly setAs: string;
}

/** Names count in any case, the exact one first. An alias counts when the name is nowhere. */
function readerOf({ environment, dotenv = {}, options = {} }: Sources): (name: string) => Found | undefined {
  const places = (
    [
      ["option", options],
      ["environment", environment],
      [".env", dotenv],
    ] as const
  ).map(([source, place]) => ({ source, place, byUpper: byUpperCase(place) }));
  return (name) => {
    for (const { source, place, byUpper } of places) {
      const setAs = place[name] === undefined ? byUpper.get(name) : name;
      const text = setAs === undefined ? undefined : place[setAs];
      if (setAs === undefined || text === undefined) continue;
      // Bun puts the lines of a .env file into the environment by itself: what is in both comes from the file.
      return { text, setAs, source: source === "environment" && dotenv[setAs] === text ? ".env" : source };
    }
    return undefined;
  };
}

function byUpperCase(place: Environment): ReadonlyMap<string, string> {
  return new Map(Object.keys(place).map((name) => [name.toUpperCase(), name]));
}

function readSetting(name: Name, read: (name: string) => Found | undefined): Setting {
  const { kind, default: fallback, secret = false, alias } = variableOf(name);
  const found = read(name) ?? (alias === undefined ? undefined : read(alias));
  const unset = { name, value: fallback, source: "default", setAs: undefined, problem: undefined } as const;
  if (found === undefined) return { ...unset, isBlank: false };
  if (found.text.trim() === "") return { ...unset, isBlank: true };
  const value = kind.parse(found.text);
  const setAs = found.setAs === name || found.source === "option" ? undefined : found.setAs;
  const setting = { name, source: found.source, setAs, isBlank: false };
  if (value !== undefined) return { ...setting, value, problem: undefined };
  const shown = secret ? `is no ${kind.name}` : `is '${withoutSecrets(found.text)}'`;
  return {
    ...setting,
    value: fallback,
    problem: { name, message: `${found.setAs} ${shown}`, hint: `Set it to ${kind.wanted}.` },
  };
}

/** A value for people to read: what is secret, or may be, is masked; nothing for one that has no value. */
export function show(name: Name, value: unknown): string {
  const { kind, secret } = variableOf(name);
  const text = value === undefined ? "" : kind.format(value);
  return secret && text !== "" ? "***" : withoutSecrets(text);
}

/** False where S3_ACCESS_KEY and S3_SECRET_KEY are both set to nothing: the SDK's own credentials are meant then. */
export function hasOwnS3Keys({ all }: Pick<Settings, "all">): boolean {
  return !(all.get("S3_ACCESS_KEY")!.isBlank && all.get("S3_SECRET_KEY")!.isBlank);
}
