// `matyan runs show`: one run on a page, or as one JSON object.
import { MatyanError } from "../../formats/error.ts";
import { findRun } from "../../server/listing/findRun.ts";
import { withStore } from "../../server/listing/open.ts";
import { readSpark } from "../../server/listing/series.ts";
import { type RunSummary, readSummary } from "../../server/listing/summary.ts";
import { artifactsName, artifactsOf } from "../../server/store/artifactEntries.ts";
import { bounds } from "../../server/store/sequences.ts";
import { isMetric } from "../../server/store/traces.ts";
import { parseAddress } from "../client/address.ts";
import { Http } from "../client/http.ts";
import { readRemoteRun } from "../client/remoteRun.ts";
import { sampleMetrics } from "../client/sparks.ts";
import { Stored } from "../json.ts";
import { type Context, type Define, examples, execute } from "../runtime.ts";
import { runFields } from "../ui/runDocument.ts";
import { paramsOf, runPage, type SequenceRow } from "../ui/runPage.ts";

interface Options {
  readonly all?: boolean;
  readonly url?: string;
}

/** Values of a metric that its sparkline is drawn from. */
const sparkCells = 24;

export const define: Define = (command) => {
  command
    .description("Show one run: what it is, its parameters, sequences and artifacts.")
    .argument("<hash>", "the run's hash, or a beginning of it that no other run shares")
    .option("--all", "also parameters of the system, and every value whole")
    .option("--url <api>", "ask the server at this address instead of opening the store")
    .addHelpText("after", "\nServers do not tell of logs and of the steps of objects.")
    .addHelpText(
      "after",
      examples(
        "matyan runs show 3f9c1a20",
        "matyan runs show 3f9c1a20 --json | jq .params.hparams",
        'matyan runs show "$RUN" --url http://localhost:53800',
      ),
    )
    .action(execute<[string], Options>(show));
};

interface Shown {
  readonly run: RunSummary;
  readonly rows: readonly SequenceRow[];
}

async function showLocal({ config, out, signal }: Context, prefix: string): Promise<Shown> {
  return withStore(config, async (store) => {
    const hash = await findRun(store, prefix);
    const run = await store.database.snapshot((tx) => readSummary(tx, store, hash, { attrs: true }));
    if (run === undefined) throw new MatyanError("not_found", `run '${hash}' has been deleted meanwhile`);
    const rows: SequenceRow[] = [];
    for (const sequence of run.sequences) {
      signal.throwIfAborted();
      const ref = { hash, contextId: sequence.contextId, name: sequence.name };
      rows.push(
        await store.database.snapshot(async (tx) => {
          const steps = await bounds(tx, store, ref);
          const spark = isMetric(sequence) && !out.json ? await readSpark(tx, store, ref, sparkCells) : [];
          return { sequence, first: steps?.first, last: steps?.last, spark };
        }),
      );
    }
    return { run, rows };
  });
}

async function showRemote({ out, signal }: Context, url: string, hash: string): Promise<Shown> {
  const http = new Http(parseAddress(url));
  const run = await readRemoteRun(http, hash, signal);
  const metrics = run.sequences.filter(isMetric);
  // Two samples are the first point and the last.
  const sampled = await sampleMetrics(http, run.hash, metrics, out.json ? 2 : sparkCells, signal);
  const rows = metrics.map((sequence, i): SequenceRow => {
    const { steps, values } = sampled[i]!;
    const [first, last] = [steps[0], steps.at(-1)].map((step) => (step === undefined ? undefined : BigInt(step)));
    return { sequence, first, last, spark: values };
  });
  const objects = run.sequences.filter((sequence) => !isMetric(sequence));
  return {
    run,
    rows: [...rows, ...objects.map((sequence) => ({ sequence, first: undefined, last: undefined, spark: [] }))],
  };
}

async function show(context: Context, options: Options, hash: string): Promise<void> {
  const { out } = context;
  const { run, rows } = await (options.url === undefined
    ? showLocal(context, hash)
    : showRemote(context, options.url, hash));
  if (out.json) return out.record(document(run, rows));
  const now = out.terminal.stdout ? Date.now() / 1000 : undefined;
  const page = { width: out.width, style: out.style, now, all: options.all ?? false };
  for (const line of runPage(run, rows, page)) out.line(line);
}

function document(run: RunSummary, rows: readonly SequenceRow[]): object {
  const attrs = run.attrs ?? new Map();
  return {
    ...runFields(run),
    params: paramsOf(attrs),
    sequences: rows.map(({ sequence, first, last }) => ({
      name: sequence.name,
      context: sequence.context,
      dtype: sequence.dtype,
      metric: isMetric(sequence),
      last: new Stored(sequence.last),
      first_step: first ?? null,
      last_step: last ?? null,
    })),
    artifacts: artifactsOf(attrs.get(artifactsName)).map(({ path, contentType, key }) => ({
      path,
      content_type: contentType || null,
      s3_key: key,
    })),
  };
}
