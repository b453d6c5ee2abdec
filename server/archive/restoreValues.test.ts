// The dialects of archives, value by value.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { mapOf, type Value } from "../../formats/value.ts";
import { readArchivedEntity, storedId } from "./archivedEntity.ts";
import { readArchivedMeta } from "./restoreMeta.ts";
import {
  decodeDoubles,
  doublesOf,
  readArchivedContexts,
  readArchivedTraces,
  readArchivedValue,
} from "./restoreValues.ts";

test("hex of little-endian float64s gives the numbers back, whatever they are", () => {
  fc.assert(
    fc.property(fc.array(fc.double()), (numbers) => {
      const bytes = new Uint8Array(new Float64Array(numbers).buffer);
      expect(decodeDoubles(bytes.toHex())).toEqual(numbers);
      expect(doublesOf(bytes)).toEqual(numbers);
    }),
  );
  for (const text of ["00", "zz".repeat(8), "0".repeat(15), "not hex"])
    expect(() => decodeDoubles(text)).toThrow("neither an array nor float64s in hex");
});

test("log records get level numbers and lists, and only where they differ", () => {
  const stored = mapOf({ message: "m", log_level: 20n, logger_info: ["a.py", 3n] });
  expect(readArchivedValue("log_records", stored)).toBe(stored);
  for (const [name, level] of [
    ["WARNING", 30n],
    ["CRITICAL", 50n],
    ["Level 25", 25n],
  ] as const)
    expect(readArchivedValue("log_records", mapOf({ log_level: name, is_notified: true }))).toEqual(
      mapOf({ log_level: level }),
    );
  const odd = mapOf({ log_level: "LOUD", logger_info: null });
  expect(readArchivedValue("log_records", odd)).toBe(odd);
  const named = mapOf({ logger_info: mapOf({ file: "a.py" }), log_level: 10n });
  expect(readArchivedValue("log_records", named)).toEqual(named);
});

test("other values pass through as they are", () => {
  for (const value of [
    null,
    1n,
    1.5,
    "text",
    true,
    mapOf({ type: "text", data: "hex" }),
    mapOf({ type: "figure", data: new Map() }),
  ] as Value[])
    expect(readArchivedValue("text", value)).toBe(value);
});

describe("what can't be used is named", () => {
  test("in traces.json and contexts.json", () => {
    const trace = (fields: Record<string, Value>) => () => readArchivedTraces("h", [mapOf(fields)]);
    expect(() => readArchivedTraces("h", new Map())).toThrow("runs/h/traces.json: not an array");
    expect(trace({ context_id: 0n })).toThrow("'name' of entry 0");
    expect(trace({ name: "a" })).toThrow("'context_id' of entry 0");
    expect(trace({ name: "a", context_id: 2n ** 32n })).toThrow("'context_id' of entry 0");
    expect(trace({ name: "a", context_id: 0n, last_step: 1.5 })).toThrow("'last_step' of entry 0");
    expect(() => readArchivedContexts("h", mapOf({ "01": new Map() }))).toThrow("'01' is not a context id");
    expect(() => readArchivedContexts("h", mapOf({ "1": 5n }))).toThrow("context 1 is not an object");
  });

  test("in run.json and entities.jsonl", () => {
    expect(() => readArchivedMeta("h", mapOf({ created_at: "now" }), 1)).toThrow("'created_at' is not a number");
    expect(() => readArchivedMeta("h", mapOf({ archived: 1n }), 1)).toThrow("'archived' is not true or false");
    expect(() => readArchivedMeta("h", [], 1)).toThrow("runs/h/run.json: not an object");
    expect(() => readArchivedEntity("tag", mapOf({ id: "x" }), 3, 1)).toThrow(
      "entities.jsonl:3: the tag has no 'name'",
    );
    expect(() => readArchivedEntity("note", mapOf({ content: "x" }), 4, 1)).toThrow(
      "entities.jsonl:4: the note has no 'id'",
    );
  });
});

test("metadata of any producer gets the store's fields and number kinds, and keeps fields that nobody knows", () => {
  const read = readArchivedMeta(
    "h",
    mapOf({ creation_time: 5n, archived: true, name: null, extra: 7n, hash: "h", experiment_name: "e" }),
    99,
  );
  expect(Object.fromEntries(read.meta)).toEqual({
    name: "Run: h",
    description: "",
    created_at: 5,
    updated_at: 5,
    finalized_at: null,
    is_archived: true,
    active: true,
    experiment_id: null,
    client_start_ts: null,
    duration: null,
    extra: 7n,
  });
  expect(read.experimentName).toBe("e");
  expect(read.assumed.has("created_at")).toBe(false);
  expect(readArchivedMeta("h", mapOf({ name: "x" }), 99).meta.get("created_at")).toBe(99);
});

test("an id that is no UUID becomes one, always the same, and different for different ids and kinds", () => {
  const uuid = "fe1da8e3-bda9-4212-accf-cffc587481f5";
  expect(storedId("experiment", uuid)).toBe(uuid);
  const made = storedId("experiment", "0badcafe");
  expect(made).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(storedId("experiment", "0badcafe")).toBe(made);
  expect(new Set([made, storedId("tag", "0badcafe"), storedId("experiment", "0badcaff")]).size).toBe(3);
});
