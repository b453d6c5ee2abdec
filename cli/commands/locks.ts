// `matyan locks ls|release`: who runs a maintenance job, and taking a lock from one that is gone.
import { MatyanError } from "../../formats/error.ts";
import { isGone, listLocks, ownerText, releaseLock } from "../../server/jobs/jobLock.ts";
import { withStore } from "../../server/listing/open.ts";
import { openStoreOnly } from "../../server/stack.ts";
import type { LockOwner } from "../../server/store/locks.ts";
import { type Define, examples, execute } from "../runtime.ts";
import { addFormatOption, inFormat, type TableFormat } from "../ui/csvOutput.ts";
import { shortDuration } from "../ui/numbers.ts";
import { safeText } from "../ui/text.ts";

export const defineList: Define = (command) => {
  command.description("List the locks of maintenance jobs, and who holds them.");
  addFormatOption(command)
    .addHelpText("after", examples("matyan locks ls", "matyan locks ls --json"))
    .action(
      execute<[], { readonly format: TableFormat }>(async (context, options) => {
        const { config } = context;
        const now = Date.now() / 1_000;
        const locks = await withStore(config, (store) => listLocks(store, now));
        const out = inFormat(context.out, options.format, ["name", "held", "expires_at", "owner"]);
        for (const { name, expiresAt, isHeld, owner } of locks) {
          out.record({
            name,
            held: isHeld,
            expires_at: expiresAt ?? null,
            owner: owner === undefined ? null : ownerOf(owner),
          });
          const by = owner === undefined ? "a process that did not say who" : safeText(ownerText(owner));
          const how =
            owner === undefined
              ? ""
              : isGone(owner)
                ? ", which is not there any more"
                : ` for ${shortDuration(now - owner.since)}`;
          out.line(
            isHeld && expiresAt !== undefined
              ? `${safeText(name)}: held by ${by}${how}; expires in ${shortDuration(expiresAt - now)}`
              : `${safeText(name)}: free`,
          );
        }
      }),
    );
};

/** Without the token, by which the lock is held. */
function ownerOf({ host, pid, since }: LockOwner): object {
  return { host, pid, since };
}

export const defineRelease: Define = (command) => {
  command
    .argument("<lock>", "the lock, as `matyan locks ls` names it")
    .addHelpText(
      "after",
      "\nA job of ours that still runs stops before its next write. One of the Python services does not notice: stop it first.",
    )
    .addHelpText("after", examples("matyan locks release reindex"))
    .action(
      execute<[string], object>(async ({ out, config }, _options, name) => {
        await using stack = await openStoreOnly(config, { missing: "fail" });
        if (!(await releaseLock(stack.store, name)))
          throw new MatyanError("not_found", `nobody holds a lock '${name}'`, {
            hint: "`matyan locks ls` lists them.",
          });
        out.record({ name, released: true });
        out.info(`${safeText(name)} released.`);
      }),
    );
};
