// `matyan finish-stale`: ends the runs that nobody logs to any more.
import { finishStale } from "../../server/jobs/finishStale.ts";
import { type Define, examples, execute } from "../runtime.ts";
import { counted, shortDuration } from "../ui/numbers.ts";
import { safeText } from "../ui/text.ts";
import { addJobOptions, ageOption, type JobOptions, runJob } from "./jobOptions.ts";

interface Options extends JobOptions {
  readonly olderThan: number;
}

const notes = `
Stale is a run without any activity for that long: no point, no log line, no change. How old it is says nothing, so a run that has
been logging for a month stays active. A run whose last activity is not known is left alone.`;

export const define: Define = (command) => {
  addJobOptions(command)
    .addOption(ageOption("--older-than <duration>", "how long nothing was heard of a run", "24h"))
    .addHelpText("after", notes)
    .addHelpText("after", examples("matyan finish-stale --dry-run", "matyan finish-stale --older-than 3d"))
    .action(
      execute<[], Options>(async (context, options) => {
        const { out, progress } = context;
        const dryRun = options.dryRun ?? false;
        const { active, stale, finished } = await runJob(context, "finish_stale", options, ({ store, now, signal }) =>
          finishStale(store, {
            ...{ olderThan: options.olderThan, now, dryRun, progress, signal },
            onRun: ({ hash, lastActivity }) => {
              out.record({ type: "run", run: hash, last_activity: lastActivity ?? null, finished: !dryRun });
              const ago = lastActivity === undefined ? "" : ` (silent for ${shortDuration(now - lastActivity)})`;
              out.line(`  ${dryRun ? "[dry-run] Would finish" : "Finished"} stale run: ${safeText(hash)}${ago}`);
            },
          }),
        );
        out.record({ type: "summary", active, stale, finished, dry_run: dryRun });
        const count = counted(dryRun ? stale : finished, "stale run");
        out.info(`${dryRun ? "Would finish" : "Finished"} ${count} out of ${active} active.`);
      }),
    );
};
