// Any messages, applied in any batches and again from anywhere on, come to the same bytes.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { compact, formatTimestamp, type IngestMessage } from "../../formats/messages/index.ts";
import type { Store } from "../store/index.ts";
import { contentsOf, memoryStore } from "../store/testing.ts";
import { applyMessages } from "./apply.ts";
import { messageOf, noBlobs } from "./testing.ts";

const runIds = ["a", "b"];
const small = fc.integer({ min: 0, max: 4 });
const step = fc.oneof({ weight: 3, arbitrary: small }, { weight: 1, arbitrary: fc.constant(null) });
const number = fc.constantFrom("0.5", "1.5", "-2.0", "NaN", "Infinity", "null", "3");
const name = fc.constantFrom("loss", "acc");
const context = fc.constantFrom("null", "{}", '{"subset":"val"}');
const time = fc.option(small.map((seconds) => formatTimestamp(1_748_772_000 + 10 * seconds)));
const clock = (seconds: string | null) => (seconds === null ? "" : `,"client_datetime":"${seconds}"`);
const tree = fc.constantFrom(
  '{"hparams":{"lr":0.1,"n":2}}',
  '{"hparams":{"lr":1}}',
  '{"hparams":{"lr":{"x":"y"}}}',
  '{"hparams":{}}',
  '{"hparams":{"l":[1,[]]},"other":5}',
  '{"other":{"deep":{"er":null}}}',
  "{}",
);

const bodies = fc.oneof(
  fc.tuple(time, fc.boolean()).map(([at, resume]) => ["create_run", `{"force_resume":${resume}${clock(at)}}`]),
  time.map((at) => ["finish_run", `{"x":1${clock(at)}}`]),
  fc
    .tuple(name, number, step, fc.option(small), context, time)
    .map(([n, v, s, e, c, at]) => [
      "log_metric",
      `{"name":"${n}","value":${v},"step":${s},"epoch":${e},"context":${c},"dtype":"float"${clock(at)}}`,
    ]),
  fc
    .tuple(name, step, time)
    .map(([n, s, at]) => [
      "log_custom_object",
      `{"name":"${n}","value":{"type":"text","data":"${n}"},"step":${s}${clock(at)}}`,
    ]),
  fc.tuple(small, small).map(([s, text]) => ["log_terminal_line", `{"line":"line ${text % 2}","step":${s}}`]),
  small.map((n) => ["log_record", `{"message":"m${n}","level":20,"timestamp":${n}.5}`]),
  tree.map((value) => ["log_hparams", `{"value":${value}}`]),
  small.map((n) => [
    "set_run_property",
    `{"name":"name ${n % 2}","archived":${n % 3 === 0},"experiment":"<run> e${n % 2}"}`,
  ]),
  fc
    .tuple(fc.constantFrom("add_tag", "remove_tag"), small)
    .map(([type, n]) => [type, `{"tag_name":"<run> t${n % 2}"}`]),
  small.map((n) => ["blob_ref", `{"s3_key":"k${n % 2}","artifact_path":"p/${n}"}`]),
  fc.constant(["bad_type", "{}"]),
);
const deletes = fc.constant(["delete_run", "{}"]);

/** Names of tags and experiments differ by run: which of two runs makes a shared one is up to the batching. */
const events = fc.array(
  fc.tuple(fc.constantFrom(...runIds), fc.oneof({ weight: 60, arbitrary: bodies }, { weight: 1, arbitrary: deletes })),
  { maxLength: 40 },
);
/** A finish of a run that was never made is refused, and taken once the run was made after it: clients make runs first. */
const stories = fc
  .tuple(fc.boolean(), events)
  .map(([timed, rest]) =>
    [
      ...runIds.map((runId) => [runId, ["create_run", timed ? '{"client_datetime":1748772000}' : "{}"]] as const),
      ...rest,
    ].map(
      ([runId, [type, payload]], i): IngestMessage =>
        messageOf(type!, payload!.replaceAll("<run>", runId), runId, 1_748_772_000 + i),
    ),
  );

async function apply(store: Store, messages: readonly IngestMessage[], batch: number): Promise<void> {
  const bounds = { messages: batch, bytes: 4_000_000 };
  for (let at = 0; at < messages.length; at += batch)
    await applyMessages(store, noBlobs(), messages.slice(at, at + batch), { bounds });
}

test("messages applied again in order, from any point on, change nothing", async () => {
  await fc.assert(
    fc.asyncProperty(stories, fc.nat(), async (story, cut) => {
      const store = await memoryStore();
      await apply(store, story, story.length);
      const before = await contentsOf(store);
      await apply(store, story.slice(cut % story.length), story.length);
      expect(await contentsOf(store)).toEqual(before);
    }),
    { numRuns: 150 },
  );
}, 60_000);

test("a consumer that stopped anywhere and starts again from any earlier point comes to the same store", async () => {
  await fc.assert(
    fc.asyncProperty(stories, fc.nat(), fc.nat(), fc.integer({ min: 1, max: 40 }), async (story, stop, back, batch) => {
      const [straight, restarted] = [await memoryStore(), await memoryStore()];
      await apply(straight, story, story.length);
      const stopped = stop % (story.length + 1);
      await apply(restarted, story.slice(0, stopped), batch);
      await apply(restarted, story.slice(stopped === 0 ? 0 : back % stopped), batch);
      expect(await contentsOf(restarted)).toEqual(await contentsOf(straight));
    }),
    { numRuns: 150 },
  );
}, 60_000);

test("a frame that is sent again right away, and so arrives at another time, changes nothing", async () => {
  const timed = stories.map((story) =>
    // What real clients send: points and sessions carry the client's time, objects and metrics their step.
    story.filter(({ type, payload }) =>
      ["create_run", "finish_run", "log_metric"].includes(type)
        ? payload.has("client_datetime")
        : type !== "log_custom_object" || (payload.get("step") !== null && payload.has("client_datetime")),
    ),
  );
  await fc.assert(
    fc.asyncProperty(timed, async (story) => {
      const store = await memoryStore();
      for (const message of story) {
        await applyMessages(store, noBlobs(), [message]);
        const before = await contentsOf(store);
        await applyMessages(store, noBlobs(), [{ ...message, timestamp: message.timestamp + 20 }]);
        if (!Bun.deepEquals(await contentsOf(store), before))
          throw new Error(`${message.type} ${compact(message.payload)}`);
      }
    }),
    { numRuns: 60 },
  );
}, 60_000);
