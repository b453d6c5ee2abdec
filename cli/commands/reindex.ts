// `matyan reindex`: compares the indexes with the runs, and repairs them in place.
import { MatyanError } from "../../formats/error.ts";
import { reindex } from "../../server/jobs/reindexJob.ts";
import { findRun } from "../../server/listing/findRun.ts";
import { type Define, examples, execute, exitCodes } from "../runtime.ts";
import { counted } from "../ui/numbers.ts";
import { safeText } from "../ui/text.ts";
import { addJobOptions, ageBeyondMessages, ageOption, type JobOptions, runJob } from "./jobOptions.ts";
import { parseRuns } from "./options.ts";

interface Options extends JobOptions {
  readonly runs?: readonly string[];
  readonly check?: boolean;
  readonly purgeGhosts?: boolean;
  readonly grace: number;
}

const notes = `
The indexes are never emptied: searches stay right while it works. No run is deleted. A ghost is data of a run whose creation never
came; it is reported, and --purge-ghosts deletes those that were silent for the grace period, with a tombstone and their files.
Stopped anywhere, it goes on there the next time. With --check (or --dry-run), exit code 1 says that something differs.`;

export const define: Define = (command) => {
  command.description("Compare the indexes with the runs, and repair them.");
  addJobOptions(command)
    .option("--runs <hash...>", "only these runs: hashes or beginnings of them")
    .option("--check", "only report what differs")
    .option("--purge-ghosts", "delete data of runs that were never created")
    .addOption(ageOption("--grace <duration>", "how long a ghost must have been silent", "7d"))
    .addHelpText("after", notes)
    .addHelpText(
      "after",
      examples("matyan reindex --check", "matyan reindex", "matyan reindex --purge-ghosts --grace 14d"),
    )
    .action(
      execute<[], Options>(async (context, options) => {
        const { out, progress } = context;
        const check = (options.check ?? false) || (options.dryRun ?? false);
        if (check && options.purgeGhosts)
          throw new MatyanError("usage", "--purge-ghosts deletes, and --check only looks", {
            hint: "Leave one of them out; --check lists ghosts as well.",
          });
        const purgeGhosts = options.purgeGhosts ? await ageBeyondMessages(context, options.grace) : undefined;
        const result = await runJob(context, "reindex", { ...options, dryRun: check }, async (job) => {
          const prefixes = parseRuns(options.runs?.join());
          const named = prefixes && (await Promise.all(prefixes.map((prefix) => findRun(job.store, prefix))));
          return reindex(job.store, job.blobs, {
            ...{ check, purgeGhosts, now: job.now, progress, signal: job.signal },
            ...(named === undefined ? {} : { runs: [...new Set(named)] }),
            onDrift: ({ hash, missing, stale }) => {
              out.record({ type: "drift", run: hash, missing, stale });
              out.line(`${safeText(hash)}: ${missing.length} missing, ${stale.length} stale`);
            },
            onGhost: ({ hash, lastActivity }, purged) => {
              out.record({ type: "ghost", run: hash, last_activity: lastActivity ?? null, purged });
              out.line(`${safeText(hash)}: ${purged ? "ghost, deleted" : "ghost: its creation never came"}`);
            },
          });
        });
        const { runs, drifted, leftovers, changes, ghosts, purged, resumedAfter } = result;
        out.record({
          ...{ type: "summary", runs, drifted, leftovers, changes, ghosts, purged, check },
          resumed_after: resumedAfter ?? null,
        });
        if (resumedAfter !== undefined)
          out.info(
            `Went on behind ${safeText(resumedAfter)}, where it had been stopped; the next call begins at the front.`,
          );
        if (!check) {
          out.info(`Indexed ${counted(runs, "run")}: ${counted(changes, "entry", "entries")} put right.`);
          if (ghosts > 0) out.info(`${counted(ghosts, "ghost run")}, ${purged} cleaned up.`);
        } else
          out.info(
            `${counted(runs, "run")} looked at: ${drifted} differ, ${counted(leftovers, "entry", "entries")} of no run, ${counted(ghosts, "ghost")}.`,
          );
        const isWrong = drifted + leftovers > 0;
        if (isWrong) out.info("`matyan reindex` puts that right.");
        if (ghosts > purged)
          out.info("`matyan reindex --purge-ghosts` deletes the ghosts that were silent for as long as --grace says.");
        return isWrong ? exitCodes.failed : exitCodes.done;
      }),
    );
};
