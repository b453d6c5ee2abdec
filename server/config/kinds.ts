// The kinds of values that a variable may have, and how each is read (pipeline.md 7.1: the rules of pydantic-settings).
import { logLevels } from "./types.ts";

/** `T` is what the program works with. */
export interface Kind<T> {
  /** As the documentation calls it. */
  readonly name: string;
  /** @returns undefined when `text`, which is not blank, is no such value. */
  parse(text: string): T | undefined;
  /** The way out, as the end of "Set it to ...". */
  readonly wanted: string;
  /** A value as text that `parse` takes again. */
  format(value: T): string;
}

const plain = { format: String } as const;

export const text: Kind<string> = { name: "text", wanted: "some text", parse: (given) => given, ...plain };

/** Blanks around, `_` between digits and a fraction of zeros are fine. */
export function integer(low: number, high: number = Number.MAX_SAFE_INTEGER): Kind<number> {
  const range = high === Number.MAX_SAFE_INTEGER ? `from ${low}` : `from ${low} to ${high}`;
  return {
    name: "integer",
    wanted: `a whole number ${range}`,
    parse: (given) => {
      const digits = /^([+-]?\d+(?:_\d+)*)(?:\.0*)?$/.exec(given.trim())?.[1];
      const value = digits === undefined ? Number.NaN : Number(digits.replaceAll("_", ""));
      return value >= low && value <= high ? value : undefined;
    },
    ...plain,
  };
}

/** Bytes: digits alone, or with a unit, of 1000 (`2GB`) or of 1024 (`2GiB`). */
export function size(low: number): Kind<number> {
  const bytes = integer(low);
  return {
    name: "size",
    wanted: `a number of bytes from ${low}, such as 1048576, 500MB or 2GiB`,
    parse: (given) => {
      const [, number, prefix, binary] = /^\s*(\d+(?:\.\d+)?)\s*([kMGT])(i?)B\s*$/i.exec(given) ?? [];
      if (number === undefined || prefix === undefined) return bytes.parse(given);
      const value = Number(number) * (binary ? 1024 : 1000) ** ("KMGT".indexOf(prefix.toUpperCase()) + 1);
      return bytes.parse(String(Math.round(value)));
    },
    ...plain,
  };
}

export function float(low: number): Kind<number> {
  return {
    name: "number",
    wanted: `a number from ${low}`,
    parse: (given) => {
      const isNumber = /^[+-]?(?:\d+(?:_\d+)*\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(given.trim());
      const value = isNumber ? Number(given.replaceAll("_", "")) : Number.NaN;
      return value >= low && Number.isFinite(value) ? value : undefined;
    },
    ...plain,
  };
}

export const flag: Kind<boolean> = {
  name: "boolean",
  wanted: "true or false",
  parse: (given) => {
    const word = given.trim().toLowerCase();
    if (["true", "1", "yes", "on", "t", "y"].includes(word)) return true;
    return ["false", "0", "no", "off", "f", "n"].includes(word) ? false : undefined;
  },
  ...plain,
};

/** One of `words`, in any case. */
export function choice<const W extends string>(
  words: readonly W[],
  synonyms: Readonly<Record<string, W>> = {},
): Kind<W> {
  return {
    name: words.join(" | "),
    wanted: words.length === 2 ? words.join(" or ") : `one of ${words.join(", ")}`,
    parse: (given) => {
      const word = given.trim().toLowerCase();
      return words.find((one) => one.toLowerCase() === word) ?? synonyms[word];
    },
    ...plain,
  };
}

export const logLevel = choice(logLevels, { warn: "warning" });

const originPattern = /^\*$|^[a-z][a-z0-9+.-]*:\/\/[^/?#\s]+$/i;

/** A JSON list, as the existing services want it, or origins with commas between. */
export const origins: Kind<readonly string[]> = {
  name: "list",
  wanted: 'a list of origins, such as ["https://ui.example.org", "http://localhost:8000"]',
  parse: (given) => {
    const items = given.trim().startsWith("[") ? parseList(given) : given.split(",");
    const trimmed = items?.map((item) => (typeof item === "string" ? item.trim().replace(/\/+$/, "") : ""));
    return trimmed?.every((item) => originPattern.test(item)) ? trimmed : undefined;
  },
  format: (list) => JSON.stringify(list),
};

function parseList(given: string): unknown[] | undefined {
  try {
    const list: unknown = JSON.parse(given);
    return Array.isArray(list) ? list : undefined;
  } catch {
    return undefined;
  }
}

/** `host:port` with commas between; an IPv6 address in brackets. */
export const brokers: Kind<readonly string[]> = {
  name: "list",
  wanted: "host:port, several with commas between",
  parse: (given) => {
    const list = given.split(",").map((broker) => broker.trim());
    const isBroker = (broker: string) => {
      const port = /^(?:\[[0-9a-f:.]+\]|[^\s:/@]+):(\d{1,5})$/i.exec(broker)?.[1];
      return port !== undefined && Number(port) >= 1 && Number(port) <= 65_535;
    };
    return list.every(isBroker) ? list : undefined;
  },
  format: (list) => list.join(","),
};

/** http or https with a host; slashes at the end are dropped. Engines name it in errors: it must hold no secret. */
export const url: Kind<string> = {
  name: "URL",
  wanted: "a URL that begins with http:// or https:// and a host, without user, password and query",
  parse: (given) => {
    const trimmed = given.trim();
    return /^https?:\/\/[^\s/?#@]+(?:\/[^\s?#]*)?$/i.test(trimmed) && URL.canParse(trimmed)
      ? trimmed.replace(/\/+$/, "")
      : undefined;
  },
  ...plain,
};

/** A scheme, a host and perhaps a port. */
export const origin: Kind<string> = {
  name: "URL",
  wanted: "a scheme, a host and perhaps a port: https://files.example.org",
  parse: (given) => {
    const trimmed = given.trim().replace(/\/+$/, "");
    return /^https?:\/\/[^\s/?#@]+$/i.test(trimmed) && URL.canParse(trimmed) ? trimmed : undefined;
  },
  ...plain,
};

/** As the Go and Python clients of the emulator take it: the scheme may be missing. */
export const emulatorHost: Kind<string> = {
  name: "URL",
  wanted: "the address of the emulator: http://localhost:4443",
  parse: (given) => url.parse(/^https?:/i.test(given.trim()) ? given : `http://${given.trim()}`),
  ...plain,
};

export const fernetKey: Kind<string> = {
  name: "Fernet key",
  wanted: "32 random bytes in URL-safe base64 (44 characters), or leave it out",
  parse: (given) => (/^[A-Za-z0-9_-]{43}=?$/.test(given.trim()) ? given.trim() : undefined),
  ...plain,
};

/** Kafka's rule for names of topics. */
export const topic: Kind<string> = {
  name: "text",
  wanted: "a topic's name: 1 to 249 letters, digits, '.', '_' and '-'",
  parse: (given) => (/^[a-zA-Z0-9._-]{1,249}$/.test(given.trim()) ? given.trim() : undefined),
  ...plain,
};

/** Each engine has its own rules for names; these are what all of them refuse. */
export const bucket: Kind<string> = {
  name: "text",
  wanted: "a bucket's name, without blanks and slashes",
  parse: (given) => (/^[^\s/?#]{1,222}$/.test(given.trim()) ? given.trim() : undefined),
  ...plain,
};
