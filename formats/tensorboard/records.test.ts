import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { crc32c, maskCrc } from "./crc32c.ts";
import { RecordScanner } from "./records.ts";
import { Arena, maxRecordBytes, memorySource } from "./source.ts";

const arena = new Arena();

function frame(payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(payload.length + 16);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  bytes.writeUInt32LE(payload.length, 0);
  bytes.writeUInt32LE(maskCrc(crc32c(bytes, view, 0, 8)), 8);
  bytes.set(payload, 12);
  bytes.writeUInt32LE(maskCrc(crc32c(bytes, view, 12, 12 + payload.length)), 12 + payload.length);
  return bytes;
}

function scan(file: Uint8Array, size = file.length) {
  const scanner = new RecordScanner(memorySource(file), size, arena);
  const payloads: string[] = [];
  while (scanner.fill())
    while (scanner.next())
      payloads.push(Buffer.from(arena.bytes.subarray(scanner.payloadStart, scanner.payloadEnd)).toString("latin1"));
  return { payloads, losses: scanner.losses, lossCount: scanner.lossCount, lostBytes: scanner.lostBytes };
}

const names = ["alpha", "beta", "gamma", "delta"];
const frames = names.map((name) => frame(Buffer.from(name)));
const file = Buffer.concat(frames);
const offsetOf = (index: number) => frames.slice(0, index).reduce((sum, { length }) => sum + length, 0);

test("sound records come one after the other, whatever their number", () => {
  expect(scan(file)).toEqual({ payloads: names, losses: [], lossCount: 0, lostBytes: 0 });
  const many = Array.from({ length: 200_000 }, (_, index) => frame(Buffer.from(`record number ${index}`)));
  expect(scan(Buffer.concat(many)).payloads.length).toBe(200_000); // more than one window
});

describe("damage", () => {
  test("a flipped byte in a payload loses that record", () => {
    const bytes = Buffer.from(file);
    bytes[offsetOf(1) + 13]! ^= 1;
    const { payloads, losses } = scan(bytes);
    expect(payloads).toEqual(["alpha", "gamma", "delta"]);
    expect(losses).toEqual([{ offset: offsetOf(1), bytes: 20, reason: "bad checksum of a record's payload" }]);
  });

  test("a flipped byte in a length loses that record", () => {
    const bytes = Buffer.from(file);
    bytes[offsetOf(1)]! ^= 64;
    const { payloads, losses } = scan(bytes);
    expect(payloads).toEqual(["alpha", "gamma", "delta"]);
    expect(losses).toEqual([{ offset: offsetOf(1), bytes: 20, reason: "bad checksum of a record's length" }]);
  });

  test("bytes cut out of the middle lose the records that they were part of", () => {
    const cut = Buffer.concat([file.subarray(0, offsetOf(1) + 14), file.subarray(offsetOf(2))]);
    const { payloads, losses } = scan(cut);
    expect(payloads).toEqual(["alpha", "gamma", "delta"]);
    expect(losses.length).toBe(1);
  });

  test("foreign bytes between records lose nothing but themselves", () => {
    const { payloads, losses } = scan(Buffer.concat([frames[0]!, Buffer.alloc(5000, 0xab), frames[1]!]));
    expect(payloads).toEqual(["alpha", "beta"]);
    expect(losses).toEqual([{ offset: 21, bytes: 5000, reason: "bad checksum of a record's length" }]);
  });

  test("a record that the end cuts off is lost, and what a later writer appended is found", () => {
    const { payloads, losses } = scan(file.subarray(0, file.length - 3));
    expect(payloads).toEqual(["alpha", "beta", "gamma"]);
    expect(losses).toEqual([{ offset: offsetOf(3), bytes: 18, reason: "truncated: the file ends inside a record" }]);
    const header = frame(Buffer.alloc(1000)).subarray(0, 40);
    expect(scan(Buffer.concat([header, frames[1]!])).payloads).toEqual(["beta"]);
  });

  test("a record over 64 MiB is skipped and reported, what follows is read", () => {
    const length = Buffer.alloc(12);
    length.writeUInt32LE(maxRecordBytes + 1, 0);
    length.writeUInt32LE(maskCrc(crc32c(length, new DataView(length.buffer, length.byteOffset, 12), 0, 8)), 8);
    const total = maxRecordBytes + 17;
    const parts = [frames[0]!, length, frames[1]!];
    const start = frames[0]!.length;
    // A file of which only the interesting parts exist
    const source = {
      read(offset: number, target: Uint8Array) {
        target.fill(0);
        for (const [at, part] of [
          [0, parts[0]!],
          [start, parts[1]!],
          [start + total, parts[2]!],
        ] as const)
          for (let index = 0; index < part.length; index++) {
            const place = at + index - offset;
            if (place >= 0 && place < target.length) target[place] = part[index]!;
          }
        return target.length;
      },
    };
    const scanner = new RecordScanner(source, start + total + parts[2]!.length, arena);
    const found: string[] = [];
    while (scanner.fill())
      while (scanner.next())
        found.push(Buffer.from(arena.bytes.subarray(scanner.payloadStart, scanner.payloadEnd)).toString());
    expect(found).toEqual(["alpha", "beta"]);
    expect(scanner.losses).toEqual([{ offset: start, bytes: total, reason: "a record of more than 64 MiB" }]);
  });

  test("a file that shrinks while it is read loses its end", () => {
    const { payloads, losses } = scan(file, file.length + 100);
    expect(payloads).toEqual([]);
    expect(losses.map(({ reason }) => reason)).toEqual(["the file was cut while it was being read"]);
  });

  test("headers that promise much, one after the other, do not cost their square", () => {
    // 100,000 sound headers of records of half a megabyte, none of which is sound: 50 GB to look at, unless it is given up.
    const header = Buffer.alloc(12);
    header.writeUInt32LE(500_000, 0);
    header.writeUInt32LE(maskCrc(crc32c(header, new DataView(header.buffer, header.byteOffset, 12), 0, 8)), 8);
    const { payloads, lostBytes } = scan(Buffer.concat([Buffer.from([1]), ...Array<Buffer>(100_000).fill(header)]));
    expect({ payloads, lostBytes }).toEqual({ payloads: [], lostBytes: 1_200_001 });
  }, 120_000);

  test("whatever is overwritten, intact records after it are found and all bytes are accounted for", () => {
    const many = Array.from({ length: 40 }, (_, index) =>
      frame(Buffer.from(`record ${index}`.repeat((index % 5) + 1))),
    );
    const whole = Buffer.concat(many);
    const edit = fc.record({ at: fc.nat(whole.length - 1), bytes: fc.uint8Array({ minLength: 1, maxLength: 60 }) });
    fc.assert(
      fc.property(edit, ({ at, bytes }) => {
        const changed = Buffer.from(whole);
        changed.set(bytes.subarray(0, whole.length - at), at);
        const { payloads, lostBytes } = scan(changed);
        let offset = 0;
        const intact = many.filter((each) => {
          const sound = changed.subarray(offset, offset + each.length).equals(each);
          offset += each.length;
          return sound;
        });
        expect(payloads).toEqual(intact.map((each) => each.subarray(12, -4).toString()));
        expect(lostBytes + intact.reduce((sum, { length }) => sum + length, 0)).toBe(whole.length);
      }),
      { numRuns: 500 },
    );
  });
});
