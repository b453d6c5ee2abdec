// Changing runs: rest-api.md 1.4, 6. Each request is one transaction; lists with an unknown run are refused as a whole (W7).
import type { IngestMessage } from "../../formats/messages/index.ts";
import { mapOf, type ValueMap } from "../../formats/value.ts";
import type { Transaction } from "../kv/index.ts";
import { addRunTag, removeRunTag, setRunExperiment } from "../store/associations.ts";
import { clearTombstone } from "../store/deletion.ts";
import { createTag, findExperimentByName, findTagByName, hasEntity } from "../store/entities.ts";
import { finishRun, requestDelete, resumeRun, updateMeta } from "../store/runs.ts";
import { missing } from "./errors.ts";
import { requireName } from "./namedEntity.ts";
import { json, noContent } from "./respond.ts";
import type { ApiContext, Route } from "./route.ts";
import { requireRun, requireRuns } from "./runAccess.ts";
import { flag, list, object, optional, readBody, strippedText, text } from "./schema.ts";
import { schemas } from "./schemas.ts";

const change = object({
  name: optional(text),
  description: optional(text),
  archived: optional(flag),
  experiment: optional(text),
  active: optional(flag),
});
const hashList = list(text);
const tagging = object({ tag_name: strippedText });

/** Runs that one transaction changes; a longer list takes several, after all of it was checked. */
const runsPerTransaction = 500;

export function runRoutes(context: ApiContext): Route[] {
  const { store } = context;
  const { database } = store;

  /** Checks all runs, then changes them: at once unless there are very many. */
  const changeRuns = async (hashes: readonly string[], work: (tx: Transaction, hash: string) => Promise<void>) => {
    const distinct = [...new Set(hashes)];
    if (distinct.length > runsPerTransaction) await database.snapshot((tx) => requireRuns(tx, store, distinct));
    for (let at = 0; at < distinct.length; at += runsPerTransaction) {
      const part = distinct.slice(at, at + runsPerTransaction);
      await database.transact(async (tx) => {
        await requireRuns(tx, store, part);
        for (const hash of part) await work(tx, hash);
      });
    }
  };

  const tellArchived = (hashes: Iterable<string>, archived: boolean) => {
    const type = archived ? "run_archived" : "run_unarchived";
    for (const hash of hashes)
      context.events?.emit({ type, timestamp: context.now(), payload: mapOf({ run_id: hash, archived }) });
  };

  /** Hides the runs, then has them removed behind all that was logged to them. Returns when that is durable. */
  const deleteRuns = async (hashes: readonly string[]) => {
    const now = context.now();
    await changeRuns(hashes, (tx, hash) => requestDelete(tx, store, hash, now));
    const messages = [...new Set(hashes)].map((runId): IngestMessage => {
      return { type: "delete_run", runId, timestamp: now, payload: new Map() };
    });
    for (const outcome of await context.ingest.submit(messages)) if (!outcome.ok) throw outcome.error;
  };

  const changeRun = async (tx: Transaction, hash: string, wanted: RunChange, now: number) => {
    const fields: ValueMap = mapOf({
      name: wanted.name,
      description: wanted.description,
      is_archived: wanted.archived,
    });
    if (fields.size > 0) await updateMeta(tx, store, hash, fields, now);
    if (wanted.active === true) await resumeRun(tx, store, hash, { now });
    if (wanted.active === false) await finishRun(tx, store, hash, { now });
    if (wanted.experiment === undefined) return;
    // A name that no experiment has means none: link, count and index go with it.
    const id = (await findExperimentByName(tx, store, wanted.experiment)) ?? null;
    await setRunExperiment(tx, store, hash, id, now);
  };

  return [
    {
      method: "PUT",
      path: "/runs/:run_id",
      summary: "Name, describe, archive, finish or resume a run, or give it to an experiment",
      body: change.schema,
      answer: {
        description:
          "Done. Members that are absent or null leave things as they are; an unknown experiment means none.",
        schema: schemas.idStatus,
      },
      errors: [404],
      handle: async (request) => {
        const id = request.param("run_id");
        const wanted = await readBody(request, change);
        const now = context.now();
        await database.transact(async (tx) => {
          await requireRun(tx, store, id);
          await changeRun(tx, id, wanted, now);
        });
        if (wanted.archived !== undefined) tellArchived([id], wanted.archived);
        return json(mapOf({ id, status: "OK" }));
      },
    },
    {
      method: "DELETE",
      path: "/runs/:run_id",
      summary: "Delete a run with all that it has",
      answer: { description: "The run cannot be found any more.", schema: schemas.idStatus },
      errors: [404],
      handle: async (request) => {
        const id = request.param("run_id");
        await database.snapshot((tx) => requireRun(tx, store, id));
        await deleteRuns([id]);
        return json(mapOf({ id, status: "OK" }));
      },
    },
    {
      method: "POST",
      path: "/runs/delete-batch",
      summary: "Delete runs",
      body: hashList.schema,
      answer: { description: "All are deleted.", schema: schemas.status },
      errors: [404],
      handle: async (request) => {
        await deleteRuns(await readBody(request, hashList));
        return json(mapOf({ status: "OK" }));
      },
    },
    {
      method: "POST",
      path: "/runs/finish-batch",
      summary: "Finish runs",
      body: hashList.schema,
      answer: { description: "All are finished; those that were stay as they are.", schema: schemas.status },
      errors: [404],
      handle: async (request) => {
        const hashes = await readBody(request, hashList);
        const now = context.now();
        await changeRuns(hashes, async (tx, hash) => void (await finishRun(tx, store, hash, { now })));
        return json(mapOf({ status: "OK" }));
      },
    },
    {
      method: "POST",
      path: "/runs/archive-batch",
      summary: "Archive runs, or take them back",
      query: { archive: { type: "boolean", description: "False takes them back.", default: true } },
      body: hashList.schema,
      answer: { description: "Done.", schema: schemas.status },
      errors: [404],
      handle: async (request) => {
        const archived = request.query.bool("archive", true);
        const fields = mapOf({ is_archived: archived });
        const hashes = await readBody(request, hashList);
        const now = context.now();
        await changeRuns(hashes, (tx, hash) => updateMeta(tx, store, hash, fields, now));
        tellArchived(new Set(hashes), archived);
        return json(mapOf({ status: "OK" }));
      },
    },
    {
      method: "POST",
      path: "/runs/:run_id/clear-tombstone",
      summary: "Let messages of a deleted run through again",
      answer: { status: 204, description: "Done, also for a run that was never deleted.", type: "none" },
      handle: async (request) => {
        const id = request.param("run_id");
        await database.transact(async (tx) => clearTombstone(tx, store, id));
        return noContent();
      },
    },
    {
      method: "POST",
      path: "/runs/:run_id/tags/new",
      summary: "Attach a tag, making it when there is none of that name",
      body: tagging.schema,
      answer: { description: "The tag's id. Attaching it again changes nothing.", schema: schemas.tagAttached },
      errors: [404],
      handle: async (request) => {
        const id = request.param("run_id");
        const { tag_name: name } = await readBody(request, tagging);
        requireName(name);
        const options = { now: context.now(), id: crypto.randomUUID() };
        const tagId = await database.transact(async (tx) => {
          await requireRun(tx, store, id);
          const tag = (await findTagByName(tx, store, name)) ?? (await createTag(tx, store, { name }, options));
          await addRunTag(tx, store, id, tag);
          return tag;
        });
        return json(mapOf({ id, tag_id: tagId, status: "OK" }));
      },
    },
    {
      method: "DELETE",
      path: "/runs/:run_id/tags/:tag_id",
      summary: "Detach a tag",
      answer: { description: "The run does not have the tag.", schema: schemas.tagDetached },
      errors: [404],
      handle: async (request) => {
        const id = request.param("run_id");
        const tag = request.param("tag_id");
        await database.transact(async (tx) => {
          await requireRun(tx, store, id);
          if (!(await hasEntity(tx, store, "tag", tag))) throw missing("tag", tag);
          await removeRunTag(tx, store, id, tag);
        });
        return json(mapOf({ id, removed: true, status: "OK" }));
      },
    },
  ];
}

interface RunChange {
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly archived?: boolean | undefined;
  readonly experiment?: string | undefined;
  readonly active?: boolean | undefined;
}
