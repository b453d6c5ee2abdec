// Changes of single runs that a command makes: archived or not, finished, deleted, tagged, renamed. Each may be made again.
import { MatyanError } from "../formats/error.ts";
import type { Transaction } from "./kv/index.ts";
import type { Stack } from "./stack.ts";
import { addRunTag, removeRunTag } from "./store/associations.ts";
import { checkName, createTag, findTagByName } from "./store/entities.ts";
import type { Store } from "./store/index.ts";
import { deleteRun, finishRun, missingRun, readMeta, updateMeta } from "./store/runs.ts";
import { removeFiles } from "./workers/runFiles.ts";

export type RunEdit =
  | { readonly kind: "archive" | "unarchive" | "finish" }
  | { readonly kind: "delete" }
  | { readonly kind: "tag" | "untag"; readonly tag: string }
  | { readonly kind: "rename"; readonly name: string };

/** What is wrong with an edit whatever the run and the place. @throws MatyanError `usage`, `too_large` */
export function checkNames(edit: RunEdit): void {
  if (edit.kind !== "tag") return;
  if (edit.tag.trim() === "") throw new MatyanError("usage", "a tag needs a name");
  checkName("tag", edit.tag);
}

/** What is wrong with an edit whatever the run. @throws MatyanError as `checkNames`, `not_found` for a tag to take off that is not there */
export async function checkEdit(store: Store, edit: RunEdit): Promise<void> {
  checkNames(edit);
  if (edit.kind !== "untag") return;
  const id = await store.database.snapshot((tx) => findTagByName(tx, store, edit.tag));
  if (id === undefined) throw missingTag(edit.tag);
}

export function missingTag(name: string): MatyanError {
  return new MatyanError("not_found", `there is no tag '${name}'`);
}

/**
 * Makes one change of one run. A delete leaves a tombstone, takes the files with it, and is completed by the server when it is cut
 * short.
 * @returns whether anything changed. @throws MatyanError `not_found`
 */
export async function editRun(stack: Stack, hash: string, edit: RunEdit, now: number): Promise<boolean> {
  const { store } = stack;
  if (edit.kind === "delete") {
    await requireRun(stack, hash);
    return (await deleteRun(store, hash, { now, files: removeFiles(stack.blobs) })).existed;
  }
  return store.database.transact(async (tx) => {
    switch (edit.kind) {
      case "archive":
        return setField(tx, store, hash, "is_archived", true, now);
      case "unarchive":
        return setField(tx, store, hash, "is_archived", false, now);
      case "rename":
        return setField(tx, store, hash, "name", edit.name, now);
      case "finish":
        return finishRun(tx, store, hash, { now });
      case "tag": {
        if ((await readMeta(tx, store, hash)) === undefined) throw missingRun(hash);
        const known = await findTagByName(tx, store, edit.tag);
        return addRunTag(tx, store, hash, known ?? (await createTag(tx, store, { name: edit.tag }, { now })));
      }
      case "untag": {
        const known = await findTagByName(tx, store, edit.tag);
        return known !== undefined && (await removeRunTag(tx, store, hash, known));
      }
    }
  });
}

async function requireRun({ store }: Stack, hash: string): Promise<void> {
  const meta = await store.database.snapshot((tx) => readMeta(tx, store, hash));
  if (meta === undefined) throw missingRun(hash);
}

async function setField(
  tx: Transaction,
  store: Store,
  hash: string,
  field: "is_archived" | "name",
  value: boolean | string,
  now: number,
): Promise<boolean> {
  const meta = await readMeta(tx, store, hash);
  if (meta === undefined) throw missingRun(hash);
  if ((meta.get(field) ?? false) === value) return false;
  await updateMeta(tx, store, hash, new Map([[field, value]]), now);
  return true;
}
