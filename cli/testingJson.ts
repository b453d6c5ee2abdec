// docs/json.schema.json as tests hold the command line to it: strictly, so that a field that nobody described is a fault.
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import schema from "../docs/json.schema.json" with { type: "json" };
import { findCommand } from "./completion/words.ts";

/** Other names of commands print what those print. */
const sameAs: Readonly<Record<string, string>> = {
  start: "serve",
  "ingest-worker": "worker ingest",
  "control-worker": "worker control",
};

const strict = new Ajv2020({ strict: false, allErrors: false });
strict.addSchema(closed(schema) as object, "matyan");
const validators = new Map<string, ValidateFunction>();

export const describedCommands: readonly string[] = Object.keys(schema.$defs.commands.properties);

/** @throws Error that quotes the line and says what is wrong with it */
export function assertDescribed(
  args: readonly string[],
  { out, err }: { readonly out: string; readonly err: string },
): void {
  if (!args.includes("--json")) return;
  const entry = findCommand(args)?.entry.path.join(" ") ?? (args.includes("--version") ? "--version" : undefined);
  if (entry !== undefined && !args.includes("--help") && !printsRows(entry, args))
    for (const line of linesOf(out)) check(`commands/properties/${sameAs[entry] ?? entry}`, line);
  for (const line of linesOf(err)) if (line.startsWith('{"error"')) check("error", line);
}

/** `runs export` without a file prints the rows themselves. */
function printsRows(entry: string, args: readonly string[]): boolean {
  return entry === "runs export" && !args.some((word) => word === "-o" || word === "--output");
}

function check(name: string, line: string): void {
  let validate = validators.get(name);
  if (validate === undefined) {
    validate = strict.compile({ $ref: `matyan#/$defs/${name.replaceAll(" ", "%20")}` });
    validators.set(name, validate);
  }
  if (!validate(JSON.parse(line)))
    throw new Error(`not as docs/json.schema.json has ${name}: ${strict.errorsText(validate.errors)}\n${line}`);
}

function linesOf(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}

/** The same schema with all objects closed to fields that it does not name. */
function closed(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(closed);
  if (typeof node !== "object" || node === null) return node;
  const copy = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, closed(value)]));
  return "properties" in copy && copy["type"] === "object" && !("additionalProperties" in copy)
    ? { ...copy, additionalProperties: false }
    : copy;
}
