// Tensors of every dtype, written by TensorFlow as raw bytes and as lists, against numpy's view of them (dtypes.json).
import { describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Value, ValueMap } from "../../../formats/value.ts";
import { EventLogWriter, eventBytes } from "../../../scripts/bench/eventLog.ts";
import { convertAndRead, pointsOf } from "./readBack.ts";

const fixtures = join(import.meta.dir, "../../../fixtures/tensorboard");
const tensors: { tag: string; step: number; shape: number[]; dtype: string; values: (string | [number, number])[] }[] =
  await Bun.file(join(fixtures, "dtypes.json")).json();
const { runs, report } = await convertAndRead(join(fixtures, "dtypes"));
const run = runs.get("dtypes")!;

/** Python's spelling of a number. */
const number = (text: string) => Number(text.replace("inf", "Infinity").replace("nan", "NaN"));

describe("every dtype, rank and encoding", () => {
  test.each(tensors)("$tag", ({ tag, step, shape, dtype, values }) => {
    const [record] = pointsOf(run, tag);
    expect(record!.step).toBe(BigInt(step));
    if (shape.length === 0 && !dtype.startsWith("complex")) {
      expect(record!.value).toBe(number(values[0] as string));
      return;
    }
    const figure = record!.value as ValueMap;
    const tensor = figure.get("tensor") as ValueMap;
    expect(tensor.get("dtype")).toBe(dtype);
    expect(tensor.get("shape")).toEqual(shape.map(BigInt));
    const [trace] = (figure.get("data") as ValueMap).get("data") as ValueMap[];
    const drawn = (trace!.get("y") ?? trace!.get("z")) as Value[];
    const integer = /int|bool/.test(dtype);
    const wanted = values.map(
      (value): Value => (typeof value === "string" ? (integer ? BigInt(value) : number(value)) : value),
    );
    const rows = dtype.startsWith("complex") ? 1 : (shape.at(-1) ?? 1);
    // A complex number is the pair of its parts
    if (shape.length === 0) expect([drawn] as Value[]).toEqual(wanted);
    else if (shape.length === 1 || dtype.startsWith("complex")) expect(drawn).toEqual(wanted);
    else
      expect(drawn).toEqual(Array.from({ length: shape[0]! }, (_, row) => wanted.slice(row * rows, row * rows + rows)));
  });

  test("nothing was left out", () => {
    expect(report.totals.records).toBe(tensors.length);
    expect(report.runs[0]!.unconverted).toEqual({});
  });
});

describe("made by hand", () => {
  const work = mkdtempSync(join(tmpdir(), "matyan-dtypes-"));
  const field = (id: number, bytes: Uint8Array) => Buffer.concat([varint((id << 3) | 2), varint(bytes.length), bytes]);
  const varint = (value: number | bigint) => {
    const bytes: number[] = [];
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
    return Buffer.from([...bytes, Number(rest)]);
  };
  const tensorOf = (dtype: number, shape: (number | bigint)[], ...rest: Uint8Array[]) => {
    const sizes = shape.map((size) => field(2, Buffer.concat([Buffer.from([8]), varint(size)])));
    return field(8, Buffer.concat([Buffer.from([8, dtype]), field(2, Buffer.concat(sizes)), ...rest]));
  };
  const convertValues = async (...values: Buffer[]) => {
    rmSync(work, { recursive: true, force: true });
    mkdirSync(work, { recursive: true });
    const log = new EventLogWriter(join(work, "a.tfevents"));
    for (const [index, value] of values.entries())
      log.record(
        eventBytes(1.7e9 + index, index, field(5, field(1, Buffer.concat([field(1, Buffer.from("t/x")), value])))),
      );
    log.close();
    const converted = await convertAndRead(work);
    rmSync(work, { recursive: true, force: true });
    return { run: [...converted.runs.values()][0]!, report: converted.report.runs[0]! };
  };

  test("a tensor too large for a line is a numpy file", async () => {
    const raw = new Uint8Array(Float32Array.from({ length: 120_000 }, (_, index) => index / 3).buffer);
    const made = await convertValues(tensorOf(1, [300, 400], field(4, raw)));
    const value = made.run.records[0]!.value as ValueMap;
    const blob = made.run.blobs.get((value.get("s3_key") as string).slice(made.run.hash.length + 1))!;
    expect(Buffer.from(blob.subarray(0, 8)).toString("latin1")).toBe("\x93NUMPY\x01\x00");
    const header = Buffer.from(blob).toString("latin1", 10, 10 + blob[8]! + blob[9]! * 256);
    expect(header).toStartWith("{'descr': '<f4', 'fortran_order': False, 'shape': (300, 400), }");
    expect((10 + header.length) % 64).toBe(0);
    expect(Buffer.from(blob.subarray(10 + header.length)).equals(Buffer.from(raw))).toBe(true);
  });

  test.each([
    ["more bytes than the shape", tensorOf(1, [2], field(4, Buffer.alloc(12)))],
    ["fewer bytes than the shape", tensorOf(1, [2], field(4, Buffer.alloc(4)))],
    ["a scalar of the wrong size", tensorOf(2, [], field(4, Buffer.alloc(4)))],
    ["a size below zero", tensorOf(1, [-1], field(4, Buffer.alloc(4)))],
    ["a shape of 10^15 zeros", tensorOf(1, [10n ** 15n])],
    ["sizes whose product no number holds", tensorOf(1, [2n ** 62n, 2n ** 62n, 2n ** 62n], field(5, Buffer.alloc(4)))],
    ["a type without numbers", tensorOf(21, [])],
  ])("a tensor of %s is counted, not converted", async (_name, value) => {
    const made = await convertValues(value, Buffer.concat([Buffer.from([21]), Buffer.alloc(4)]));
    expect(made.run.records.length).toBe(1);
    expect(Object.values(made.report.unconverted)).toEqual([1]);
  });

  test("steps use all of 64 bits, and decide what is last", async () => {
    rmSync(work, { recursive: true, force: true });
    mkdirSync(work, { recursive: true });
    const log = new EventLogWriter(join(work, "a.tfevents"));
    const steps = [-5n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 62n, -(2n ** 63n), 2n ** 63n - 1n, 7n];
    log.record(eventBytes(1.7e9, 0, field(3, Buffer.from("brain.Event:2"))));
    for (const [index, step] of steps.entries()) {
      const simple = Buffer.alloc(5);
      simple[0] = 21;
      simple.writeFloatLE(index, 1);
      const value = field(5, field(1, Buffer.concat([field(1, Buffer.from("x")), simple])));
      log.record(Buffer.concat([eventBytes(1.7e9, 0, Buffer.alloc(0)), Buffer.from([16]), varint(step), value]));
    }
    log.close();
    const converted = await convertAndRead(work);
    rmSync(work, { recursive: true, force: true });
    const [wide] = converted.runs.values();
    expect(wide!.records.map(({ step }) => step)).toEqual(steps);
    expect(wide!.traces[0]!.get("last_step")).toBe(2n ** 63n - 1n);
    expect(wide!.traces[0]!.get("last")).toBe(5);
  });
});
