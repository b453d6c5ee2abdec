// `matyan ingest` as a process: into a store, through a frontier, what is refused, and what happens when nobody answers.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openTestFrontier } from "../../server/frontier/testing.ts";
import { contentsOf } from "../../server/store/testing.ts";
import { storeOf } from "../../server/workers/testing.ts";
import { runMatyan } from "../testing.ts";

const root = join(import.meta.dir, "../..");
const messages = join(root, "fixtures/exchanges/messages.jsonl.gz");
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "matyan-cli-ingest-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const matyan = (args: readonly string[], stdin?: string | Uint8Array) =>
  runMatyan(args, { cwd: folder, stdin: typeof stdin === "string" ? Buffer.from(stdin) : stdin });

const line = (type: string, payload: string, run = "run1") =>
  `{"type":"${type}","run_id":"${run}","timestamp":"2025-06-01T10:00:00Z","payload":${payload}}`;
const story = [
  line("create_run", '{"client_datetime":"2025-06-01T09:59:59+00:00"}'),
  "",
  line("log_metric", '{"name":"loss","value":0.5,"step":0}'),
  line("log_metric", '{"name":"loss","value":"high","step":1}'),
  "no message",
  line("log_metric", '{"name":"loss","value":0.25,"step":2}'),
].join("\n");

test("recorded messages go into the store, what is none is named, and doing it again changes nothing", async () => {
  const first = await matyan(["ingest", messages, "--data", "a"]);
  expect(first).toMatchObject({ code: 1, out: "10,777 messages applied, 3 refused.\n" });
  // Slow machines also get lines of progress.
  expect(first.err.split("\n").filter((line) => line.startsWith("warning: "))).toEqual([
    "warning: line 10493: the message type 'no_such_type' is not known",
    expect.stringContaining("line 10494: the member 'timestamp' of a message must be a moment"),
    expect.stringContaining("line 10495: not JSON"),
  ]);
  const before = (await matyan(["inspect", "runs", "--data", "a"])).out;
  expect((await matyan(["ingest", messages, "--data", "a", "--quiet"])).out).toBe("");
  expect((await matyan(["inspect", "runs", "--data", "a"])).out === before).toBe(true);
}, 60_000);

test("lines from standard input: blank ones are skipped, bad ones named, with --json as documents", async () => {
  const { out, err, code } = await matyan(["ingest", "--data", "b", "--json"], story);
  expect(code).toBe(1);
  expect(err).toContain("line 4: log_metric.value: Input should be a valid number");
  const documents = out
    .trim()
    .split("\n")
    .map((text) => JSON.parse(text) as Record<string, unknown>);
  expect(documents).toMatchObject([
    { type: "refused", line: 4, message: "log_metric", run: "run1" },
    { type: "refused", line: 5, message: null, run: null },
    { type: "summary", applied: 3, refused: 2, skipped: 1 },
  ]);
  const again = await matyan(["ingest", "-", "--data", "b"], story.split("\n").slice(0, 3).join("\n"));
  expect(again).toEqual({ code: 0, err: "", out: "2 messages applied, 0 refused, 1 blank line skipped.\n" });
});

test("through a frontier the same lines are stored and the same are refused", async () => {
  await using server = await openTestFrontier();
  const { out, err, code } = await matyan(["ingest", "--url", server.address], `${story}\n${line("delete_run", "{}")}`);
  expect([code, out]).toEqual([1, "3 messages applied, 3 refused, 1 blank line skipped.\n"]);
  expect(err).toContain("line 4: 1 validation error for ");
  expect(err).toContain("log_metric.value");
  expect(err).toContain("line 5: not JSON");
  expect(err).toContain("line 7: a frontier takes no deletes");
  expect((await server.metaOf("run1"))?.get("client_start_ts")).toBe(1_748_771_999);
  const stored = await contentsOf(server.store);
  expect([...stored.keys()].filter((key) => key.includes(Buffer.from("loss").toHex())).length).toBeGreaterThan(3);
});

test("the recorded messages through a frontier give the recorded points", async () => {
  await using server = await openTestFrontier();
  const { out, err } = await matyan(["ingest", messages, "--url", server.address]);
  // The two lists of images are for workers only, and deleting is the API's.
  expect(out).toBe("10,774 messages applied, 6 refused.\n");
  expect(err.match(/warning/g)?.length).toBe(6);
  const direct = await storeOf(messages);
  const points = async (store: typeof direct) =>
    [...(await contentsOf(store))].filter(([key]) => key.startsWith("runs ") && key.includes("0276616c00"));
  const deleted = Buffer.from("3354156069846f40967306388a87db79").toHex();
  const sent = new Map((await points(server.store)).filter(([key]) => !key.includes(deleted)));
  const applied = (await points(direct)).filter(([key]) => !key.includes(Buffer.from("batch").toHex()));
  expect(applied.length).toBeGreaterThan(10_000);
  expect(applied.filter(([key, value]) => sent.get(key) !== value).length).toBe(0);
  expect(sent.size).toBe(applied.length);
}, 60_000);

test("a file that is not there and a frontier that does not answer are errors with a way out", async () => {
  const missing = await matyan(["ingest", "nothing.jsonl", "--data", "c"]);
  expect(missing).toMatchObject({ code: 1, out: "" });
  expect(missing.err).toContain("there is no file nothing.jsonl");
  const wrong = await matyan(["ingest", "--url", "nowhere"], story);
  expect(wrong).toMatchObject({ code: 2, out: "" });
});

test("a folder, and a gzip that is cut short, are errors with a way out", async () => {
  expect(await matyan(["ingest", ".", "--data", "odd"])).toMatchObject({
    code: 2,
    err: expect.stringContaining("folder"),
  });
  const whole = await Bun.file(messages).bytes();
  const cut = await matyan(["ingest", "-", "--data", "odd"], whole.subarray(0, whole.length >> 1));
  expect(cut).toMatchObject({ code: 1, err: expect.stringContaining("cut short") });
});
