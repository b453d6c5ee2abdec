// No server needed: the pairs of an answer as the library lays them out, in memory of the test's own.

import { ptr } from "bun:ffi";
import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { Arena } from "./arena.ts";
import { loadLibc } from "./libc.ts";

/** An FDBKeyValue array over pieces of `memory`: [start, length] of each key and value. */
function arrayOf(memory: Uint8Array, pieces: readonly (readonly [start: number, length: number])[]): Uint8Array {
  const table = new Uint8Array(12 * pieces.length);
  const view = new DataView(table.buffer);
  for (const [index, [start, length]] of pieces.entries()) {
    view.setBigUint64(12 * index, BigInt(ptr(memory) + start), true);
    view.setInt32(12 * index + 8, length, true);
  }
  return table;
}

function check(memory: Uint8Array, pieces: readonly (readonly [start: number, length: number])[]): void {
  const table = arrayOf(memory, pieces);
  const pairs = new Arena(loadLibc()).copyPairs(ptr(table), pieces.length / 2);
  const expected = pieces.map(([start, length]) => memory.slice(start, start + length));
  expect(pairs.flat()).toEqual(expected);
}

test("pairs that lie behind each other, far apart, before each other and over each other are copied as they are", () => {
  const memory = new Uint8Array(randomBytes(400_000));
  check(memory, []);
  check(memory, [
    [0, 5],
    [5, 0],
  ]);
  const near = Array.from({ length: 2_000 }, (_, index) => [index * 14, 10] as const);
  check(memory, near);
  check(memory, near.toReversed());
  check(
    memory,
    Array.from({ length: 40 }, (_, index) => [index * 9_000, index % 3 === 0 ? 0 : 8_000] as const),
  );
  check(memory, [
    [100, 50],
    [120, 60],
    [110, 5],
    [399_990, 10],
  ]);
});

test("an answer that is larger than the area grows it, and the pairs before the growth stay whole", () => {
  const memory = new Uint8Array(randomBytes(2_000_000));
  check(
    memory,
    Array.from({ length: 40 }, (_, index) => [index * 50_000, 45_000] as const),
  );
});

test("copies are the caller's own: the next answer does not change them", () => {
  const arena = new Arena(loadLibc());
  const memory = new Uint8Array([1, 2, 3, 4]);
  const copy = arena.copy(ptr(memory), 4);
  const [[key, value]] = arena.copyPairs(
    ptr(
      arrayOf(memory, [
        [0, 2],
        [2, 2],
      ]),
    ),
    1,
  ) as [[Uint8Array, Uint8Array]];
  const other = new Uint8Array([9, 9, 9, 9]);
  arena.copy(ptr(other), 4);
  memory.fill(7);
  expect([copy, key, value]).toEqual([new Uint8Array([1, 2, 3, 4]), new Uint8Array([1, 2]), new Uint8Array([3, 4])]);
});

test("what is placed for a call may be larger than the area", () => {
  const arena = new Arena(loadLibc());
  const [first, second] = [new Uint8Array(randomBytes(100_000)), new Uint8Array(randomBytes(200_000))];
  arena.place(first, second);
  const reader = new Arena(loadLibc());
  expect(reader.copy(arena.first, first.length)).toEqual(first);
  expect(reader.copy(arena.second, second.length)).toEqual(second);
});
