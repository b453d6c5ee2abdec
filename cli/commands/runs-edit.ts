// `matyan runs archive|unarchive|finish|delete|tag|untag|rename`: changes of runs, looked at before they are made.
import type { Command } from "commander";
import { MatyanError, messageOf } from "../../formats/error.ts";
import type { RunEdit } from "../../server/runEdits.ts";
import { type EditPlace, openEditPlace } from "../edit/editPlace.ts";
import { type Context, type Define, examples, execute, exitCodes } from "../runtime.ts";
import { confirm } from "../ui/confirm.ts";
import { counted, groupDigits } from "../ui/numbers.ts";
import { listRuns } from "../ui/runListing.ts";
import { safeText } from "../ui/text.ts";

interface Options {
  readonly query?: string;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly url?: string;
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
  const editOf = (name: string): RunEdit =>
    kind === "rename" ? { kind, name } : { kind, tag: kind === "tag" ? name.trim() : name };
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
    .option("--url <api>", "edit the runs of the server at this address instead of those of the store")
    .addHelpText(
      "after",
      examples(
        `matyan runs ${typed} 3f9c1a20`,
        `matyan runs ${typed} --query 'run.duration < 60' --dry-run`,
        `matyan runs ${typed} 3f9c1a20 --url http://localhost:53800`,
      ),
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
  await using place = await openEditPlace({ url: options.url, config, access, signal });
  await place.check(edit);
  const chosen = await choose(place, typed, options.query, signal);
  const summary = (told: object) =>
    out.record({ type: "summary", action: edit.kind, runs: chosen.length, ...told, dry_run: options.dryRun ?? false });
  if (chosen.length === 0) {
    out.info("No runs match.");
    summary({ changed: 0, failed: 0 });
    return exitCodes.done;
  }
  if (!options.yes || options.dryRun) await preview(context, place, chosen);
  if (options.dryRun) {
    for (const run of chosen) out.record({ type: "run", run, action: edit.kind, changed: false });
    summary({ changed: 0, failed: 0 });
    out.info(`Would ${sentence(edit, chosen.length)}. Nothing was changed.`);
    return exitCodes.done;
  }
  if (!options.yes && !(await confirm(context, `${capital(sentence(edit, chosen.length))}?`))) {
    out.info("Nothing was changed.");
    return exitCodes.done;
  }
  progress.stage(edit.kind, chosen.length);
  const done = { changed: 0, same: 0, failed: 0, pending: 0 };
  try {
    await editAll(context, place, edit, chosen, done);
  } finally {
    // Also when it was stopped: what was changed stays changed.
    const { changed, same, failed, pending } = done;
    const left = chosen.length - changed - same - failed;
    summary({ changed, failed });
    out.info(
      `${[
        `${counted(changed, "run")} changed`,
        ...(same === 0 ? [] : [`${groupDigits(same)} as it was`]),
        ...(failed === 0 ? [] : [`${groupDigits(failed)} failed`]),
        ...(left === 0 ? [] : [`${groupDigits(left)} not tried`]),
      ].join(", ")}.`,
    );
    if (pending > 0) out.info(`The server has yet to remove ${counted(pending, "run")} that it was asked to delete.`);
  }
  return done.failed === 0 ? exitCodes.done : exitCodes.failed;
}

async function editAll(
  { out, signal, progress }: Context,
  place: EditPlace,
  edit: RunEdit,
  chosen: readonly string[],
  done: Record<"changed" | "same" | "failed" | "pending", number>,
): Promise<void> {
  for (const run of chosen) {
    signal.throwIfAborted();
    const { changed, pending = false, error, isLast = false } = await place.edit(run, edit);
    done[error !== undefined ? "failed" : changed ? "changed" : "same"]++;
    if (pending) done.pending++;
    out.record({
      ...{ type: "run", run, action: edit.kind, changed },
      ...(pending ? { pending } : {}),
      ...(error === undefined ? {} : { error: error.message }),
    });
    if (isLast) throw error;
    if (error !== undefined && !out.json) out.warn(`run ${run}: ${messageOf(error)}`);
    progress.advance(1);
  }
}

/** The whole hashes, each once. @throws MatyanError for a hash that names none or several runs, before anything is changed */
async function choose(
  place: EditPlace,
  typed: readonly string[],
  query: string | undefined,
  signal: AbortSignal,
): Promise<string[]> {
  if (query === undefined) return [...new Set(await place.find(typed))];
  const chosen = new Set<string>();
  for await (const hashes of place.select(query)) {
    signal.throwIfAborted();
    for (const hash of hashes) chosen.add(hash);
    if (chosen.size > mostRuns)
      throw new MatyanError("too_large", `the query chooses more than ${mostRuns} runs`, {
        hint: "Choose fewer at a time, by their time of creation for example.",
      });
  }
  return [...chosen];
}

async function preview({ out }: Context, place: EditPlace, chosen: readonly string[]): Promise<void> {
  if (out.json || out.quiet) return;
  const runs = await place.summaries(chosen.slice(0, previewed));
  await listRuns(out, one(runs), { format: "table", columns: undefined, limit: undefined }, place.source);
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
