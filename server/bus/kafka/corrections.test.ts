// Numbers are written as the protocol's varints are (Protocol Buffers' zigzag, which Kafka's record format uses).
import { expect, test } from "bun:test";
import fc from "fast-check";
import Encoder from "kafkajs/src/protocol/encoder.js";
import "./corrections.ts";

function varint(value: bigint): number[] {
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  const bytes: number[] = [];
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return [...bytes, Number(rest)];
}

test("integers of 32 bits, and longer ones, are written and measured as the protocol says", () => {
  const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
  fc.assert(
    fc.property(int32, fc.maxSafeInteger(), (short, long) => {
      expect([...new Encoder().writeVarInt(short).buffer]).toEqual(varint(BigInt(short)));
      expect([...new Encoder().writeVarLong(long).buffer]).toEqual(varint(BigInt(long)));
      expect(Encoder.sizeOfVarLong(long)).toBe(varint(BigInt(long)).length);
      expect(Encoder.sizeOfVarLong(short)).toBe(varint(BigInt(short)).length);
    }),
  );
});
