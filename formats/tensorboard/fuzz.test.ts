// Mutated event files give points or losses, never a crash, a hang or a line that is no JSON.
import { expect, test } from "bun:test";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseJson } from "../json.ts";
import { crc32c, maskCrc } from "./crc32c.ts";
import { Emitter } from "./emit.ts";
import { RecordScanner } from "./records.ts";
import { purgesFor } from "./restart.ts";
import { RunIndex } from "./runIndex.ts";
import { Arena, frameBytes, memorySource } from "./source.ts";

const fixtures = join(import.meta.dir, "../../fixtures/tensorboard");
const arena = new Arena();
const seeds: Buffer[] = [];
for (const name of readdirSync(fixtures, { recursive: true, encoding: "utf8" }).sort()) {
  const path = join(fixtures, name);
  if (name.includes("tfevents") && statSync(path).size > 0 && statSync(path).size < 4_000)
    seeds.push(Buffer.from(await Bun.file(path).arrayBuffer()));
}

/** Both passes over a file in memory. Returns how many points came out. */
function convertBytes(file: Uint8Array): number {
  const index = new RunIndex(arena, ["fuzz"]);
  index.beginFile();
  const scanner = new RecordScanner(memorySource(file), file.length, arena);
  const spans: number[] = [];
  while (scanner.fill())
    while (scanner.next()) {
      const reason = index.add(scanner.payloadStart, scanner.payloadEnd);
      if (reason !== undefined) scanner.reject(reason);
      else spans.push(scanner.offset, scanner.offset + scanner.payloadEnd - scanner.payloadStart + frameBytes);
    }
  const sound = spans.reduce((sum, at, place) => sum + (place % 2 === 0 ? -at : at), 0);
  expect(sound + scanner.lostBytes).toBe(file.length);
  const plan = index.plan();
  for (const record of index.attributes().values()) expect(record).toBeDefined();
  const emitter = new Emitter(plan, arena);
  arena.bytes.set(file);
  const { all, byTag } = index.restarts;
  const purgesOfTag = new Map([...byTag].map(([tag, purges]) => [tag, purgesFor(purges, 0, index.events)]));
  expect(emitter.emit({ spans, position: 0, purges: purgesFor(all, 0, index.events), purgesOfTag })).toBe(true);
  const { lines, tally } = emitter.take();
  const text = Buffer.from(lines).toString();
  const each = text === "" ? [] : text.slice(0, -1).split("\n");
  expect(each.length).toBe(tally.records);
  for (const line of each) parseJson(line);
  return each.length;
}

/** A generator of numbers from 0 to below `bound`, the same each time. */
function dice(seed: number): (bound: number) => number {
  let state = seed >>> 0 || 1;
  return (bound) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % bound;
  };
}

function mutate(source: Buffer, roll: (bound: number) => number): Buffer {
  let bytes = Buffer.from(source);
  for (let count = 1 + roll(4); count > 0 && bytes.length > 0; count--) {
    const at = roll(bytes.length);
    const length = 1 + roll(Math.min(40, bytes.length - at));
    switch (roll(6)) {
      case 0:
        bytes[at]! ^= 1 << roll(8);
        break;
      case 1:
        bytes[at] = [0, 1, 127, 128, 255, 10, 42][roll(7)]!;
        break;
      case 2:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
        break;
      case 3:
        bytes = Buffer.concat([
          bytes.subarray(0, at + length),
          bytes.subarray(at, at + length),
          bytes.subarray(at + length),
        ]);
        break;
      case 4:
        for (let index = at; index < at + length; index++) bytes[index] = roll(256);
        break;
      default: {
        const from = roll(bytes.length);
        bytes.copy(bytes, at, from, Math.min(from + length, bytes.length));
      }
    }
  }
  return bytes;
}

/** Cuts a sound file into payloads. */
function payloadsOf(file: Buffer): Buffer[] {
  const payloads: Buffer[] = [];
  for (let at = 0; at + 12 <= file.length; ) {
    const end = at + 12 + file.readUInt32LE(at);
    payloads.push(file.subarray(at + 12, end));
    at = end + 4;
  }
  return payloads;
}

function frame(payload: Buffer): Buffer {
  const bytes = Buffer.alloc(payload.length + frameBytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  bytes.writeUInt32LE(payload.length, 0);
  bytes.writeUInt32LE(maskCrc(crc32c(bytes, view, 0, 8)), 8);
  payload.copy(bytes, 12);
  bytes.writeUInt32LE(maskCrc(crc32c(bytes, view, 12, 12 + payload.length)), 12 + payload.length);
  return bytes;
}

test("the unmutated files do come through", () => {
  const points = seeds.map(convertBytes).reduce((sum, count) => sum + count, 0);
  expect(points).toBeGreaterThan(500);
});

test("6,000 files with changed bytes", () => {
  for (let seed = 1; seed <= 6_000; seed++) {
    const roll = dice(seed * 2654435761);
    convertBytes(mutate(seeds[roll(seeds.length)]!, roll));
  }
}, 60_000);

test("6,000 files whose events are changed under right checksums", () => {
  let points = 0;
  for (let seed = 1; seed <= 6_000; seed++) {
    const roll = dice(seed * 40503);
    const file = seeds[roll(seeds.length)]!;
    const payloads = payloadsOf(file);
    const chosen = roll(payloads.length);
    points += convertBytes(
      Buffer.concat(
        payloads.map((payload, index) => frame(index === chosen || roll(4) === 0 ? mutate(payload, roll) : payload)),
      ),
    );
  }
  expect(points).toBeGreaterThan(6_000);
}, 60_000);
