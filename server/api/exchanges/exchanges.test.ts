// The recorded exchanges of the existing backend, asked again over the recorded messages: equal, or listed in
// fixtures/exchanges/differences.md with the reason why ours is right.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readDump } from "../../store/testing.ts";
import { type Difference, shown } from "./compare.ts";
import { amendments } from "./differences.ts";
import { type Exchange, fixtures } from "./recording.ts";
import { Replay } from "./replay.ts";
import { storeDifferences, storeRules } from "./storeDifferences.ts";

let replay: Replay;
let failures: string[];

beforeAll(async () => {
  replay = await Replay.open();
  failures = [];
  for (const exchange of replay.exchanges) {
    const found = await replay.step(exchange);
    if (found.length > 0) failures.push(failureOf(exchange, found));
  }
}, 60_000);

afterAll(() => replay[Symbol.asyncDispose]());

function failureOf({ n, group, request }: Exchange, [first, ...others]: readonly Difference[]): string {
  const path = decodeURIComponent(request?.path ?? "");
  const more = others.length === 0 ? "" : ` (and ${others.length} more)`;
  return `${n} ${group} ${request?.method} ${path}: ${first!.path}: ${shown(first!.theirs)} -> ${shown(first!.ours)}${more}`;
}

test("every recorded request has its recorded answer, or the right one", () => {
  expect(failures).toEqual([]);
  expect(replay.exchanges.length).toBe(771);
});

test("only the two lines that are no messages, and one of an unknown type, are not taken", () => {
  expect(replay.refused.map(({ line }) => line.slice(0, 30))).toEqual([
    '{"type":"no_such_type","run_id',
    '{"type":"log_metric","run_id":',
    "not json at all",
  ]);
});

test("the store holds at the end what the recorded one holds, or what is right", async () => {
  const recorded = await readDump(`${fixtures}dump_after.jsonl.gz`);
  const { unexplained, used } = await storeDifferences(recorded, replay.world.store, replay.ids.toOurs);
  expect(unexplained).toEqual([]);
  expect([...used].filter(([, count]) => count === 0)).toEqual([]);
});

test("every difference is needed, and listed with its reason", async () => {
  expect([...replay.used].filter(([, count]) => count === 0)).toEqual([]);
  const text = await Bun.file(`${fixtures}differences.md`).text();
  const names = [...amendments, ...storeRules].map(({ name }) => name.split(":")[0]!);
  expect(names.filter((name) => !text.includes(`**${name}**`))).toEqual([]);
});
