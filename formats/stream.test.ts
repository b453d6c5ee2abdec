// The tree stream against the worked examples of rest-api.md 2.10, bodies recorded from the existing backend, and damage.
import { expect, test } from "bun:test";
import { gunzipSync } from "bun";
import fc from "fast-check";
import { MatyanError } from "./error.ts";
import { parseJson } from "./json.ts";
import {
  decodeStream,
  emptyKeyName,
  encodeTree,
  floatsOf,
  foldDocuments,
  foldObjects,
  numpyOf,
  StreamDecoder,
  StreamEncoder,
  type StreamKey,
  type StreamNode,
  type StreamTree,
} from "./stream.ts";
import { Extension, isMap, Timestamp, type Value } from "./value.ts";

const hexOf = (tree: StreamTree) => encodeTree(tree).toHex();
const bytesOf = (text: string) => text.replaceAll(/\s/g, "");
const tree = (entries: [StreamKey, StreamNode][]): StreamTree => new Map(entries);

async function documentsOf(...chunks: Uint8Array[]): Promise<StreamTree[]> {
  return Array.fromAsync(foldDocuments(decodeStream(chunks)));
}

test("frames are the reference codec's bytes", () => {
  expect(hexOf(tree([["progress_0", [3n, 10n]]]))).toBe(
    bytesOf(`0b000000 70726f67726573735f30fe                       01000000 06
      15000000 70726f67726573735f30fe fe0000000000000000fe  09000000 020300000000000000
      15000000 70726f67726573735f30fe fe0000000000000001fe  09000000 020a00000000000000`),
  );
  expect(hexOf(tree([["r", new Map()]]))).toBe(bytesOf("02000000 72fe 01000000 07"));
  expect(hexOf(tree([["x", []]]))).toBe(bytesOf("02000000 78fe 01000000 06"));
  expect(hexOf(tree([[7n, "hello"]]))).toBe(bytesOf("0a000000 fe0000000000000007fe 06000000 0468656c6c6f"));
  expect(hexOf(tree([["log_records_count", 2n]]))).toBe(
    bytesOf("12000000 6c6f675f7265636f7264735f636f756e74fe 09000000 020200000000000000"),
  );
  expect(hexOf(tree([["gAAAA=", Uint8Array.of(0x89, 0x50, 0x4e, 0x47)]]))).toBe(
    bytesOf("07000000 67414141413dfe 05000000 0589504e47"),
  );
  expect(hexOf(tree([["values", Float64Array.of(1, 0.5)]]))).toBe(
    bytesOf(`0c000000 76616c756573fe74797065fe    06000000 046e756d7079
      0d000000 76616c756573fe7368617065fe  09000000 020200000000000000
      0d000000 76616c756573fe6474797065fe  08000000 04666c6f61743634
      0c000000 76616c756573fe626c6f62fe    11000000 05000000000000f03f000000000000e03f`),
  );
  expect(hexOf(tree([["epochs", new Float64Array(0)]]))).toEndWith(bytesOf("65706f636873fe626c6f62fe 01000000 05"));
  expect(hexOf(tree([["r", [tree([["name", "loss"]])]]]))).toBe(
    bytesOf("02000000 72fe 01000000 06 11000000 72fefe0000000000000000fe6e616d65fe 05000000 046c6f7373"),
  );
  const params = tree([
    ["lr", 0.1],
    ["n", 2n],
    ["ok", true],
    ["none", null],
    ["tags", ["x", "y"]],
  ]);
  const traces = tree([["metric", []]]);
  expect(
    hexOf(
      tree([
        [
          "ab12",
          tree([
            ["params", params],
            ["traces", traces],
          ]),
        ],
      ]),
    ),
  ).toBe(
    bytesOf(`0f000000 61623132fe706172616d73fe6c72fe                          09000000 039a9999999999b93f
      0e000000 61623132fe706172616d73fe6efe                            09000000 020200000000000000
      0f000000 61623132fe706172616d73fe6f6bfe                          02000000 0101
      11000000 61623132fe706172616d73fe6e6f6e65fe                      01000000 00
      11000000 61623132fe706172616d73fe74616773fe                      01000000 06
      1b000000 61623132fe706172616d73fe74616773fefe0000000000000000fe  02000000 0478
      1b000000 61623132fe706172616d73fe74616773fefe0000000000000001fe  02000000 0479
      13000000 61623132fe747261636573fe6d6574726963fe                  01000000 06`),
  );
});

test("scalars and integer paths are the reference codec's bytes", () => {
  const value = (node: StreamNode) => hexOf(tree([["a", node]])).slice("0200000061fe00000000".length);
  expect(
    [null, true, false, 0n, 42n, -1n, 0.5, Number.NaN, Infinity, "", "hé", Uint8Array.of(1, 2)].map((v) => value(v)),
  ).toEqual([
    "00",
    "0101",
    "0100",
    "020000000000000000",
    "022a00000000000000",
    "02ffffffffffffffff",
    "03000000000000e03f",
    "03000000000000f87f",
    "03000000000000f07f",
    "04",
    "0468c3a9",
    "050102",
  ]);
  const path = (...keys: StreamKey[]) => new StreamEncoder().entry(keys, null).finish().toHex().slice(8, -10);
  expect(path("a", "b")).toBe("61fe62fe");
  expect(path(254n)).toBe("fe00000000000000fefe");
  expect(path(-1n)).toBe("fefffffffffffffffffe");
  expect(path("run", 3n, "x")).toBe("72756efefe0000000000000003fe78fe");
});

test("integers that the UI misreads go out as floats, smaller ones as integers", async () => {
  const values = [2147483647n, -2147483647n, 2147483648n, -2147483648n, 1700000000000n, 2n ** 70n];
  const [document] = await documentsOf(encodeTree(tree([["v", values]])));
  expect(document!.get("v")).toEqual([2147483647n, -2147483647n, 2147483648, -2147483648, 1700000000000, 2 ** 70]);
});

test("what has no form of its own goes out as text, and nothing makes the encoder fail", async () => {
  const odd = tree([
    ["time", new Timestamp(1704164645)],
    ["far", new Timestamp(1e300)],
    ["foreign", new Extension(5, Uint8Array.of(1, 2, 3))],
    ["lone", "a\ud800b"],
    ["big", tree([[2n ** 64n, 1n]])],
  ]);
  const [document] = await documentsOf(encodeTree(odd));
  expect(document).toEqual(
    tree([
      ["time", "2024-01-02T03:04:05.000Z"],
      ["far", "1e+300 seconds since 1970"],
      ["foreign", "extension 5 of 3 bytes"],
      ["lone", "a\ufffdb"],
      ["big", tree([["18446744073709551616", 1n]])],
    ]),
  );
});

test("empty names are shown as such, and names that become the same stay apart", async () => {
  const odd: StreamTree = new Map<StreamKey, StreamNode>([
    ["", 1n],
    [emptyKeyName, 2n],
    ["\ud800", 3n],
    ["\ud801", new Map([["", 4n]])],
    ["\ufffd", 5n],
    ["__proto__", 6n],
  ]);
  const [document] = await documentsOf(encodeTree(odd));
  expect([...document!]).toEqual([
    [`${emptyKeyName} 2`, 1n],
    [emptyKeyName, 2n],
    ["\ufffd 2", 3n],
    ["\ufffd 3", tree([[emptyKeyName, 4n]])],
    ["\ufffd", 5n],
    ["__proto__", 6n],
  ]);
});

const scalars = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.integer({ min: -(2 ** 31) + 1, max: 2 ** 31 - 1 }).map(BigInt),
  fc.double(),
  fc.string({ unit: "grapheme" }),
  fc.uint8Array(),
);
const names = fc.oneof(fc.constantFrom("__proto__", "constructor", "a"), fc.string({ unit: "grapheme", minLength: 1 }));
const { node: nodes } = fc.letrec<{ node: StreamNode }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4 },
    scalars,
    fc.array(tie("node"), { maxLength: 4 }),
    fc
      .array(fc.tuple(fc.oneof(names, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })), tie("node")), {
        maxLength: 4,
      })
      .map((entries): StreamTree => new Map(entries)),
  ),
}));
const trees = fc.array(fc.tuple(names, nodes), { minLength: 1, maxLength: 4 }).map((all): StreamTree => new Map(all));

test("any tree comes back through any chunking", async () => {
  await fc.assert(
    fc.asyncProperty(trees, fc.array(fc.nat(40)), async (written, sizes) => {
      const frame = encodeTree(written);
      const chunks: Uint8Array[] = [];
      let at = 0;
      for (const size of sizes) {
        chunks.push(frame.subarray(at, at + size));
        at += size;
      }
      chunks.push(frame.subarray(at));
      expect(await documentsOf(...chunks)).toEqual([written]);
      // Buffers, whose `slice` shares memory: what was read must not change when the pieces do.
      const buffers = chunks.map((chunk) => Buffer.from(chunk));
      const decoder = new StreamDecoder();
      const records = buffers.flatMap((buffer) => {
        const whole = decoder.push(buffer);
        buffer.fill(0xff);
        return whole;
      });
      expect(await Array.fromAsync(foldDocuments([records]))).toEqual([written]);
      expect(new Map(await Array.fromAsync(foldObjects(decodeStream(chunks))))).toEqual(new Map(written));
    }),
  );
});

test("objects are given as soon as the next one begins, and number arrays keep their bytes", async () => {
  const values = Float64Array.of(1, -0, Number.NaN, Infinity);
  const encoder = new StreamEncoder();
  const frames = ["a", "b"].map((hash) => encoder.tree(tree([[hash, tree([["values", values]])]])).finish());
  const seen = await Array.fromAsync(foldObjects(decodeStream(frames)));
  expect(seen.map(([key]) => key)).toEqual(["a", "b"]);
  for (const [, object] of seen) {
    const read = floatsOf((object as Map<StreamKey, StreamNode>).get("values"));
    expect(new Uint8Array(read!.buffer).toHex()).toBe(new Uint8Array(values.buffer).toHex());
  }
  const [bins] = await documentsOf(encodeTree(tree([["data", numpyOf([1, 2], 64)]])));
  expect((bins!.get("data") as Map<StreamKey, StreamNode>).get("shape")).toBe(64n);
  // A view into a larger buffer, at an odd offset into it as far as its bytes are concerned.
  const view = Float64Array.of(9, 1, 2, 9).subarray(1, 3);
  const [slice] = await documentsOf(encodeTree(tree([["v", view]])));
  expect(floatsOf(slice!.get("v"))).toEqual(Float64Array.of(1, 2));
});

test("a stream that was cut or damaged is refused with the place, and never hangs or grows", async () => {
  const frame = encodeTree(
    tree([
      [
        "run",
        tree([
          [
            "params",
            tree([
              ["lr", 0.1],
              ["name", "é"],
              ["list", [1n, 2n]],
            ]),
          ],
        ]),
      ],
    ]),
  );
  const boundaries = new Set<number>([0, frame.length]);
  for (let at = 0; at < frame.length; ) {
    const view = new DataView(frame.buffer);
    const path = view.getUint32(at, true);
    at += 8 + path + view.getUint32(at + 4 + path, true);
    boundaries.add(at);
  }
  for (let cut = 0; cut < frame.length; cut++) {
    const read = documentsOf(frame.subarray(0, cut)).then(
      () => "whole",
      (error: unknown) => (error instanceof MatyanError ? error.code : "other"),
    );
    expect([cut, await read]).toEqual([cut, boundaries.has(cut) ? "whole" : "corrupt"]);
  }
  for (let at = 0; at < frame.length; at++)
    for (const byte of [0x00, 0x7f, 0xfe, 0xff]) {
      const damaged = frame.slice();
      damaged[at] = byte;
      const failure = await documentsOf(damaged).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (failure !== undefined) expect(failure).toBeInstanceOf(MatyanError);
    }
  expect(() => new StreamDecoder().push(Uint8Array.of(1, 0, 0, 0, 0x61, 1, 0, 0, 0, 0))).toThrow("without its end");
  expect(() => new StreamDecoder().push(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0))).toThrow(
    "a path of 4294967295 bytes",
  );
});

/** A decoded tree in the form in which the recording has it. */
function recordedForm(node: StreamNode): Value {
  if (node instanceof Map) {
    const form = new Map<string, Value>();
    for (const [key, child] of node) form.set(typeof key === "bigint" ? `#${key}` : key, recordedForm(child));
    return form;
  }
  if (Array.isArray(node)) return node.map(recordedForm);
  if (node instanceof Uint8Array) return { bytes: node } as unknown as Value;
  return node as Value;
}

/** What the recording holds, with its marks for bytes and special numbers resolved. */
function resolved(value: Value): Value {
  if (Array.isArray(value)) return value.map(resolved);
  if (!isMap(value)) return value;
  const floats = value.get("$f64");
  if (Array.isArray(floats))
    return { bytes: new Uint8Array(Float64Array.from(floats, (x) => Number(resolved(x))).buffer) } as unknown as Value;
  const special = value.get("$f");
  if (typeof special === "string") return { nan: Number.NaN, inf: Infinity, "-inf": -Infinity }[special] ?? Number.NaN;
  const b64 = value.get("b64");
  if (value.has("$bytes")) return { bytes: new Uint8Array(Buffer.from(String(b64), "base64")) } as unknown as Value;
  return new Map([...value].map(([key, child]) => [key, resolved(child)]));
}

test("bodies recorded from the existing backend decode to the recorded trees", async () => {
  const text = new TextDecoder().decode(gunzipSync(await Bun.file("fixtures/formats/streams.jsonl.gz").bytes()));
  let count = 0;
  for (const line of text.trimEnd().split("\n")) {
    const entry = parseJson(line);
    if (!isMap(entry)) throw new Error("no object");
    const body = new Uint8Array(Buffer.from(String(entry.get("b64")), "base64"));
    const documents = await documentsOf(body.subarray(0, body.length >> 1), body.subarray(body.length >> 1));
    const expected = resolved(entry.get("docs") ?? null);
    expect([entry.get("n"), documents.map(recordedForm)] as unknown[]).toEqual([entry.get("n"), expected]);
    count++;
  }
  expect(count).toBeGreaterThan(50);
});
