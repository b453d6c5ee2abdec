import { expect, test } from "bun:test";
import fc from "fast-check";
import { crc32c, maskCrc } from "./crc32c.ts";

const crcOf = (bytes: Uint8Array, start = 0, end = bytes.length) =>
  crc32c(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), start, end);

// RFC 3720, appendix B.4; the first is the check value of the algorithm's catalogues.
test.each([
  ["123456789", Buffer.from("123456789"), 0xe3069283],
  ["32 zeros", Buffer.alloc(32), 0x8a9136aa],
  ["32 bytes of 0xff", Buffer.alloc(32, 0xff), 0x62a8ab43],
  ["0 to 31", Buffer.from(Array.from({ length: 32 }, (_, index) => index)), 0x46dd794e],
])("the checksum of %s is known", (_name, bytes, crc) => {
  expect(crcOf(new Uint8Array(bytes))).toBe(crc);
});

test("the mask is TensorFlow's: that of a TFRecord's length 24", () => {
  // The first record of every log: 18 00 00 00 00 00 00 00 a3 7f 4b 22
  const length = Uint8Array.from([24, 0, 0, 0, 0, 0, 0, 0]);
  expect(maskCrc(crcOf(length))).toBe(0x224b7fa3);
});

test("eight bytes at a time give what one at a time gives, at any offset", () => {
  const slow = (bytes: Uint8Array) => {
    let crc = 0xffffffff;
    for (const byte of bytes) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    }
    return ~crc >>> 0;
  };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(20), (bytes, start) => {
      const from = Math.min(start, bytes.length);
      expect(crcOf(bytes, from)).toBe(slow(bytes.subarray(from)));
    }),
  );
});
