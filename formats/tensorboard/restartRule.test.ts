import { expect, test } from "bun:test";
import fc from "fast-check";
import { isPurged, purgesFor, RestartRule } from "./restart.ts";

interface Step {
  readonly kind: "value" | "start" | "version";
  readonly tags: readonly number[];
  readonly step: number;
}

/** TensorBoard's own way: lists of values from which purges take away. */
function naive(events: readonly Step[]): string[] {
  let kept: { position: number; tag: number; step: number }[] = [];
  let modern = false;
  let highest = -1;
  for (const [position, { kind, tags, step }] of events.entries()) {
    if (kind === "version") modern = true;
    if (kind === "start" && modern) kept = kept.filter((value) => value.step < step);
    if (kind !== "value") continue;
    if (!modern && step < highest) kept = kept.filter((value) => !tags.includes(value.tag) || value.step < step);
    else highest = step;
    for (const tag of tags) kept.push({ position, tag, step });
  }
  return kept.map(({ position, tag }) => `${position}:${tag}`).sort();
}

test("what the compact lists say is what TensorBoard's lists of values say, in units of any size", () => {
  const event = fc.record({
    kind: fc.constantFrom("value", "value", "value", "value", "start", "version") as fc.Arbitrary<Step["kind"]>,
    tags: fc.uniqueArray(fc.nat(3), { minLength: 1, maxLength: 3 }),
    step: fc.nat(12),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), fc.integer({ min: 1, max: 20 }), (events, unit) => {
      const rule = new RestartRule();
      for (const [position, { kind, tags, step }] of events.entries()) {
        if (kind === "version") rule.fileVersion("brain.Event:2");
        if (kind === "start") rule.start(position, step);
        if (kind !== "value") continue;
        const outOfOrder = rule.summary(step);
        for (const tag of tags) {
          if (outOfOrder) rule.outOfOrder(tag, position, step);
          rule.value(tag, step);
        }
      }
      const kept: string[] = [];
      for (let first = 0; first < events.length; first += unit) {
        const end = Math.min(first + unit, events.length);
        const all = purgesFor(rule.all, first, end);
        for (let position = first; position < end; position++) {
          const { kind, tags, step } = events[position]!;
          for (const tag of kind === "value" ? tags : []) {
            const own = rule.byTag.get(tag);
            const dropped =
              isPurged(all, position, step) ||
              (own !== undefined && isPurged(purgesFor(own, first, end), position, step));
            if (!dropped) kept.push(`${position}:${tag}`);
          }
        }
      }
      expect(kept.sort()).toEqual(naive(events));
    }),
    { numRuns: 5_000 },
  );
});

test("lists stay short where nothing is dropped", () => {
  const rule = new RestartRule();
  // Two tags that count at different paces: out of order all the time, and never obsolete.
  for (let step = 0; step < 10_000; step++) {
    for (const [tag, own] of [
      [0, step],
      [1, step + 100],
    ] as const) {
      if (rule.summary(own)) rule.outOfOrder(tag, step * 2 + tag, own);
      rule.value(tag, own);
    }
  }
  expect([...rule.byTag.values()].reduce((sum, { positions }) => sum + positions.length, 0)).toBe(0);
});
