// Declarations of request bodies: one place gives the check (in pydantic's words), the type and the OpenAPI schema.
import { isMap, type Value, type ValueMap } from "../../formats/value.ts";
import { invalid } from "./errors.ts";
import type { ApiRequest } from "./request.ts";

/** A JSON Schema as OpenAPI 3.1 takes it. */
export type JsonSchema = { readonly [keyword: string]: SchemaPart };
export type SchemaPart = string | number | boolean | null | readonly SchemaPart[] | JsonSchema;

/** Reads a value, or adds what is wrong with it to `faults` and gives undefined. */
export interface Reader<T> {
  readonly schema: JsonSchema;
  read(value: Value, faults: string[]): T | undefined;
}

/** A field that may be left out, or null, which is the same. */
export interface OptionalReader<T> extends Reader<T | undefined> {
  readonly isOptional: true;
}

type Fields = Readonly<Record<string, Reader<unknown>>>;
type FieldOf<R> = R extends Reader<infer T> ? T : never;
export type BodyOf<F extends Fields> = { readonly [name in keyof F]: FieldOf<F[name]> };

export const text: Reader<string> = {
  schema: { type: "string" },
  read: (value, faults) => (typeof value === "string" ? value : fault(faults, "Input should be a valid string")),
};

/** Text without the blanks around it. */
export const strippedText: Reader<string> = {
  schema: { type: "string" },
  read: (value, faults) => text.read(value, faults)?.trim(),
};

export const dictionary: Reader<ValueMap> = {
  schema: { type: "object" },
  read: (value, faults) => (isMap(value) ? value : fault(faults, "Input should be a valid dictionary")),
};

/** Also 0, 1 and the words that query booleans know. */
export const flag: Reader<boolean> = {
  schema: { type: "boolean" },
  read: (value, faults) => {
    if (typeof value === "boolean") return value;
    if (typeof value !== "string" && typeof value !== "number" && typeof value !== "bigint")
      return fault(faults, "Input should be a valid boolean");
    const known = /^(?:(true|1|yes|on|t|y)|false|0|no|off|f|n)$/i.exec(String(value));
    if (known === null) return fault(faults, "Input should be a valid boolean, unable to interpret input");
    return known[1] !== undefined;
  },
};

export function optional<T>(reader: Reader<T>): OptionalReader<T> {
  return {
    isOptional: true,
    schema: { anyOf: [reader.schema, { type: "null" }] },
    read: (value, faults) => (value === null ? undefined : reader.read(value, faults)),
  };
}

export function list<T>(reader: Reader<T>): Reader<T[]> {
  return {
    schema: { type: "array", items: reader.schema },
    read: (value, faults) => {
      if (!Array.isArray(value)) return fault(faults, "Input should be a valid list");
      const before = faults.length;
      const items = value.map((item) => reader.read(item, faults));
      return faults.length > before ? undefined : (items as T[]);
    },
  };
}

/** Names that are not declared are ignored. */
export function object<F extends Fields>(fields: F): Reader<BodyOf<F>> & { readonly fields: F } {
  const required = Object.keys(fields).filter((name) => !isOptional(fields[name]!));
  const properties = Object.fromEntries(Object.entries(fields).map(([name, { schema }]) => [name, schema]));
  return {
    fields,
    schema: { type: "object", properties, ...(required.length > 0 ? { required } : {}) },
    read: (value, faults) => {
      if (!isMap(value)) return fault(faults, "Input should be a valid dictionary or object to extract fields from");
      const before = faults.length;
      const read: Record<string, unknown> = {};
      for (const [name, reader] of Object.entries(fields)) {
        const given = value.get(name);
        if (given !== undefined) read[name] = reader.read(given, faults);
        else if (!isOptional(reader)) faults.push("Field required");
      }
      return faults.length > before ? undefined : (read as BodyOf<F>);
    },
  };
}

function isOptional(reader: Reader<unknown>): boolean {
  return "isOptional" in reader;
}

function fault(faults: string[], text: string): undefined {
  faults.push(text);
  return undefined;
}

/** The body of a request as declared. @throws ApiError 422 naming all that is wrong. */
export async function readBody<T>(request: ApiRequest, reader: Reader<T>): Promise<T> {
  const faults: string[] = [];
  const value = reader.read(await request.body(), faults);
  if (faults.length > 0) throw invalid(...faults);
  return value as T;
}
