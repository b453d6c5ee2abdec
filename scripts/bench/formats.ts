// Nanoseconds per operation of the byte formats, each next to the nearest thing that the runtime has built in, measured in turns.
// Run: bun scripts/bench/formats.ts
import { canonicalContext, contextId } from "../../formats/context.ts";
import { formatJson, parseJson } from "../../formats/json.ts";
import { decodeValue, encodeFloat, encodeValue } from "../../formats/msgpack.ts";
import { pack, readInteger, readIntegerNumber, type TupleElement, TupleWriter, unpack } from "../../formats/tuple.ts";
import { mapOf, type Value, type ValueMap } from "../../formats/value.ts";

interface Measured {
  readonly name: string;
  /** Called with 0, 1, 2, ...; what it returns is folded into a sum, so that the work cannot be left out. */
  readonly run: (i: number) => unknown;
  /** What the ratio is against: the same job done by the runtime, which keeps no number kinds. */
  readonly peer?: { readonly name: string; readonly run: (i: number) => unknown };
}

const rounds = 7;
let sink = 0;

/** The best of several rounds of about 40 ms each: the figure least disturbed by other work on the machine. */
function best(cases: readonly ((i: number) => unknown)[]): number[] {
  const results = cases.map(() => Number.POSITIVE_INFINITY);
  const counts = cases.map((run) => {
    let count = 1000;
    for (;;) {
      const took = time(run, count);
      if (took > 40e6) return count;
      count = Math.min(count * 4, Math.ceil((count * 44e6) / Math.max(took, 1)));
    }
  });
  for (let round = 0; round < rounds; round++)
    cases.forEach((run, index) => {
      const count = counts[index] ?? 1;
      results[index] = Math.min(results[index] ?? 0, time(run, count) / count);
    });
  return results;
}

function time(run: (i: number) => unknown, count: number): number {
  const start = Bun.nanoseconds();
  for (let i = 0; i < count; i++) if (run(i) === undefined) sink++;
  return Bun.nanoseconds() - start;
}

const hash = "00b2b4e1ce9116f573506eca2080cc40";
const context = 2326457826;
const steps = Array.from({ length: 1000 }, (_, i) => 1_000_000 + i * 7);
const at = <T>(items: readonly T[], i: number): T => items[i % items.length] as T;

const key = (step: number): TupleElement[] => [hash, "seqs", BigInt(context), "loss", "val", BigInt(step)];
const keys = steps.map((step) => pack(key(step)));
const stepOffset = pack(key(0)).length - 1;
const writer = new TupleWriter();
const prefixed = new TupleWriter();
const prefix = prefixed.string(hash).string("seqs").integer(context).string("loss").string("val").length;

const floats = steps.map((step) => Math.sin(step));
const encodedFloats = floats.map(encodeFloat);
const integers = steps.map(BigInt);
const encodedIntegers = integers.map(encodeValue);
const texts = steps.map((step) => `value-${step}`);
const encodedTexts = texts.map(encodeValue);
const records = steps.map((step, i) =>
  mapOf({
    ctx_id: BigInt(context),
    name: "loss",
    step: BigInt(step),
    value: floats[i],
    epoch: BigInt(i),
    time: 1700000000.25 + i,
  }),
);
const encodedRecords = records.map(encodeValue);
const lines = records.map((record) => formatJson(record));
const lineBytes = lines.map((line) => new TextEncoder().encode(line));
const lineObjects = lines.map((line) => JSON.parse(line) as unknown);
const decoder = new TextDecoder("utf-8", { fatal: true });
const attributes: ValueMap = mapOf({
  hparams: mapOf({
    lr: 0.001,
    layers: 12n,
    optimizer: "adamw",
    betas: [0.9, 0.999],
    ключ: "значення ✅",
    note: 'a "quoted"\nline',
  }),
  __system_params: mapOf({
    packages: new Map<string, Value>(steps.slice(0, 200).map((s) => [`package-${s}`, `1.${s}.0`])),
  }),
});
const attributesText = formatJson(attributes);
const attributesObject: unknown = JSON.parse(attributesText);
const contexts = steps.map((step) => mapOf({ subset: "train", fold: BigInt(step), lr: 1e-5 }));

const view = new DataView(new ArrayBuffer(9));
const table: Measured[] = [
  { name: "pack a sequence key, 6 elements", run: (i) => pack(key(at(steps, i))) },
  {
    name: "the same by a reused TupleWriter",
    run: (i) =>
      writer
        .reset()
        .string(hash)
        .string("seqs")
        .integer(context)
        .string("loss")
        .string("val")
        .integer(at(steps, i))
        .finish(),
  },
  { name: "the same after a kept prefix", run: (i) => prefixed.reset(prefix).integer(at(steps, i)).finish() },
  { name: "unpack a sequence key", run: (i) => unpack(at(keys, i)) },
  { name: "readInteger: the step of a key", run: (i) => readInteger(at(keys, i), stepOffset).value },
  { name: "readIntegerNumber: the step of a key", run: (i) => readIntegerNumber(at(keys, i), stepOffset) },
  {
    name: "encodeFloat",
    run: (i) => encodeFloat(at(floats, i)),
    peer: {
      name: "DataView + copy",
      run: (i) => {
        view.setFloat64(1, at(floats, i));
        return new Uint8Array(view.buffer.slice(0));
      },
    },
  },
  { name: "encodeValue of a float", run: (i) => encodeValue(at(floats, i)) },
  { name: "encodeValue of an integer", run: (i) => encodeValue(at(integers, i)) },
  { name: "encodeValue of a short text", run: (i) => encodeValue(at(texts, i)) },
  {
    name: "encodeValue of a map, 6 fields",
    run: (i) => encodeValue(at(records, i)),
    peer: { name: "JSON.stringify + encode", run: (i) => new TextEncoder().encode(JSON.stringify(at(lineObjects, i))) },
  },
  { name: "decodeValue of a float", run: (i) => decodeValue(at(encodedFloats, i)) },
  { name: "decodeValue of an integer", run: (i) => decodeValue(at(encodedIntegers, i)) },
  { name: "decodeValue of a short text", run: (i) => decodeValue(at(encodedTexts, i)) },
  {
    name: "decodeValue of a map, 6 fields",
    run: (i) => decodeValue(at(encodedRecords, i)),
    peer: { name: "decode + JSON.parse", run: (i) => JSON.parse(decoder.decode(at(lineBytes, i))) as unknown },
  },
  {
    name: `parseJson of a record, ${lines[0]?.length} bytes of text`,
    run: (i) => parseJson(at(lines, i)),
    peer: { name: "JSON.parse", run: (i) => JSON.parse(at(lines, i)) as unknown },
  },
  {
    name: "parseJson of the same as bytes",
    run: (i) => parseJson(at(lineBytes, i)),
    peer: { name: "decode + JSON.parse", run: (i) => JSON.parse(decoder.decode(at(lineBytes, i))) as unknown },
  },
  {
    name: "formatJson of a record",
    run: (i) => formatJson(at(records, i)).length,
    peer: { name: "JSON.stringify", run: (i) => JSON.stringify(at(lineObjects, i)).length },
  },
  {
    name: `parseJson of attributes, ${attributesText.length} characters`,
    run: () => parseJson(attributesText),
    peer: { name: "JSON.parse", run: () => JSON.parse(attributesText) as unknown },
  },
  {
    name: "formatJson of attributes, ASCII",
    run: () => formatJson(attributes, { ascii: true }).length,
    peer: { name: "JSON.stringify", run: () => JSON.stringify(attributesObject).length },
  },
  { name: "canonicalContext", run: (i) => canonicalContext(at(contexts, i)).length },
  { name: "contextId", run: (i) => contextId(at(contexts, i)) },
];

console.log(`${"what".padEnd(50)}${"ns".padStart(9)}   peer`);
for (const { name, run, peer } of table) {
  const [own = 0, other = 0] = best(peer ? [run, peer.run] : [run]);
  const compared = peer ? `   ${other.toFixed(0)} ns ${peer.name}: ${(own / other).toFixed(2)}x` : "";
  console.log(`${name.padEnd(50)}${own.toFixed(own < 100 ? 1 : 0).padStart(9)}${compared}`);
}
if (sink > 0) throw new Error(`${sink} operations returned nothing`);
