// Entities of a store into an archive, a page at a time: however many there are, no snapshot is held long.
import type { ArchiveWriter } from "../../formats/archive/types.ts";
import type { Value, ValueMap } from "../../formats/value.ts";
import { listEntities, readEntity } from "../store/entities.ts";
import type { Store } from "../store/index.ts";
import { readProjectSettings } from "../store/project.ts";
import type { ArchivedKind } from "./archivedEntity.ts";

export interface EntitySelection {
  readonly kinds: readonly ArchivedKind[];
  /** Undefined: all of these kinds. */
  isWanted?(kind: ArchivedKind, fields: ValueMap): boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Written after the runs of a backup, so that whatever a run refers to was there when they are read. */
export async function backupEntities(store: Store, archive: ArchiveWriter, selection: EntitySelection): Promise<void> {
  const { kinds, isWanted = () => true, signal } = selection;
  /** Some 100 bytes each. */
  const experiments = new Set<Value>();
  const write = (kind: ArchivedKind, id: string, fields: ValueMap) => {
    if (kind === "experiment") experiments.add(id);
    return archive.entity(kind, new Map<string, Value>([["id", id], ...fields]));
  };
  for (const kind of kinds)
    for await (const { id, fields } of listEntities(store, kind)) {
      signal?.throwIfAborted();
      if (!isWanted(kind, fields)) continue;
      const of = kind === "note" ? fields.get("experiment_id") : undefined;
      if (typeof of === "string" && !experiments.has(of)) {
        // Made after experiments were read, or deleted.
        const experiment = await store.database.snapshot((tx) => readEntity(tx, store, "experiment", of));
        if (experiment !== undefined) await write("experiment", of, experiment);
      }
      await write(kind, id, fields);
    }
}

export async function backupSettings(store: Store, archive: ArchiveWriter): Promise<void> {
  const settings = await store.database.snapshot((tx) => readProjectSettings(tx, store));
  if (settings.size > 0) await archive.extra("project.json", settings);
}
