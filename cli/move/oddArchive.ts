// Test support: an archive of values of all kinds, as no recorded one has them.
import { createArchive } from "../../formats/archive/index.ts";
import { contextId } from "../../formats/context.ts";
import { isMap, mapOf, type Value } from "../../formats/value.ts";
import { newFolder } from "../../server/archive/testing.ts";

export const odd = "0ddba11".padEnd(32, "0");
const calm = "2".repeat(32);

/** Values, steps and contexts of all kinds in an archived run, and one that is under way. */
export async function oddArchive(): Promise<string> {
  await using archive = await createArchive({ out: await newFolder(), kind: "backup", durable: false });
  const run = await archive.run(odd);
  const meta = { name: "odd", description: "one", created_at: 1_700_000_000.730_663_1, finalized_at: 1_700_000_008 };
  await run.json("run.json", mapOf({ ...meta, is_archived: true, active: false, experiment_id: "e1" }));
  await run.json("attrs.json", mapOf({ hparams: mapOf({ lr: 1, n: 1n, deep: mapOf({ a: [] }) }), seed: 2n ** 60n }));
  const train = mapOf({ subset: "train", fold: 1 });
  await run.json(
    "contexts.json",
    new Map([
      ["0", new Map()],
      [String(contextId(train)), train],
    ]),
  );
  const sink = run.records();
  const traces = new Map<string, ReturnType<typeof mapOf>>();
  const point = (name: string, dtype: string, step: bigint, value: Value, context = 0) => {
    const isLog = dtype === "logs" || dtype === "log_records";
    sink.write({
      contextId: context,
      name,
      step,
      value,
      ...(isLog ? {} : { epoch: step }),
      time: 1_700_000_000.123_456,
    });
    const known = traces.get(name)?.get("last_step");
    if (typeof known === "bigint" && known > step) return;
    const last = isMap(value) || typeof value === "string" ? 0 : value;
    traces.set(name, mapOf({ name, context_id: BigInt(context), dtype, last, last_step: step }));
  };
  for (const [i, value] of [0.1, Number.NaN, Number.POSITIVE_INFINITY, -0, 1e300].entries())
    point("odd", "float64", BigInt(i) ** 9n - 4n, value);
  for (let step = 20n; step > 0n; step--) point("falling", "float", step, Number(step) / 7, contextId(train));
  for (let step = 0n; step < 25n; step++) point("twice", "Tensor", step % 10n, Number(step));
  for (const [index, line] of ["first", "zweite ü", "third"].entries()) point("logs", "logs", BigInt(index * 7), line);
  for (const step of [3n, 8n, 9n]) {
    const fields = { message: `m${step}`, log_level: 20n, timestamp: 1.5, args: mapOf({ n: step }), logger_info: null };
    point("__log_records", "log_records", step, mapOf(fields));
  }
  for (let step = 0n; step < 3n; step++) point("notes", "text", step, mapOf({ type: "text", data: `text ${step}` }));
  const figure = mapOf({ data: [1n, 2.5, Number.NaN], layout: new Map() });
  point("plot", "figure", 5n, mapOf({ type: "figure", data: figure }));
  await run.json("traces.json", [...traces.values()]);
  await run.close();
  const young = await archive.run(calm);
  await young.json("run.json", mapOf({ name: "calm", description: "", created_at: 1_600_000_000.5, active: true }));
  // Without an entry in traces.json.
  young.records().write({ contextId: 0, name: "unlisted", step: 4n, value: 0.5, time: 1_600_000_001 });
  await young.close();
  await archive.entity("experiment", mapOf({ id: "e1", name: "moved", description: "from there", is_archived: true }));
  return (await archive.finish()).path;
}
