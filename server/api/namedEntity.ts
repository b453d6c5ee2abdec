// What experiments and tags have in common: names that are unique, and changes that are all or nothing (W18).
import { MatyanError } from "../../formats/error.ts";
import { mapOf, type ValueMap } from "../../formats/value.ts";
import { hasEntity, type NamedKind, updateNamed } from "../store/entities.ts";
import { badRequest, invalid, missing, withHint } from "./errors.ts";
import type { ApiContext } from "./route.ts";

export function idStatus(id: string): ValueMap {
  return mapOf({ id, status: "OK" });
}

/** An experiment or tag without a name could not be chosen or seen anywhere (W18). */
export function requireName(name: string): void {
  if (name === "") throw invalid("String should have at least 1 character");
}

/** Changes fields and perhaps the name of an experiment or tag, at once or not at all; without either nothing, its time too. */
export async function updateEntityOf(
  context: ApiContext,
  kind: NamedKind,
  id: string,
  name: string | undefined,
  fields: ValueMap,
): Promise<void> {
  const { store } = context;
  const change = { name: name === "" ? undefined : name, fields };
  if (change.name === undefined && fields.size === 0) {
    if (await store.database.snapshot((tx) => hasEntity(tx, store, kind, id))) return;
    throw missing(kind, id);
  }
  await named(kind, id, () => refusingTakenNames(() => updateNamed(store, kind, id, change, { now: context.now() })));
}

/** Runs `work` on a record; that there is none is told as the API does. */
export async function named<T>(kind: NamedKind, id: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof MatyanError && error.code === "not_found") throw missing(kind, id);
    throw error;
  }
}

/** A name that is taken is a 400 for the existing clients, which know no other answer. */
export async function refusingTakenNames<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // The store's own conflicts (KvError) are retried by the store, and have another name.
    if (error instanceof MatyanError && error.code === "conflict" && error.name === "MatyanError")
      throw badRequest(error.message, withHint(error));
    throw error;
  }
}
