// `matyan ingest`: messages of the ingestion topic, one a line, into the store or through a frontier.
import { statSync } from "node:fs";
import { MatyanError } from "../../formats/error.ts";
import { openStack } from "../../server/stack.ts";
import { ApplyLoop } from "../../server/workers/apply.ts";
import type { Ingest } from "../../server/workers/ingest.ts";
import { ingestLines, type RefusedLine } from "../../server/workers/ingestLines.ts";
import { readLines } from "../../server/workers/lines.ts";
import { parseAddress } from "../client/address.ts";
import { RemoteIngest } from "../client/remoteIngest.ts";
import { type Context, type Define, examples, execute, exitCodes } from "../runtime.ts";
import { counted } from "../ui/numbers.ts";

interface Options {
  readonly url?: string;
}

const notes = `
A line is the value of a message on the topic data-ingestion: {"type", "run_id", "timestamp", "payload"}. Lines that are
not taken are named on standard error with their number and the reason; all others are applied, in their order for each
run. Applying lines again changes nothing, so a dump can be replayed from anywhere, also after an interruption. Messages
of deleted runs are dropped. Exit code 1 when a line was refused.`;

export const define: Define = (command) => {
  command
    .description("Apply messages of the ingestion topic, one a line.")
    .argument("[file]", "JSON lines, plain or gzip; - or nothing reads standard input", "-")
    .option("--url <frontier>", "send them through the frontier at this address instead of opening the store")
    .addHelpText("after", notes)
    .addHelpText(
      "after",
      examples(
        "matyan ingest messages.jsonl.gz --data ./.matyan",
        "kcat -C -e -t data-ingestion -b localhost:9094 | matyan ingest --url http://localhost:53801",
      ),
    )
    .action(execute<[string], Options>(runIngest));
};

async function runIngest(context: Context, options: Options, path: string): Promise<number> {
  const lines = readLines(open(path));
  if (options.url === undefined) {
    await using stack = await openStack(context.config, { missing: "create" });
    const loop = new ApplyLoop(stack.store, stack.blobs);
    try {
      return await report(context, lines, loop);
    } finally {
      await loop.close();
    }
  }
  const remote = new RemoteIngest(parseAddress(options.url));
  try {
    return await report(context, lines, remote);
  } finally {
    await remote.close();
  }
}

async function report(
  { out, progress, signal }: Context,
  lines: ReturnType<typeof readLines>,
  ingest: Ingest,
): Promise<number> {
  const onRefused = ({ line, reason, type, runId }: RefusedLine) => {
    out.warn(`line ${line}: ${reason.replaceAll("\n", " ")}`);
    out.record({ type: "refused", line, reason, message: type ?? null, run: runId ?? null });
  };
  const { applied, refused, skipped } = await ingestLines(lines, ingest, { onRefused, progress, signal });
  const blank = skipped === 0 ? "" : `, ${counted(skipped, "blank line")} skipped`;
  out.info(`${counted(applied, "message")} applied, ${refused} refused${blank}.`);
  out.record({ type: "summary", applied, refused, skipped });
  return refused > 0 ? exitCodes.failed : exitCodes.done;
}

function open(path: string): AsyncIterable<Uint8Array> {
  if (path === "-") return Bun.stdin.stream();
  const info = statSync(path, { throwIfNoEntry: false });
  if (info === undefined)
    throw new MatyanError("not_found", `there is no file ${path}`, { hint: "Give - to read standard input." });
  if (info.isDirectory())
    throw new MatyanError("usage", `${path} is a folder`, {
      hint: "Name a file of messages, or - to read standard input.",
    });
  return Bun.file(path).stream();
}
