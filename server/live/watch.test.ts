// What a serving process remembers of its last minutes, under a clock that the test sets.
import { expect, test } from "bun:test";
import { LiveWatch } from "./watch.ts";

function watchAt(start: number) {
  const clock = { now: start };
  return { clock, watch: new LiveWatch(() => clock.now) };
}

const route = "GET /api/v1/rest/runs/search/run/";

test("the ten slowest queries are told, the slowest first", () => {
  const { watch } = watchAt(1_000_000);
  for (let i = 0; i < 1_000; i++) watch.query({ seconds: ((i * 7_919) % 1_000) / 1_000, route, text: `q${i}` });
  const { queries, seconds } = watch.last.slow;
  expect(seconds).toBe(900);
  expect(queries.map((query) => query.seconds)).toEqual(
    [999, 998, 997, 996, 995, 994, 993, 992, 991, 990].map((ms) => ms / 1_000),
  );
});

test("queries and errors are forgotten after fifteen minutes, the newer ones stay", () => {
  const { watch, clock } = watchAt(1_000_000);
  watch.query({ seconds: 9, route, text: "old" });
  watch.error("frontier", "old");
  clock.now += 600;
  watch.query({ seconds: 1, route, text: "new" });
  watch.error(route, "new");
  expect(watch.last.slow.queries.map(({ text }) => text)).toEqual(["old", "new"]);
  expect(watch.last.errors.count).toBe(2);
  clock.now += 400;
  expect(watch.last.slow.queries.map(({ text }) => text)).toEqual(["new"]);
  expect(watch.last.errors).toMatchObject({ count: 1, recent: [{ at: 1_000_600, where: route, text: "new" }] });
  clock.now += 100_000;
  expect(watch.last.slow.queries).toEqual([]);
  expect(watch.last.errors).toMatchObject({ count: 0, recent: [] });
});

test("all errors are counted, the newest are kept, and texts have a bound", () => {
  const { watch } = watchAt(1_000_000);
  for (let i = 0; i < 5_000; i++) watch.error("frontier", `${i} ${"x".repeat(10_000)}`);
  const { count, recent } = watch.last.errors;
  expect(count).toBe(5_000);
  expect(recent.length).toBe(20);
  expect(recent[0]!.text).toStartWith("4999 ");
  expect(recent.every(({ text }) => text.length === 500)).toBe(true);
  watch.query({ seconds: 1, route, text: "y".repeat(10_000) });
  expect(watch.last.slow.queries[0]!.text.length).toBe(500);
});

test("however long it runs and wherever the clock jumps, only what is near is kept", () => {
  const { watch, clock } = watchAt(1_000_000);
  for (let i = 0; i < 20_000; i++) {
    clock.now += i % 500 === 0 ? -100_000 : i % 501 === 0 ? 200_000 : 7;
    watch.query({ seconds: i, route, text: "" });
    watch.error("frontier", "e");
  }
  const { slow, errors } = watch.last;
  expect(slow.queries.length).toBe(10);
  expect(slow.queries.every(({ at }) => Math.abs(at - clock.now) < 2 * 900)).toBe(true);
  // A quarter of an hour has 129 steps of seven seconds.
  expect(errors.count).toBeLessThan(2 * 129);
});

test("points are values of metrics and objects, messages are all", () => {
  const { watch } = watchAt(0);
  for (const type of ["create_run", "log_metric", "log_metric", "log_custom_object", "log_terminal_line", "finish_run"])
    watch.message(type);
  expect(watch.received).toEqual({ points: 3, messages: 6 });
});
