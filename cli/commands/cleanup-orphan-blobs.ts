// `matyan cleanup-orphan-blobs`: deletes files of deleted and unknown runs, and files that nothing of their run names.
import { cleanupOrphanBlobs } from "../../server/jobs/orphanBlobs.ts";
import { type Define, examples, execute, exitCodes } from "../runtime.ts";
import { counted, shortBytes } from "../ui/numbers.ts";
import { safeText } from "../ui/text.ts";
import { addJobOptions, ageBeyondMessages, ageOption, type JobOptions, runJob } from "./jobOptions.ts";
import { parseCount } from "./options.ts";

interface Options extends JobOptions {
  readonly limit: number;
  readonly grace: number;
}

const notes = `
Files of deleted runs go at once. Files of runs that the store does not know, and files that no record of their run names, go when
they are older than the grace period: their message may still be on its way. Keys that do not begin with a run hash are
somebody else's and stay. Where a limit or an interruption ends it, the next time goes on. Exit code 1 when a file could not be
deleted.`;

export const define: Define = (command) => {
  command.description("Delete files of deleted runs, and files that nothing names.");
  addJobOptions(command)
    .option("--limit <n>", "delete at most this many files; 0 for all", parseCount, 0)
    .addOption(ageOption("--grace <duration>", "how old a file without a deleted run must be", "7d"))
    .addHelpText("after", notes)
    .addHelpText(
      "after",
      examples("matyan cleanup-orphan-blobs --dry-run", "matyan cleanup-orphan-blobs --limit 100000 --json"),
    )
    .action(
      execute<[], Options>(async (context, options) => {
        const { out, progress } = context;
        const dryRun = options.dryRun ?? false;
        const grace = await ageBeyondMessages(context, options.grace);
        let runs = 0;
        const result = await runJob(
          context,
          "cleanup_orphan_blobs",
          options,
          ({ store, blobs, now, signal, assertHeld }) =>
            cleanupOrphanBlobs(store, blobs, {
              ...{ limit: options.limit, grace, now, dryRun, assertHeld, progress, signal },
              onGroup: ({ hash, reason, count, bytes, keys }) => {
                runs++;
                out.record({ type: "run", run: hash, reason, files: count, bytes, keys, deleted: !dryRun });
                const verb = dryRun ? "[dry-run] Would delete" : "Deleted";
                out.line(`  ${verb} ${counted(count, "file")} (${shortBytes(bytes)}) of ${safeText(hash)}/: ${reason}`);
                if (dryRun) for (const key of keys) out.line(`    ${safeText(key)}`);
              },
            }),
        );
        const { listed, deleted, bytes, foreign, failed, failures, more } = result;
        for (const { key, reason } of failures) out.warn(`${key} is still there: ${reason}`);
        out.record({
          ...{ type: "summary", listed, deleted, bytes, runs, foreign, failed, failures, more, dry_run: dryRun },
        });
        const verb = dryRun ? "Would delete" : "Done. Deleted";
        out.info(`${verb} ${counted(deleted, "blob")} (${shortBytes(bytes)}) across ${counted(runs, "run")}.`);
        if (foreign > 0) out.info(`${counted(foreign, "file")} of no run left alone.`);
        if (more)
          out.info(`The limit was reached: ${dryRun ? "there may be more" : "the next call goes on behind it"}.`);
        return failed > 0 ? exitCodes.failed : exitCodes.done;
      }),
    );
};
