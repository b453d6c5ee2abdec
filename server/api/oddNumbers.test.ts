// Numbers that no one means, in every place that takes one: an answer or a refusal, never a 500 or a stream that breaks off.
import { expect, test } from "bun:test";
import { makeRun, pointsOf } from "../search/testing.ts";
import { streamRoutes } from "./streamRoutes.ts";
import { openTestApi } from "./testing.ts";

const digits = "9".repeat(400);
const numbers = [
  digits,
  `-${digits}`,
  "99999999999999999999",
  "9007199254740993",
  "-9223372036854775809",
  "-1",
  "0",
  "1.0",
];

test("a number of any size is taken or refused", async () => {
  await using api = await openTestApi({ routes: streamRoutes });
  const text = new Map([["data", "x"]]);
  await makeRun(api.store, {
    hash: "r",
    sequences: [
      { name: "m", points: pointsOf(1, 2, 3) },
      { name: "t", dtype: "text", points: pointsOf(text) },
    ],
  });
  const metric = [{ name: "m", context: {} }];
  const texts = [{ name: "t", context: {} }];
  const align = (slice: string) =>
    `{"align_by":"m","runs":[{"run_id":"r","traces":[{"name":"m","context":{},"slice":${slice}}]}]}`;
  for (const n of numbers) {
    const zone = { "x-timezone-offset": n };
    const asked: readonly (readonly [
      method: string,
      path: string,
      body?: unknown,
      headers?: Record<string, string>,
    ])[] = [
      ["GET", `/runs/search/metric?p=${n}`],
      ["GET", `/runs/search/run?limit=${n}`],
      ["GET", `/runs/search/texts?record_density=${n}&index_density=${n}`],
      ["GET", `/runs/search/texts?record_range=${n}:&index_range=:${n}`],
      ["GET", `/runs/search/run?q=run.created_at>datetime(2020,1,1)`, undefined, zone],
      ["GET", `/runs/r/logs?record_range=${n}:${n}`],
      ["POST", `/runs/r/texts/get-step?record_step=${n}`, texts],
      ["POST", `/runs/r/texts/get-batch?record_density=${n}`, texts],
      ["POST", `/runs/r/metric/get-batch?record_density=${n}`, metric],
      ["POST", "/runs/search/metric/align", align(`[${n},${n},1]`)],
      ["POST", "/runs/search/metric/align", align(`[0,9,${n}]`)],
      ["GET", `/experiments/x/runs?limit=${n}`],
      ["GET", "/projects/activity", undefined, zone],
    ];
    for (const [method, path, body, headers] of asked) {
      const response = await api.send(method, `/api/v1/rest${path}`, body, headers);
      const isWhole = await response.bytes().then(
        () => true,
        () => false,
      );
      expect([path, response.status < 500, isWhole]).toEqual([path, true, true]);
    }
  }
});
