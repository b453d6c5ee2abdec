// The project's settings of an archive: what the API can set is set, the others are named.
import type { ArchiveReader } from "../../formats/archive/types.ts";
import { MatyanError } from "../../formats/error.ts";
import { isMap, mapOf, type Value } from "../../formats/value.ts";
import type { OnConflict } from "../../server/archive/restoreDecide.ts";
import type { SettingOutcome } from "../../server/archive/restoreProject.ts";
import { send, type Target } from "./restoreRemoteTarget.ts";

const pinnedPath = "projects/pinned-sequences";

export interface ProjectOptions {
  readonly dryRun: boolean;
  readonly onConflict: OnConflict | undefined;
  readonly lose: (what: string) => void;
}

/** Pinned sequences can be set; name and description of a project no request can set. @throws MatyanError `corrupt` */
export async function restoreRemoteProject(
  archive: ArchiveReader,
  target: Target,
  { dryRun, onConflict, lose }: ProjectOptions,
): Promise<SettingOutcome[]> {
  const archived = await archive.readExtra("project.json");
  if (archived === undefined) return [];
  if (!isMap(archived)) throw new MatyanError("corrupt", "project.json: not an object");
  const outcomes: SettingOutcome[] = [];
  for (const [setting, value] of archived) {
    if (setting === "pinned_sequences") {
      const action = await restorePinned(target, sequencesIn(value), dryRun, onConflict);
      outcomes.push({ setting, action });
      continue;
    }
    const project = await target.api.json({ path: "projects", signal: target.signal });
    const isSame = isMap(project) && Bun.deepEquals(project.get(setting), value);
    if (!isSame) lose(`not sent: the project's ${setting}, which no request sets`);
    outcomes.push({ setting, action: isSame ? "same" : "keep" });
  }
  return outcomes;
}

async function restorePinned(
  target: Target,
  wanted: readonly Value[],
  dryRun: boolean,
  onConflict: OnConflict | undefined,
): Promise<SettingOutcome["action"]> {
  const stored = sequencesIn(await target.api.json({ path: pinnedPath, signal: target.signal }));
  if (Bun.deepEquals(stored, wanted)) return "same";
  if (stored.length > 0 && onConflict !== "replace") return "keep";
  if (!dryRun)
    await send(target, {
      ...{ method: "POST", path: pinnedPath, isRepeatable: true },
      body: mapOf({ sequences: [...wanted] }),
    });
  return stored.length > 0 ? "replace" : "create";
}

/** Stored as a list, or as the object of the API. */
function sequencesIn(value: Value | undefined): readonly Value[] {
  const list = isMap(value) ? value.get("sequences") : value;
  return Array.isArray(list) ? list : [];
}
