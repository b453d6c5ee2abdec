// `matyan dlq ls|show|retry|drop`: the messages that workers could not apply.

import type { Command } from "commander";
import { MatyanError } from "../../formats/error.ts";
import type { Bus } from "../../server/bus/index.ts";
import { openBus } from "../../server/stack.ts";
import {
  type DeadLetter,
  dropDeadLetter,
  findDeadLetter,
  readDeadLetters,
  readValue,
  retryDeadLetter,
} from "../../server/workers/deadLetters.ts";
import { type CommonOptions, type Context, type Define, examples, execute } from "../runtime.ts";
import { addFormatOption, inFormat, type TableFormat } from "../ui/csvOutput.ts";
import { counted } from "../ui/numbers.ts";
import { tableLines } from "../ui/table.ts";
import { safeText } from "../ui/text.ts";

interface Options extends CommonOptions {
  readonly control?: boolean;
  readonly all?: boolean;
}

const about = `
A message that a worker cannot apply (unreadable, of an unknown type, too large) is put alone on <topic>.dlq, with the reason and
the place where it stood. An id is '<partition>-<offset>' there. What was done with a letter is noted on the same topic; the
letters themselves stay until the topic's retention removes them.`;

function addTopicOption(command: Command): Command {
  return command.option("--control", "letters of the control events, instead of those of ingestion");
}

export const defineList: Define = (command) => {
  command.description("List the messages that workers could not apply.");
  addFormatOption(addTopicOption(command))
    .option("--all", "also those that were retried or dropped")
    .addHelpText("after", about)
    .addHelpText("after", examples("matyan dlq ls", "matyan dlq ls --json | jq -r .reason | sort | uniq -c"))
    .action(
      execute<[], ListOptions>((context, options) =>
        withLetters(context, options, (letters) => list(context, options, letters)),
      ),
    );
};

export const defineShow: Define = (command) => {
  addTopicOption(command.argument("<id>", "the letter's id, as `matyan dlq ls` shows it"))
    .addHelpText("after", examples("matyan dlq show 0-17", "matyan dlq show 0-17 --json | jq -r .value"))
    .action(
      execute<[string], Options>((context, options, id) =>
        withLetters(context, options, (letters) => show(context, letters, id)),
      ),
    );
};

export const defineRetry: Define = (command) => {
  addTopicOption(command.argument("[ids...]", "the letters' ids"))
    .option("--all", "every letter with which nothing was done")
    .addHelpText(
      "after",
      "\nThe message goes onto its topic once more, behind all others, and the letter is noted as done with it.",
    )
    .addHelpText("after", examples("matyan dlq retry 0-17", "matyan dlq retry --all"))
    .action(execute<[string[]], Options>((context, options, ids) => deal(context, options, ids, "retried")));
};

export const defineDrop: Define = (command) => {
  addTopicOption(command.argument("[ids...]", "the letters' ids"))
    .option("--all", "every letter with which nothing was done")
    .addHelpText("after", "\nNothing is published: the letter is noted as dropped, and not listed any more.")
    .addHelpText("after", examples("matyan dlq drop 0-17 0-18", "matyan dlq drop --all --control"))
    .action(execute<[string[]], Options>((context, options, ids) => deal(context, options, ids, "dropped")));
};

interface ListOptions extends Options {
  readonly format: TableFormat;
}

interface Letters {
  readonly bus: Bus;
  readonly topic: string;
}

async function withLetters<T>(
  { config, out }: Context,
  options: Options,
  work: (letters: Letters) => Promise<T>,
): Promise<T> {
  if (config.fault !== undefined) throw config.fault;
  const bus = await openBus(config, { clientId: "matyan-dlq", warn: out.warn });
  if (bus === undefined || config.kafka === undefined)
    throw new MatyanError("usage", "dead letters are kept by Kafka, and none is configured", {
      hint: "Set KAFKA_BOOTSTRAP_SERVERS. Without Kafka, a message that cannot be stored is refused to its sender.",
    });
  try {
    const { ingestion, control } = config.kafka.topics;
    return await work({ bus, topic: options.control ? control : ingestion });
  } finally {
    await bus.close();
  }
}

async function list(context: Context, options: ListOptions, { bus, topic }: Letters): Promise<void> {
  const out = inFormat(context.out, options.format, listedFields);
  const rows: (string | { text: string })[][] = [];
  let count = 0;
  const print = (isHead: boolean) => {
    const lines = tableLines(columns, rows.splice(0), out.width, out.style);
    for (const line of isHead ? lines : lines.slice(1)) out.line(line);
  };
  for await (const letter of readDeadLetters(bus, topic)) {
    if (letter.done !== undefined && !options.all) continue;
    count++;
    out.record(documentOf(letter));
    if (out.json) continue;
    rows.push(rowOf(letter));
    // Many letters need not be held until the last.
    if (rows.length === 500) print(count === 500);
  }
  if (rows.length > 0) print(count <= 500);
  if (count === 0 && !out.json && !out.quiet) out.rawError(`There are no dead letters of ${topic}.\n`);
  if (count > 0) out.info(out.style.dim(`${counted(count, "dead letter")} of ${topic}`));
}

/** As docs/json.md has them. */
const listedFields = "id code reason origin published failed group key bytes headers done".split(" ");

const columns = [
  { title: "id", importance: 100, min: 4 },
  { title: "failed", importance: 60 },
  { title: "origin", importance: 70, min: 8 },
  { title: "key", importance: 50, min: 8 },
  { title: "reason", importance: 90, min: 20 },
  { title: "", importance: 40 },
];

function rowOf({ id, failedAt, origin, key, reason, done }: DeadLetter): string[] {
  return [
    id,
    timeOf(failedAt),
    `${origin.partition}@${origin.offset}`,
    safeText(textOf(key) ?? ""),
    safeText(reason),
    done ?? "",
  ];
}

async function show({ out }: Context, { bus, topic }: Letters, id: string): Promise<void> {
  const letter = await findDeadLetter(bus, topic, id);
  const value = await readValue(bus, letter);
  const text = textOf(value);
  out.record({ ...documentOf(letter), value: text ?? null, value_base64: value?.toBase64() ?? null });
  const { origin } = letter;
  out.line(`Reason     ${safeText(letter.reason)} (${letter.code})`);
  out.line(`Stood at   ${origin.topic}, partition ${origin.partition}, offset ${origin.offset}`);
  out.line(`Published  ${timeOf(letter.published)}`);
  out.line(`Failed     ${timeOf(letter.failedAt)}, in ${letter.group}`);
  out.line(`Key        ${safeText(textOf(letter.key) ?? "none")}`);
  for (const [name, value] of Object.entries(letter.headers))
    out.line(`Header     ${safeText(name)}: ${safeText(value)}`);
  out.line(`Done       ${letter.done ?? "nothing yet"}`);
  const shown = text ?? (value === null ? "(no value)" : `(not text) ${value.toHex()}`);
  out.line(`\n${safeText(shown.length > maxShown ? `${shown.slice(0, maxShown)}... (--json has all)` : shown)}`);
}

const maxShown = 20_000;

async function deal(
  context: Context,
  options: Options,
  ids: readonly string[],
  deed: "retried" | "dropped",
): Promise<void> {
  if (ids.length > 0 === (options.all ?? false))
    throw new MatyanError("usage", ids.length > 0 ? "give ids, or --all, not both" : "no letter is named", {
      hint: "Give ids, as `matyan dlq ls` shows them, or --all.",
    });
  const { out, signal } = context;
  await withLetters(context, options, async ({ bus, topic }) => {
    const work = deed === "retried" ? retryDeadLetter : dropDeadLetter;
    const finish = async (letter: DeadLetter) => {
      signal.throwIfAborted();
      await work(bus, topic, letter);
      out.record({ id: letter.id, done: deed });
      out.info(`${letter.id} ${deed}`);
    };
    for (const id of new Set(ids)) await finish(await findDeadLetter(bus, topic, id));
    if (!options.all) return;
    for await (const letter of readDeadLetters(bus, topic)) {
      if (letter.done !== undefined) continue;
      if (deed === "retried" && letter.value === null) out.warn(`${letter.id} has no value and stays: drop it`);
      else await finish(letter);
    }
  });
}

function documentOf({
  id,
  code,
  reason,
  origin,
  published,
  failedAt,
  group,
  key,
  value,
  headers,
  done,
}: DeadLetter): object {
  return {
    id,
    code,
    reason,
    origin: { topic: origin.topic, partition: origin.partition, offset: Number(origin.offset) },
    published,
    failed: failedAt,
    group,
    key: textOf(key) ?? null,
    bytes: value?.length ?? null,
    headers,
    done: done ?? null,
  };
}

/** Undefined for what is no text, or nothing. */
function textOf(bytes: Uint8Array | null): string | undefined {
  if (bytes === null) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function timeOf(seconds: number): string {
  return new Date(seconds * 1_000).toISOString().replace(/\.\d+Z$/, "Z");
}
