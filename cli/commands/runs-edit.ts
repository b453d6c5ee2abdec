// `matyan runs archive|unarchive|finish|delete|tag|untag|rename`: changes of runs, looked at before they are made.
import type { Command } from "commander";
import { MatyanError, messageOf } from "../../formats/error.ts";
import { findRun } from "../../server/listing/findRun.ts";
import { selectRuns } from "../../server/listing/select.ts";
import { type RunSummary, readSummary } from "../../server/listing/summary.ts";
import { checkEdit, editRun, type RunEdit } from "../../server/runEdits.ts";
import { openStack, type Stack } from "../../server/stack.ts";
import type { Store } from "../../server/store/index.ts";
import { type Context, type Define, examples, execute, exitCodes } from "../runtime.ts";
import { confirm } from "../ui/confirm.ts";
import { counted } from "../ui/numbers.ts";
import { prepareTyped } from "../ui/queryText.ts";
import { listRuns, storeSource } from "../ui/runListing.ts";
import { safeText } from "../ui/text.ts";

interface Options {
  readonly query?: string;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

/** Runs of the table before the question. */
const previewed = 20;
/** What a query may choose; more are chosen by running it again. */
const mostRuns = 100_000;

export const defineArchive = simple("archive", "Hide runs from lists; nothing of them is lost.");
export const defineUnarchive = simple("unarchive", "Show archived runs in lists again.");
export const defineFinish = simple("finish", "End runs that are still shown as active.");
export const defineDelete = simple(
  "delete",
  "Delete runs with all their data and files. What is logged to them later is dropped.",
);
export const defineTag = named(
  "tag",
  "tag",
  "Put a tag on runs. It is made if there is none of that name.",
  "baseline",
);
export const defineUntag = named("untag", "tag", "Take a tag off runs.", "baseline");
export const defineRename = named("rename", "name", "Give a run another name.", "'lr sweep 3'");

function simple(kind: "archive" | "unarchive" | "finish" | "delete", description: string): Define {
  return (command) =>
    choosing(command.description(description), kind).action(
      execute<[string[]], Options>((context, options, hashes) => editRuns(context, options, { kind }, hashes)),
    );
}

/** An edit with a name before the runs. */
function named(kind: "tag" | "untag" | "rename", what: "tag" | "name", description: string, example: string): Define {
  const editOf = (name: string): RunEdit => (kind === "rename" ? { kind, name } : { kind, tag: name });
  return (command) =>
    choosing(command.description(description).argument(`<${what}>`, `the ${what}`), `${kind} ${example}`).action(
      execute<[string, string[]], Options>((context, options, name, hashes) =>
        editRuns(context, options, editOf(name), hashes),
      ),
    );
}

function choosing(command: Command, typed: string): Command {
  return command
    .argument("[hash...]", "runs by their hashes, or beginnings of them that no other run shares")
    .option("--query <expr>", "the runs for which this is true (see `matyan query`)")
    .option("-y, --yes", "go on without a question")
    .option("--dry-run", "only show which runs these are")
    .addHelpText(
      "after",
      examples(`matyan runs ${typed} 3f9c1a20`, `matyan runs ${typed} --query 'run.duration < 60' --dry-run`),
    )
    .addHelpText(
      "after",
      "\nWithout a terminal --yes is needed. Fails (1) when a run could not be changed; the others are.",
    );
}

async function editRuns(context: Context, options: Options, edit: RunEdit, typed: readonly string[]): Promise<number> {
  const { out, config, signal, progress } = context;
  if ((typed.length === 0) === (options.query === undefined))
    throw new MatyanError(
      "usage",
      typed.length === 0 ? "no run is named" : "runs are named twice: by hash and by --query",
      {
        hint: "Name them by their hashes, or choose them with --query EXPR.",
      },
    );
  const access = options.dryRun ? "read" : "write";
  await using stack = await openStack(config, { missing: "fail", access });
  const { store } = stack;
  await checkEdit(store, edit);
  const chosen = await choose(store, typed, options.query, signal);
  if (chosen.length === 0) {
    out.info("No runs match.");
    out.record({
      type: "summary",
      action: edit.kind,
      runs: 0,
      changed: 0,
      failed: 0,
      dry_run: options.dryRun ?? false,
    });
    return exitCodes.done;
  }
  if (!options.yes || options.dryRun) await preview(context, store, chosen);
  if (options.dryRun) {
    for (const run of chosen) out.record({ type: "run", run, action: edit.kind, changed: false });
    out.record({ type: "summary", action: edit.kind, runs: chosen.length, changed: 0, failed: 0, dry_run: true });
    out.info(`Would ${sentence(edit, chosen.length)}. Nothing was changed.`);
    return exitCodes.done;
  }
  if (!options.yes && !(await confirm(context, `${capital(sentence(edit, chosen.length))}?`))) {
    out.info("Nothing was changed.");
    return exitCodes.done;
  }
  progress.stage(edit.kind, chosen.length);
  const { changed, failed } = await editAll(context, stack, edit, chosen);
  out.record({ type: "summary", action: edit.kind, runs: chosen.length, changed, failed, dry_run: false });
  const same = chosen.length - changed - failed;
  out.info(
    `${counted(changed, "run")} changed${same === 0 ? "" : `, ${same} as it was`}${failed === 0 ? "" : `, ${failed} failed`}.`,
  );
  return failed === 0 ? exitCodes.done : exitCodes.failed;
}

async function editAll(
  { out, signal, progress }: Context,
  stack: Stack,
  edit: RunEdit,
  chosen: readonly string[],
): Promise<{ changed: number; failed: number }> {
  let changed = 0;
  let failed = 0;
  for (const hash of chosen) {
    signal.throwIfAborted();
    try {
      const isChanged = await editRun(stack, hash, edit, Date.now() / 1_000);
      if (isChanged) changed++;
      out.record({ type: "run", run: hash, action: edit.kind, changed: isChanged });
    } catch (error) {
      if (!(error instanceof MatyanError)) throw error;
      failed++;
      out.record({ type: "run", run: hash, action: edit.kind, changed: false, error: error.message });
      if (!out.json) out.warn(`run ${hash}: ${messageOf(error)}`);
    }
    progress.advance(1);
  }
  return { changed, failed };
}

/** The whole hashes, each once. @throws MatyanError for a hash that names none or several runs, before anything is changed */
async function choose(
  store: Store,
  typed: readonly string[],
  query: string | undefined,
  signal: AbortSignal,
): Promise<string[]> {
  const chosen = new Set<string>();
  for (const prefix of typed) chosen.add(await findRun(store, prefix));
  if (query === undefined) return [...chosen];
  for await (const hashes of selectRuns(store, { query: prepareTyped(query, "run"), sort: [] }, signal))
    for (const hash of hashes) {
      chosen.add(hash);
      if (chosen.size > mostRuns)
        throw new MatyanError("too_large", `the query chooses more than ${mostRuns} runs`, {
          hint: "Choose fewer at a time, by their time of creation for example.",
        });
    }
  return [...chosen];
}

async function preview({ out }: Context, store: Store, chosen: readonly string[]): Promise<void> {
  if (out.json || out.quiet) return;
  const summaries = await store.database.snapshot((tx) =>
    Promise.all(chosen.slice(0, previewed).map((hash) => readSummary(tx, store, hash, {}))),
  );
  const runs = summaries.filter((run): run is RunSummary => run !== undefined);
  await listRuns(out, one(runs), { format: "table", columns: undefined, limit: undefined }, storeSource(store));
  if (chosen.length > previewed) out.line(`... and ${counted(chosen.length - previewed, "more run")}`);
}

async function* one<T>(value: T): AsyncGenerator<T, void> {
  yield value;
}

function sentence(edit: RunEdit, count: number): string {
  const runs = counted(count, "run");
  switch (edit.kind) {
    case "tag":
      return `put the tag '${safeText(edit.tag)}' on ${runs}`;
    case "untag":
      return `take the tag '${safeText(edit.tag)}' off ${runs}`;
    case "rename":
      return `name ${runs} '${safeText(edit.name)}'`;
    default:
      return `${edit.kind} ${runs}${edit.kind === "delete" ? " with all data and files" : ""}`;
  }
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
