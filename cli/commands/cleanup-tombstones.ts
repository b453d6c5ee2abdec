// `matyan cleanup-tombstones`: forgets deletions that are so old that no message of their runs can come any more.
import { cleanupTombstones } from "../../server/jobs/tombstones.ts";
import { type Define, examples, execute } from "../runtime.ts";
import { counted, isoTime } from "../ui/numbers.ts";
import { safeText } from "../ui/text.ts";
import { addJobOptions, ageBeyondMessages, type JobOptions, jobSettings, runJob } from "./jobOptions.ts";
import { parseCount } from "./options.ts";

interface Options extends JobOptions {
  readonly olderThanHours?: number;
}

const notes = `
A tombstone keeps late messages from bringing a deleted run back. In a cluster none goes before its topics' retention.ms is over,
whatever is asked for. One whose run still has data or files stays until these are gone: cleanup-orphan-blobs removes the files.`;

export const define: Define = (command) => {
  command.description("Forget deletions that no message can undo any more.");
  addJobOptions(command)
    .option(
      "--older-than-hours <n>",
      "age of the deletion (default: $TOMBSTONE_CLEANUP_OLDER_THAN_HOURS, else 168)",
      parseCount,
    )
    .addHelpText("after", notes)
    .addHelpText(
      "after",
      examples("matyan cleanup-tombstones --dry-run", "matyan cleanup-tombstones --older-than-hours 336"),
    )
    .action(
      execute<[], Options>(async (context, options) => {
        const { out, progress } = context;
        const dryRun = options.dryRun ?? false;
        const hours = options.olderThanHours ?? jobSettings(options).tombstoneHours;
        const olderThan = await ageBeyondMessages(context, hours * 3_600);
        const result = await runJob(context, "cleanup_tombstones", options, ({ store, blobs, now, signal }) =>
          cleanupTombstones(store, blobs, {
            ...{ olderThan, now, dryRun, progress, signal },
            onTombstone: ({ hash, deletedAt }, kept) => {
              out.record({ type: "tombstone", run: hash, deleted_at: deletedAt, kept: kept ?? null });
              if (kept !== undefined) out.warn(`the tombstone of ${hash} stays: ${kept}`);
              else
                out.line(
                  `  ${dryRun ? "[dry-run] Would clear" : "Cleared"} tombstone: ${safeText(hash)} (deleted at ${isoTime(deletedAt)})`,
                );
            },
          }),
        );
        const { found, old, cleared, kept } = result;
        out.record({ type: "summary", found, old, cleared, kept, older_than_seconds: olderThan, dry_run: dryRun });
        out.info(`Found ${counted(found, "tombstone")}, ${old} older than ${olderThan / 3_600}h.`);
        if (!dryRun) out.info(`Done. Cleared ${counted(cleared, "tombstone")}.`);
        if (kept > 0)
          out.info(
            `${kept} stay: \`matyan cleanup-orphan-blobs\` deletes files that are left, and \`matyan serve\` or the workers data.`,
          );
      }),
    );
};
