// Frames against the published models of the existing system: 746 frames with what its own validation made of each.
import { expect, test } from "bun:test";
import { gunzipSync } from "bun";
import { parseJson } from "../json.ts";
import { isMap, mapOf, type Value } from "../value.ts";
import { compact, formatEnvelope, parseFrame, parseMessage } from "./index.ts";

const context = { runId: "run", timestamp: 1748772000.25 };

function only(text: string) {
  const frame = parseFrame(text, context);
  if (!("items" in frame)) throw new Error(frame.error);
  expect(frame.items.length).toBe(1);
  return frame.items[0]!;
}

const recorded = new TextDecoder()
  .decode(gunzipSync(await Bun.file("fixtures/exchanges/messages-frames.jsonl.gz").bytes()))
  .trimEnd()
  .split("\n")
  .map((line) => {
    const entry = JSON.parse(line) as { frame: string; ok?: string; error?: string };
    return entry;
  });

/** Where a lone surrogate is mended, and a run's finish keeps its time: on purpose unlike the models. */
const isOurs = (frame: string) => frame.includes("\\ud800");

test("every frame is taken or refused as the published models do, with the same report", () => {
  let refused = 0;
  for (const { frame, error } of recorded) {
    if (isOurs(frame)) continue;
    const item = only(frame);
    expect([frame, item.ok ? undefined : item.error]).toEqual([frame, error]);
    if (!item.ok) refused++;
  }
  expect(refused).toBeGreaterThan(300);
});

test("what is taken is coerced as the published models do", () => {
  for (const { frame, ok } of recorded) {
    if (ok === undefined || isOurs(frame)) continue;
    const item = only(frame);
    const expected = parseJson(ok);
    if (!item.ok || !isMap(expected)) throw new Error(frame);
    for (const [name, value] of item.message.payload)
      expect([frame, name, value] as unknown[]).toEqual([frame, name, expected.get(name)] as unknown[]);
    for (const [name, value] of expected)
      if (value !== null) expect([frame, item.message.payload.has(name)] as unknown[]).toEqual([frame, true]);
  }
});

test("lone surrogates are mended, so that the message can be stored", () => {
  const item = only('{"type":"log_hparams","value":{"a\\ud800":["x\\udfff",{"b":"\\ud83d\\ude00"}]}}');
  expect(item.ok && item.message.payload).toEqual(
    mapOf({ value: new Map<string, Value>([["a\ufffd", ["x\ufffd", mapOf({ b: "😀" })]]]) }),
  );
});

test("each item of a frame stands for itself", () => {
  const good = '{"type":"add_tag","tag_name":"a"}';
  const frame = parseFrame(`[${good},{"type":"log_terminal_line","line":1,"step":0},5,null,[],${good}]`, context);
  if (!("items" in frame)) throw new Error(frame.error);
  expect(frame.items.map((item) => item.ok)).toEqual([true, false, false, false, false, true]);
  const errors = frame.items.flatMap((item) => (item.ok ? [] : [item]));
  expect(errors.map(({ index }) => index)).toEqual([1, 2, 3, 4]);
  expect(errors[0]!.error).toContain("log_terminal_line.line");
  expect(errors[1]!.error).toContain("input_value=5");
  expect(parseFrame("[]", context)).toEqual({ items: [] });
});

test("a frame that is not JSON, or no object, has one error", () => {
  for (const text of ["", "{", "5", '"x"', "null", "[1", "nope"])
    expect(parseFrame(text, context)).toHaveProperty("error");
  expect(parseFrame(new TextEncoder().encode('[{"type":"finish_run"}]'), context)).toHaveProperty("items");
  expect(parseFrame(Uint8Array.of(0xff, 0xfe), context)).toHaveProperty("error");
});

test("the run of the socket and the time of arrival are those of the message", () => {
  const item = only('{"type":"finish_run","run_id":"other","timestamp":5,"project_id":"00000000"}');
  expect(item).toEqual({ ok: true, message: { type: "finish_run", ...context, payload: new Map() } });
});

test("the client's time is kept wherever it is sent, and its forms are one", () => {
  const payloadOf = (text: string) => {
    const item = only(text);
    if (!item.ok) throw new Error(item.error);
    return compact(item.message.payload);
  };
  expect(payloadOf('{"type":"finish_run","client_datetime":"2025-06-01T10:05:00.500000Z"}')).toBe(
    '{"client_datetime":"2025-06-01T10:05:00.500000+00:00"}',
  );
  expect(payloadOf('{"type":"finish_run","client_datetime":"yesterday"}')).toBe("{}");
  expect(payloadOf('{"type":"log_custom_object","name":"x","value":{},"client_datetime":"2025-06-01T10:00:00Z"}')).toBe(
    '{"name":"x","value":{},"step":null,"epoch":null,"context":null,"dtype":"custom","client_datetime":"2025-06-01T10:00:00+00:00"}',
  );
});

test("what the models don't know is taken where it can be used, and refuses nothing", () => {
  const payloadOf = (text: string) => {
    const item = only(text);
    if (!item.ok) throw new Error(item.error);
    return compact(item.message.payload);
  };
  const create = '"type":"create_run","client_datetime":"2025-06-01T10:00:00+00:00"';
  const created = '"client_datetime":"2025-06-01T10:00:00+00:00","force_resume":false';
  expect(payloadOf(`{${create},"created_at":1500000000.1}`)).toBe(`{${created},"created_at":1500000000.1}`);
  expect(payloadOf(`{${create},"created_at":"long ago"}`)).toBe(`{${created}}`);
  const record = '"message":"m","level":20,"timestamp":1.5';
  expect(payloadOf(`{"type":"log_record",${record},"step":3}`)).toBe(`{${record},"step":3}`);
  expect(payloadOf(`{"type":"log_record",${record},"step":{}}`)).toBe(`{${record}}`);
});

test("a blob is named by s3_key or blob_key", () => {
  for (const [members, key] of [
    ['"s3_key":"r/a"', "r/a"],
    ['"blob_key":"r/b"', "r/b"],
    ['"s3_key":"r/a","blob_key":"r/b"', "r/a"],
  ]) {
    const item = only(`{"type":"blob_ref","artifact_path":"a",${members}}`);
    expect(item.ok && item.message.payload.get("s3_key")).toBe(key!);
  }
  expect(only('{"type":"blob_ref","artifact_path":"a"}')).toHaveProperty(
    "error",
    expect.stringContaining("blob_ref.s3_key"),
  );
});

test("the fast path for metrics gives what the plain path gives", () => {
  const members =
    '"type":"log_metric","run_id":"r","name":"loss","value":NaN,"step":3,"epoch":null,"context":{"subset":"train"},"dtype":"float"';
  const times = ["2025-06-01T10:00:00.123456+00:00", "2025-06-01T10:00:00+00:00", "2025-06-01T10:00:00.000000+00:00"];
  for (const time of times) {
    const fast = only(`{${members},"client_datetime":"${time}"}`);
    const plain = only(`{${members},"client_datetime":"${time}","extra":1}`);
    if (!fast.ok || !plain.ok) throw new Error("refused");
    expect(formatEnvelope(fast.message)).toBe(formatEnvelope(plain.message));
    expect(parseMessage(formatEnvelope(fast.message))).toEqual(fast.message);
  }
});
