// Real keys and values, written by the reference and read by its own tools.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { formatJson, parseJson } from "./json.ts";
import { decodeValue, encodeValue } from "./msgpack.ts";
import { pack, type TupleElement, unpack } from "./tuple.ts";
import { isMap, type Value } from "./value.ts";

// Up to four entries of each kind of key and value in a dump of the reference's store, see fixtures/README.md.
const lines = readFileSync(new URL("../fixtures/formats/dump-sample.jsonl", import.meta.url), "utf8")
  .trimEnd()
  .split("\n");

test("the dump's keys and values decode to what the reference read, and encode to the bytes that it wrote", () => {
  expect(lines.length).toBeGreaterThan(400);
  for (const line of lines) {
    const entry = parseJson(line);
    if (!isMap(entry)) throw new Error("an entry is a map");
    const [key, khex, vhex] = [entry.get("key") ?? null, String(entry.get("khex")), String(entry.get("vhex"))];
    const elements = unpack(Uint8Array.fromHex(khex));
    expect(elements).toEqual(key as TupleElement[]);
    expect(pack(elements).toHex()).toBe(khex);
    if (vhex === "") continue;
    const value: Value = decodeValue(Uint8Array.fromHex(vhex));
    expect(value).toEqual(entry.get("value") ?? null);
    expect(encodeValue(value).toHex()).toBe(vhex);
  }
});

test("the dump's lines, printed by Python, come out of formatJson the same", () => {
  for (const line of lines) expect(formatJson(parseJson(line))).toBe(line);
});
