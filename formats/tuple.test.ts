import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { MatyanError } from "./error.ts";
import { hex, refusal } from "./testing.ts";
import {
  NanDouble,
  pack,
  rangeOf,
  readInteger,
  readIntegerNumber,
  SingleFloat,
  type TupleElement,
  TupleWriter,
  Uuid,
  unpack,
  Versionstamp,
} from "./tuple.ts";

describe("vectors", () => {
  // storage.md section 1.2, the rest from the tuple layer's public design document and its Python binding.
  const vectors: [TupleElement[], string][] = [
    [["r1", "meta", "name", "__leaf__"], "02723100 026d65746100 026e616d6500 025f5f6c6561665f5f00"],
    [["r1", "seqs", 2326457826n, "loss", "val", 3n], "02723100 027365717300 188aaaede2 026c6f737300 0276616c00 1503"],
    [["archived", false, "r"], "02617263686976656400 26 027200"],
    [["created_at", 1700000000.25, "r"], "02637265617465645f617400 21c1d954fc40100000 027200"],
    [["hparam", "lr", 1n, "r"], "0268706172616d00 026c7200 1501 027200"],
    [["hparam", "lr", 1.0, "r"], "0268706172616d00 026c7200 21bff0000000000000 027200"],
    [["hparam", "lr", -0.5, "r"], "0268706172616d00 026c7200 21401fffffffffffff 027200"],
    [
      ["_rev", "r1", "hparam", "lr", 0.1, "r1"],
      "025f72657600 02723100 0268706172616d00 026c7200 21bfb999999999999a 02723100",
    ],
    [[], ""],
    [[null], "00"],
    [[true], "27"],
    [["foo\0bar"], "02666f6f00ff62617200"],
    [["F\u00d4O\0bar"], "0246c3944f00ff62617200"],
    [["\0"], "0200ff00"],
    [["🚀"], "02f09f9a8000"],
    [[hex("666f6f00626172")], "01666f6f00ff62617200"],
    [[hex("")], "0100"],
    [[["foo\0bar", null, []]], "0502666f6f00ff6261720000ff050000"],
    [[0n], "14"],
    [[255n], "15ff"],
    [[256n], "160100"],
    [[-1n], "13fe"],
    [[-255n], "1300"],
    [[-256n], "12feff"],
    [[-5551212n], "11ab4b93"],
    [[2n ** 53n], "1b20000000000000"],
    [[2n ** 63n - 1n], "1c7fffffffffffffff"],
    [[-(2n ** 63n)], "0c7fffffffffffffff"],
    [[2n ** 64n - 2n], "1cfffffffffffffffe"],
    [[2n ** 64n - 1n], "1d08ffffffffffffffff"],
    [[2n ** 64n], "1d09010000000000000000"],
    [[-(2n ** 64n)], "0bf6feffffffffffffffff"],
    [[-0.0], "217fffffffffffffff"],
    [[0.0], "218000000000000000"],
    [[Number.NaN], "21fff8000000000000"],
    [[Number.POSITIVE_INFINITY], "21fff0000000000000"],
    [[Number.NEGATIVE_INFINITY], "21000fffffffffffff"],
    [[SingleFloat.of(-42)], "203dd7ffff"],
    [[SingleFloat.of(Number.NaN)], "20ffc00000"],
    [[Uuid.parse("00112233-4455-6677-8899-aabbccddeeff")], "3000112233445566778899aabbccddeeff"],
    [[new Versionstamp(hex("00010203040506070809"))], "3200010203040506070809"],
    [[new Versionstamp(hex("000102030405060708090a0b"))], "33000102030405060708090a0b"],
  ];
  test.each(vectors.map(([elements, packed]) => [packed, elements] as const))(
    "%p is packed and unpacked",
    (expected, elements) => {
      expect(pack(elements).toHex()).toBe(expected.replaceAll(" ", ""));
      expect(unpack(hex(expected))).toEqual(elements);
    },
  );

  test("NaNs with other bits keep them, whatever the engine does to a NaN in a number", () => {
    for (const packed of ["210007ffffffffffff", "21fff8000000000001", "210000000000000000", "21ffffffffffffffff"]) {
      const elements = unpack(hex(packed));
      expect(elements[0]).toBeInstanceOf(NanDouble);
      expect(pack(elements).toHex()).toBe(packed);
    }
    expect(pack(unpack(hex("2000000000"))).toHex()).toBe("2000000000");
    expect(() => new NanDouble(0x7ff0000000000000n)).toThrow(RangeError);
  });

  test("a NaN made by arithmetic packs as the usual NaN", () => {
    // On x86 the processor's own NaN has its sign bit set, which shows once the division below is compiled.
    const writer = new TupleWriter();
    const divide = (a: number, b: number) =>
      writer
        .reset()
        .double(a / b)
        .finish()
        .toHex();
    for (let i = 0; i < 20_000; i++) divide(i, 3);
    expect(divide(0, 0)).toBe("21fff8000000000000");
  });

  test("both forms of 2^64-1 are read, since bindings differ on it", () => {
    expect(unpack(hex("1cffffffffffffffff"))).toEqual([2n ** 64n - 1n]);
    expect(unpack(hex("0c0000000000000000"))).toEqual([1n - 2n ** 64n]);
  });

  test("single floats and UUIDs show what they are", () => {
    expect(SingleFloat.of(0.5).value).toBe(0.5);
    expect(String(Uuid.parse("00112233445566778899AABBCCDDEEFF"))).toBe("00112233-4455-6677-8899-aabbccddeeff");
    expect(refusal(() => Uuid.parse("0011")).code).toBe("usage");
  });
});

// Integers around every change of length, and far beyond 8 bytes.
const integer = fc.oneof(
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
  fc
    .tuple(fc.integer({ min: 0, max: 2000 }), fc.integer({ min: -2, max: 2 }), fc.boolean())
    .map(([bits, off, minus]) => {
      const value = 2n ** BigInt(bits) + BigInt(off);
      return minus ? -value : value;
    }),
  fc.maxSafeInteger().map(BigInt),
);
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 12 }),
  fc.string({
    unit: fc.constantFrom("\0", "\u0001", "a", "\u007f", "é", "～", "\uffff", "\ue000", "🚀", "\u{10ffff}"),
  }),
);
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 12 }),
  fc.array(fc.constantFrom(0, 1, 255), { maxLength: 6 }).map((a) => new Uint8Array(a)),
);
const single = fc.integer({ min: 0, max: 0xffffffff }).map((bits) => new SingleFloat(bits));
const uuid = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((b) => new Uuid(b));
const versionstamp = fc
  .constantFrom(10, 12)
  .chain((n) => fc.uint8Array({ minLength: n, maxLength: n }).map((b) => new Versionstamp(b)));
const nan = fc
  .tuple(fc.boolean(), fc.bigInt({ min: 1n, max: 2n ** 52n - 1n }))
  .filter(([minus, payload]) => minus || payload !== 2n ** 51n)
  .map(([minus, payload]) => new NanDouble((minus ? 0xfff0000000000000n : 0x7ff0000000000000n) | payload));
const { element } = fc.letrec<{ element: TupleElement; list: TupleElement[] }>((tie) => ({
  element: fc.oneof(
    { depthSize: "small" },
    fc.constant(null),
    text,
    integer,
    fc.double(),
    fc.boolean(),
    bytes,
    single,
    uuid,
    versionstamp,
    nan,
    tie("list"),
  ),
  list: fc.array(tie("element"), { maxLength: 5 }),
}));
const tuple = fc.array(element, { maxLength: 6 });

/** Sort order of the element types. */
function rank(a: TupleElement): number {
  if (a === null) return 0;
  if (a instanceof Uint8Array) return 1;
  if (typeof a === "string") return 2;
  if (Array.isArray(a)) return 3;
  if (typeof a === "bigint") return 4;
  if (a instanceof SingleFloat) return 5;
  if (typeof a === "number" || a instanceof NanDouble) return 6;
  if (typeof a === "boolean") return 7;
  if (a instanceof Uuid) return 8;
  return a.bytes.length === 10 ? 9 : 10;
}

/** The IEEE bits as a number that orders like the float: NaNs at the ends, -0 before 0. */
function ordered(bits: bigint, width: bigint): bigint {
  return bits >> (width - 1n) === 1n ? -bits + (1n << (width - 1n)) - 1n : bits;
}

function doubleBits(a: number | NanDouble): bigint {
  if (a instanceof NanDouble) return a.bits;
  if (Number.isNaN(a)) return 0x7ff8000000000000n;
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, a);
  return view.getBigUint64(0);
}

/** The order that elements have by themselves, said without any of the encoding's rules. */
function compare(a: TupleElement, b: TupleElement): number {
  const sign = (x: bigint, y: bigint) => (x < y ? -1 : x > y ? 1 : 0);
  if (rank(a) !== rank(b)) return rank(a) - rank(b);
  if (Array.isArray(a) && Array.isArray(b)) return compareLists(a, b);
  if (typeof a === "bigint" && typeof b === "bigint") return sign(a, b);
  if (typeof a === "string" && typeof b === "string") return Buffer.compare(Buffer.from(a), Buffer.from(b));
  if (typeof a === "boolean" && typeof b === "boolean") return Number(a) - Number(b);
  if (a instanceof SingleFloat && b instanceof SingleFloat)
    return sign(ordered(BigInt(a.bits), 32n), ordered(BigInt(b.bits), 32n));
  if ((typeof a === "number" || a instanceof NanDouble) && (typeof b === "number" || b instanceof NanDouble))
    return sign(ordered(doubleBits(a), 64n), ordered(doubleBits(b), 64n));
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b);
  if ((a instanceof Uuid && b instanceof Uuid) || (a instanceof Versionstamp && b instanceof Versionstamp))
    return Buffer.compare(a.bytes, b.bytes);
  return 0;
}

function compareLists(a: readonly TupleElement[], b: readonly TupleElement[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = compare(a[i] ?? null, b[i] ?? null);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

describe("properties", () => {
  test("every tuple comes back as it was", () => {
    fc.assert(
      fc.property(tuple, (elements) => {
        const packed = pack(elements);
        expect(unpack(packed)).toEqual(elements);
        expect(pack(unpack(packed))).toEqual(packed);
      }),
      { numRuns: 1000 },
    );
  });

  test("packed bytes order as the elements do", () => {
    const check = (a: TupleElement[], b: TupleElement[]) =>
      expect(Math.sign(Buffer.compare(pack(a), pack(b)))).toBe(Math.sign(compareLists(a, b)));
    fc.assert(fc.property(tuple, tuple, check), { numRuns: 1000 });
    // Mostly equal beginnings and equal types, where the difference lies deep.
    for (const one of [integer, fc.double(), text, bytes, single, nan, fc.array(element, { maxLength: 3 })]) {
      const few: fc.Arbitrary<TupleElement> = one;
      fc.assert(
        fc.property(tuple, few, few, tuple, (before, a, b, after) => check([...before, a, ...after], [...before, b])),
        { numRuns: 400 },
      );
    }
  });

  test("the range of a path holds exactly the longer tuples that start with it", () => {
    fc.assert(
      fc.property(tuple, tuple, tuple, (path, more, other) => {
        const { begin, end } = rangeOf(pack(path));
        const holds = (key: Uint8Array) => Buffer.compare(begin, key) <= 0 && Buffer.compare(key, end) < 0;
        expect(holds(pack([...path, ...more]))).toBe(more.length > 0);
        const inside = other.length > path.length && compareLists(other.slice(0, path.length), path) === 0;
        expect(holds(pack(other))).toBe(inside);
      }),
      { numRuns: 500 },
    );
  });

  test("the writer gives what pack gives, from any kept prefix, and its copies stay as they were", () => {
    const writer = new TupleWriter(1);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 9 }), tuple, tuple, tuple, (prefix, shared, first, second) => {
        writer.reset().raw(prefix);
        for (const item of shared) writer.element(item);
        const kept = writer.length;
        for (const item of first) writer.element(item);
        const one = writer.finish();
        writer.reset(kept);
        for (const item of second) writer.element(item);
        expect(writer.finish()).toEqual(Buffer.concat([prefix, pack([...shared, ...second])]).subarray());
        expect(one).toEqual(Buffer.concat([prefix, pack([...shared, ...first])]).subarray());
      }),
    );
  });

  test("integers given as numbers are written as the same bigints are", () => {
    fc.assert(
      fc.property(fc.oneof(fc.maxSafeInteger(), fc.integer(), fc.constant(-0)), (value) => {
        const packed = new TupleWriter().integer(value).finish();
        expect(packed).toEqual(pack([BigInt(value)]));
        expect(readIntegerNumber(packed, 0)).toBe(value === 0 ? 0 : value);
      }),
      { numRuns: 1000 },
    );
    for (const bad of [0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => new TupleWriter().integer(bad)).toThrow(RangeError);
  });

  test("readInteger reads one element within a key and says where it ends", () => {
    fc.assert(
      fc.property(tuple, integer, tuple, (before, value, after) => {
        const offset = pack(before).length;
        const end = pack([...before, value]).length;
        const key = pack([...before, value, ...after]);
        expect(readInteger(key, offset)).toEqual({ value, next: end });
        const safe = value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER;
        expect(readIntegerNumber(key, offset)).toBe(safe ? Number(value) : Number.NaN);
      }),
      { numRuns: 500 },
    );
    expect(refusal(() => readInteger(pack(["a"]), 0)).code).toBe("corrupt");
    expect(refusal(() => readInteger(pack([5n]), 2)).code).toBe("corrupt");
    for (const cut of ["", "15", "1601", "13", "12fe", "1aff", "0eff"])
      expect(readIntegerNumber(hex(cut), 0)).toBeNaN();
  });
});

describe("refusals", () => {
  const bad: [string, string][] = [
    ["an unknown type", "0272 00 ff"],
    ["a string without an end", "027231"],
    ["a string that ends in an escape", "0200ff"],
    ["a string with bad UTF-8", "02c32800"],
    ["a string with a surrogate", "02eda08000"],
    ["an overlong character", "02c08000"],
    ["bytes without an end", "0161"],
    ["a cut integer", "1601"],
    ["an integer with a needless byte", "160001"],
    ["a negative integer with a needless byte", "12fffe"],
    ["a short integer in the long form", "1d0101"],
    ["8 bytes in the long form", "1d087fffffffffffffff"],
    ["a long integer with a needless byte", "1d0900ffffffffffffffff"],
    ["a long integer without a length", "1d"],
    ["a cut long integer", "1d0901"],
    ["a cut double", "2180"],
    ["a cut float", "208000"],
    ["a cut UUID", "300011"],
    ["a cut versionstamp", "32000102030405060708"],
    ["a cut long versionstamp", "3300010203040506070809"],
    ["a nested tuple without an end", "0502610000ff"],
    ["bad bytes in a nested tuple", "05ff00"],
  ];
  test.each(bad)("%s is corrupt", (_, packed) => {
    expect(refusal(() => unpack(hex(packed))).code).toBe("corrupt");
  });

  test("the error says where and what", () => {
    expect(refusal(() => unpack(hex("02720016"))).message).toBe(
      "this is not a tuple key: at byte 4, 2 bytes are expected and 0 are left",
    );
  });

  test("half of a surrogate pair is refused, naming the text", () => {
    const error = refusal(() => pack(["a\ud83d"]));
    expect(error.code).toBe("usage");
    expect(error.message).toContain("a\\ud83d");
    expect(refusal(() => pack(["é\udc00é"])).code).toBe("usage");
    expect(pack(["after"]).toHex()).toBe("02616674657200");
  });

  test("integers of more than 255 bytes and endless nesting are refused both ways", () => {
    expect(unpack(pack([2n ** 2040n - 1n, 1n - 2n ** 2040n]))).toEqual([2n ** 2040n - 1n, 1n - 2n ** 2040n]);
    expect(refusal(() => pack([2n ** 2040n])).code).toBe("too_large");
    expect(refusal(() => pack([-(2n ** 2040n)])).code).toBe("too_large");
    const nested = (depth: number): TupleElement[] => (depth === 0 ? [] : [nested(depth - 1)]);
    expect(unpack(pack(nested(512)))).toEqual(nested(512));
    expect(refusal(() => pack(nested(513))).code).toBe("too_large");
    expect(refusal(() => unpack(new Uint8Array(9000).fill(5))).code).toBe("corrupt");
  });

  test("damaged keys give an error or a tuple that packs again, never anything else", () => {
    const damaged = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc
        .tuple(tuple, fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 3 }), fc.nat(4))
        .map(([elements, changes, cut]) => {
          const packed = pack(elements);
          for (const [at, byte] of changes) if (packed.length > 0) packed[at % packed.length] = byte;
          return packed.slice(0, Math.max(0, packed.length - cut));
        }),
    );
    fc.assert(
      fc.property(damaged, (packed) => {
        let elements: TupleElement[];
        try {
          elements = unpack(packed);
        } catch (error) {
          if (!(error instanceof MatyanError) || error.code !== "corrupt") throw error;
          return;
        }
        expect(unpack(pack(elements))).toEqual(elements);
      }),
      { numRuns: 10_000 },
    );
  });
});
