// Messages as text: the recorded ones byte for byte, any one back again, and what is none.
import { expect, test } from "bun:test";
import { gunzipSync } from "bun";
import fc from "fast-check";
import { MatyanError } from "../error.ts";
import { formatJson, parseJson } from "../json.ts";
import type { Value, ValueMap } from "../value.ts";
import { fastSeconds, parseMoment, secondsOf } from "./datetime.ts";
import {
  formatControlEvent,
  formatEnvelope,
  formatTimestamp,
  type IngestMessage,
  parseControlEvent,
  parseEnvelope,
  parseMessage,
} from "./index.ts";

test("every recorded message is read, and written as the same bytes", async () => {
  const text = new TextDecoder().decode(gunzipSync(await Bun.file("fixtures/exchanges/messages.jsonl.gz").bytes()));
  const lines = text.trimEnd().split("\n");
  let read = 0;
  for (const line of lines) {
    // The recording has one line that is no JSON, and one whose envelope lacks most members.
    if (!line.includes('"timestamp":')) expect(() => parseMessage(line)).toThrow(MatyanError);
    else {
      // The recorder spells the exponents of tiny numbers otherwise; any spelling is fine (pipeline.md 1.4).
      const known = line.replace(/\b0\.0000\d+|\b\d(\.\d+)?e-\d\b/g, (number) => formatJson(Number(number)));
      expect(formatEnvelope(parseMessage(line))).toBe(known);
    }
    read++;
  }
  expect(read).toBe(10_780);
});

const json: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constant(null),
    fc.boolean(),
    fc.bigInt(),
    fc.double(),
    fc.string({ unit: "grapheme" }),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.array(fc.tuple(fc.string(), tie("value")), { maxLength: 3 }).map((all): ValueMap => new Map(all)),
  ),
})).value;
const micros = fc.integer({ min: 0, max: 4e15 }).map((count) => count / 1e6);

test("any message and event reads back the same from its text", () => {
  const payloads = fc.array(fc.tuple(fc.string(), json), { maxLength: 4 }).map((all): ValueMap => new Map(all));
  fc.assert(
    fc.property(fc.string(), fc.string({ unit: "grapheme" }), micros, payloads, (type, runId, timestamp, payload) => {
      const message: IngestMessage = { type, runId, timestamp, payload };
      const text = formatEnvelope(message);
      expect(parseMessage(text)).toEqual(message);
      expect(parseMessage(new TextEncoder().encode(text))).toEqual(message);
      const event = { type, timestamp, payload };
      expect(parseControlEvent(parseJson(formatControlEvent(event)))).toEqual(event);
    }),
  );
});

test("timestamps are written with six digits or none, and read in all forms", () => {
  expect(formatTimestamp(1748772000.25)).toBe("2025-06-01T10:00:00.250000Z");
  expect(formatTimestamp(1748772000)).toBe("2025-06-01T10:00:00Z");
  expect(formatTimestamp(1748771999.9999998)).toBe("2025-06-01T10:00:00Z");
  const base = { type: "x", run_id: "r", payload: {} };
  for (const [timestamp, seconds] of [
    ["2025-06-01T10:00:00.250000Z", 1748772000.25],
    ["2025-06-01T10:00:00.250000+00:00", 1748772000.25],
    ["2025-06-01T12:00:00.25+02:00", 1748772000.25],
    ["2025-06-01T10:00:00", 1748772000],
    ["2025-06-01", 1748736000],
    [1748772000, 1748772000],
    [1748772000.25, 1748772000.25],
    [1748772000250, 1748772000.25],
  ] as const)
    expect(parseMessage(JSON.stringify({ ...base, timestamp })).timestamp).toBe(seconds);
});

test("the fast reader of times agrees with the plain one wherever it answers", () => {
  const texts = fc.oneof(
    micros.map((seconds) => formatTimestamp(seconds).replace("Z", "+00:00")),
    fc.tuple(micros, fc.nat(31), fc.constantFrom(..."0123456789:-T.+9xZ ")).map(([seconds, at, character]) => {
      const text = formatTimestamp(seconds).replace("Z", "+00:00");
      return text.slice(0, at) + character + text.slice(at + 1);
    }),
  );
  fc.assert(
    fc.property(texts, (text) => {
      const plain = parseMoment(text);
      const fast = fastSeconds(text);
      if (!Number.isNaN(fast)) expect(plain).toMatchObject({ seconds: fast });
      expect(secondsOf(text)).toBe("seconds" in plain ? plain.seconds : undefined);
    }),
    { numRuns: 2_000 },
  );
});

test("what is no message is refused by the member that is wrong", () => {
  const refusal = (text: string) => {
    try {
      parseMessage(text);
    } catch (error) {
      if (error instanceof MatyanError) return `${error.code}: ${error.message}`;
      throw error;
    }
    return "taken";
  };
  expect(refusal("[]")).toBe("usage: a message is an object, not []");
  expect(refusal('{"type":1}')).toBe("usage: the member 'type' of a message must be a text: it is 1");
  expect(refusal('{"type":"x","run_id":"r","payload":{}}')).toContain("'timestamp' of a message must be a moment");
  expect(refusal('{"type":"x","run_id":"r","timestamp":0}')).toContain("'payload' of a message must be an object");
  expect(refusal('{"type":"x","timestamp":0,"payload":{}}')).toContain("'run_id' of a message must be a text");
  expect(refusal("not json at all")).toStartWith("corrupt: not JSON");
  expect(refusal('{"type":"x","run_id":"","timestamp":0,"payload":{},"project_id":"00000000"}')).toBe("taken");
  expect(() => parseEnvelope("text")).toThrow(MatyanError);
});
