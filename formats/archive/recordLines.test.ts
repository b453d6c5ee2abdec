// The fast way of reading points gives what the general way gives, for any text and any cut of it into chunks.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { MatyanError } from "../error.ts";
import { parseJson } from "../json.ts";
import { mapOf, type Value, type ValueMap } from "../value.ts";
import { RecordParser } from "./recordLines.ts";
import { formatRecord, recordPrefix } from "./recordText.ts";
import type { LineRecord, SequenceRecord } from "./types.ts";

function readAll(text: string | Uint8Array, chunk = 1 << 20): LineRecord[] {
  const bytes = Buffer.from(text);
  const parser = new RecordParser({ file: "s.jsonl" });
  const records: LineRecord[] = [];
  const buffer = Buffer.alloc(chunk);
  for (let start = 0; start < bytes.length; start += chunk) {
    // One buffer for all chunks, as a file is read: nothing may keep a view of it.
    const size = bytes.copy(buffer, 0, start, start + chunk);
    for (const batch of parser.push(buffer.subarray(0, size))) records.push(...batch);
  }
  for (const batch of parser.end()) records.push(...batch);
  return records;
}

const withoutLine = ({ line: _, ...record }: LineRecord): SequenceRecord => record;

const floats = fc.double();
const integers = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const texts = fc.string({
  unit: fc.oneof(
    fc.constantFrom('"', "\\", "\n", "\u0000", "\u2028", "é", "😀", "\ufffd"),
    fc.string({ maxLength: 1 }),
  ),
});
const values: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    floats,
    integers,
    fc.constant(null),
    fc.boolean(),
    texts,
    fc.array(tie("value"), { maxLength: 3 }),
    fc.array(fc.tuple(texts, tie("value")), { maxLength: 3 }).map((entries): ValueMap => new Map(entries)),
  ),
})).value;
const records: fc.Arbitrary<SequenceRecord> = fc
  .record(
    {
      contextId: fc.integer({ min: 0, max: 0xffff_ffff }),
      name: fc.oneof(fc.constantFrom("loss", "acc"), texts),
      step: fc.oneof(fc.bigInt({ min: 0n, max: 1000n }), integers),
      value: values,
      epoch: integers,
      time: fc.oneof(
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.double({ min: 1.7e9, max: 1.8e9, noNaN: true }),
      ),
    },
    { requiredKeys: ["contextId", "name", "step", "value"] },
  )
  .map((record) => record as SequenceRecord);

test("every record comes back from its line, number kinds kept, however the bytes are cut", () => {
  fc.assert(
    fc.property(fc.array(records, { maxLength: 12 }), fc.integer({ min: 1, max: 200 }), (all, chunk) => {
      const text = all.map((record) => `${formatRecord(record)}\n`).join("");
      expect(readAll(text, chunk).map(withoutLine)).toEqual(all);
    }),
    { numRuns: 500 },
  );
});

test("a line has the text of the existing writers", () => {
  const image = mapOf({ type: "image", format: "png", width: 2n, height: null });
  const cases: [SequenceRecord, string][] = [
    [
      { contextId: 2326457826, name: "loss", step: 0n, value: 1.5, epoch: 0n, time: 1795344570.7320697 },
      '{"ctx_id": 2326457826, "name": "loss", "step": 0, "value": 1.5, "epoch": 0, "time": 1795344570.7320697}',
    ],
    [
      { contextId: 0, name: "héllo", step: -5n, value: 2, time: 3 },
      '{"ctx_id": 0, "name": "héllo", "step": -5, "value": 2.0, "time": 3.0}',
    ],
    [{ contextId: 0, name: "a", step: 1n, value: Number.NaN }, '{"ctx_id": 0, "name": "a", "step": 1, "value": NaN}'],
    [{ contextId: 0, name: "a", step: 1n, value: 1e-7 }, '{"ctx_id": 0, "name": "a", "step": 1, "value": 1e-07}'],
    [
      { contextId: 0, name: "a", step: 1n, value: image },
      '{"ctx_id": 0, "name": "a", "step": 1, "value": {"type": "image", "format": "png", "width": 2, "height": null}}',
    ],
  ];
  for (const [record, text] of cases) {
    expect(formatRecord(record)).toBe(text);
    expect(text).toStartWith(recordPrefix(record.contextId, record.name));
  }
});

test("numbers in every spelling read as the general parser reads them", () => {
  const spellings = fc.oneof(
    floats.map((each) => String(each)),
    fc
      .tuple(
        fc.constantFrom("", "-"),
        fc.stringMatching(/^(0|[1-9][0-9]{0,24})(\.[0-9]{1,25})?([eE][-+]?[0-9]{1,3})?$/),
      )
      .map((parts) => parts.join("")),
    fc.constantFrom(
      "-0",
      "-0.0",
      "0",
      "1e5",
      "1E+5",
      "1e-400",
      "1e400",
      "9007199254740993",
      "0.1",
      "123456789012345.6",
      "1795344570.7325048",
    ),
  );
  fc.assert(
    fc.property(spellings, (spelling) => {
      const line = `{"ctx_id": 0, "name": "a", "step": 1, "value": ${spelling}}`;
      const [record] = readAll(line);
      expect(record?.value).toEqual((parseJson(line) as ValueMap).get("value"));
    }),
    { numRuns: 3000 },
  );
});

test("other spacing, field order, extra fields, blank lines and Windows line ends read the same", () => {
  const usual = readAll('{"ctx_id": 7, "name": "a", "step": 1, "value": 2.5, "epoch": 3, "time": 4.5}');
  const variants = [
    '{"ctx_id":7,"name":"a","step":1,"value":2.5,"epoch":3,"time":4.5}',
    '{"time": 4.5, "value": 2.5, "epoch": 3, "step": 1, "name": "a", "ctx_id": 7, "more": [1]}',
    '  {"ctx_id": 7, "name": "\\u0061", "step": 1, "value": 2.50, "epoch": 3, "time": 4.5} \r',
  ];
  for (const text of variants) expect(readAll(text)).toEqual(usual);
  expect(readAll(`\n \r\n${variants.join("\n\n")}\n`).map(({ line }) => line)).toEqual([3, 5, 7]);
  const integerTime = readAll('{"ctx_id": 7, "name": "a", "step": 1, "value": 2, "epoch": null, "time": 4}');
  expect(integerTime).toEqual([{ contextId: 7, name: "a", step: 1n, value: 2n, time: 4, line: 1 }]);
});

describe("a bad line", () => {
  const good = '{"ctx_id": 0, "name": "a", "step": 1, "value": 1.0}\n';
  const bad: [string, string][] = [
    ['{"ctx_id": 0, "name": "a", "step": 1, "value": 1.0', "not JSON"],
    ['{"ctx_id": 0, "name": "a", "step": 1, "value": 01}', "not JSON"],
    ['{"ctx_id": 0, "name": "a", "step": 1, "value": 1.}', "not JSON"],
    ['{"ctx_id": 0, "name": "a", "step": 1, "value": .5}', "not JSON"],
    ['{"ctx_id": 0, "name": "a", "step": 1, "value": 1.0}}', "not JSON"],
    ['{"ctx_id": 0, "name": "a", "step": 1, "value": "x\u0001"}', "not JSON"],
    ['{"ctx_id": 0, "name": "a", "step": 1, "value": NaNN}', "not JSON"],
    ["[1, 2]", "not a JSON object"],
    ['{"ctx_id": 0, "name": "a", "step": 1}', "value is missing"],
    ['{"ctx_id": 0, "name": 5, "step": 1, "value": 1.0}', "name is missing or not a string"],
    ['{"ctx_id": 1.0, "name": "a", "step": 1, "value": 1.0}', "ctx_id is missing or not an integer"],
    ['{"ctx_id": 4294967296, "name": "a", "step": 1, "value": 1.0}', "ctx_id 4294967296 is outside"],
    ['{"ctx_id": -1, "name": "a", "step": 1, "value": 1.0}', "ctx_id -1 is outside"],
    ['{"ctx_id": 0, "name": "a", "step": "1", "value": 1.0}', "step is missing or not an integer"],
    ['{"ctx_id": 0, "name": "a", "step": -9223372036854775809, "value": 1.0}', "does not fit signed 64 bits"],
    ['{"ctx_id": 0, "name": "a", "step": 1, "value": 1.0, "epoch": 1.5}', "epoch is not an integer"],
  ];
  test.each(bad)("%s is named by file and line", (line, message) => {
    const read = () => readAll(`${good}${good}${line}\n${good}`);
    expect(read).toThrow(MatyanError);
    expect(read).toThrow(/^s\.jsonl:3: /);
    expect(read).toThrow(message);
  });

  test("that is not UTF-8 is one too, even inside of a string", () => {
    const line = Buffer.concat([
      Buffer.from('{"ctx_id": 0, "name": "a'),
      Buffer.from([0xff]),
      Buffer.from('", "step": 1, "value": 1.0}'),
    ]);
    expect(() => readAll(line)).toThrow(/^s\.jsonl:1: /);
  });

  test("is reported and passed over when the caller asks for all faults", () => {
    const faults: string[] = [];
    const parser = new RecordParser({ file: "s", onFault: (line, message) => faults.push(`${line} ${message}`) });
    const batches = [...parser.push(Buffer.from(`${good}x\n${good}[]\n`)), ...parser.end()];
    expect(batches.flat().map(({ line }) => line)).toEqual([1, 3]);
    expect(faults).toHaveLength(2);
    expect(faults[1]).toBe("4 not a JSON object");
  });
});
