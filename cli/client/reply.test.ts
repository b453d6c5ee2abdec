// Replies of frontiers, ours and the existing one's.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { describeRefused, errorReply, okReply } from "../../server/frontier/replies.ts";
import { readReply } from "./reply.ts";

test("what our frontier writes of refused items is read back, whatever the reasons are", () => {
  const reason = fc
    .string({ minLength: 1, maxLength: 40, unit: "grapheme" })
    .filter((text) => !/\nitem \d+: /.test(text));
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 100 }),
      fc.array(fc.tuple(fc.nat(99), reason), { minLength: 1 }),
      (count, all) => {
        const reasons = new Map(all.map(([index, text]) => [index % count, text] as const));
        const refused = [...reasons].map(([index, text]) => ({ index, reason: text }));
        const verdict = readReply(errorReply(describeRefused(refused, count), 100_000), count);
        expect(verdict.kind).toBe("refused");
        if (verdict.kind === "refused") expect(new Map(verdict.reasons)).toEqual(reasons);
      },
    ),
  );
});

test("a reply that was cut off, or that is about another number of items, is unclear", () => {
  const refused = Array.from({ length: 50 }, (_, index) => ({ index, reason: "wrong ".repeat(20) }));
  expect(readReply(errorReply(describeRefused(refused, 60), 1_000), 60).kind).toBe("unclear");
  expect(readReply(errorReply(describeRefused(refused, 60), 100_000), 61).kind).toBe("unclear");
  expect(readReply(errorReply(describeRefused(refused, 60), 100_000), 10).kind).toBe("unclear");
});

test("one item is refused with the whole text, a broker's failure is no refusal", () => {
  expect(readReply(okReply, 5)).toEqual({ kind: "ok" });
  const report = "1 validation error for x\nlog_metric.step\n  Field required";
  expect(readReply(errorReply(report, 1_000), 1)).toEqual({ kind: "refused", reasons: new Map([[0, report]]) });
  expect(readReply('{"status": "error", "error": "internal publish error"}', 1).kind).toBe("failed");
  for (const nonsense of ["hello", "[]", '{"status":"fine"}', "", new Uint8Array(3)])
    expect(readReply(nonsense, 1).kind).toBe("nonsense");
});
