// The project as a whole: rest-api.md 1.9.
import { isMap, mapOf, type Value, type ValueMap } from "../../formats/value.ts";
import { listEntities } from "../store/entities.ts";
import type { IndexTerm } from "../store/indexes.ts";
import { walkCreated, walkTerm } from "../store/indexPages.ts";
import { readProjectName, readProjectSettings, writeProjectSettings } from "../store/project.ts";
import { ActivityMap } from "./activity.ts";
import { textOrNull } from "./entityJson.ts";
import { ProjectParams } from "./projectParams.ts";
import { json, jsonText } from "./respond.ts";
import type { ApiContext, Route } from "./route.ts";
import { dictionary, list, object, readBody, text } from "./schema.ts";
import { schemas } from "./schemas.ts";
import { sequenceTypes } from "./sequenceTypes.ts";
import { SharedRead } from "./sharedRead.ts";

const pins = object({ sequences: list(object({ name: text, context: dictionary })) });

export function projectRoutes(context: ApiContext): Route[] {
  const { store } = context;
  const { database } = store;
  const params = new ProjectParams(store);
  const named = new SharedRead(() => database.snapshot((tx) => readProjectName(tx, store)));

  return [
    {
      method: "GET",
      path: "/projects",
      summary: "What the project is called",
      answer: { description: "The project.", schema: schemas.project },
      handle: async () => {
        const { name, description } = await named.read();
        return json(
          mapOf({
            name,
            path: "",
            description,
            telemetry_enabled: 0n,
            warn_index: false,
            warn_runs: false,
          }),
        );
      },
    },
    {
      method: "GET",
      path: "/projects/activity",
      summary: "How many runs began on which day",
      usesTimezone: true,
      answer: { description: "Days are those of the caller's clock.", schema: schemas.projectActivity },
      handle: async (request) => {
        const activity = new ActivityMap("day", request.timezoneOffset);
        // A run that the old system created twice has entries of both times: its last one counts. Memory: some 100 bytes a run.
        const created = new Map<string, number>();
        for await (const runs of walkCreated(store))
          for (const { hash, createdAt } of runs) created.set(hash, createdAt);
        for (const createdAt of created.values()) activity.add(createdAt);
        const countIn = async (term: IndexTerm) => {
          let count = 0;
          for await (const hashes of walkTerm(store, term)) for (const hash of hashes) if (created.has(hash)) count++;
          return BigInt(count);
        };
        let experiments = 0n;
        for await (const _ of listEntities(store, "experiment")) experiments++;
        const counts = {
          num_experiments: experiments,
          num_runs: BigInt(created.size),
          num_archived_runs: await countIn(["archived", true]),
          num_active_runs: await countIn(["active", true]),
        };
        return json(mapOf({ ...counts, activity_map: activity.toValue() }));
      },
    },
    {
      method: "GET",
      path: "/projects/params",
      summary: "The parameters and sequences that runs have",
      query: {
        exclude_params: { type: "boolean", description: "Only sequences.", default: false },
        sequence: {
          type: "string",
          description: `Types to fill: ${sequenceTypes.join(", ")}. Without it all; the others stay empty.`,
          repeated: true,
        },
      },
      answer: {
        description:
          "All runs together: parameters merged (of several values the latest run's), contexts by sequence name.",
        schema: schemas.projectParams,
      },
      handle: async ({ query }) => {
        const wanted = query.strings("sequence");
        const types = wanted.length === 0 ? sequenceTypes : sequenceTypes.filter((type) => wanted.includes(type));
        const withParams = !query.bool("exclude_params", false);
        return jsonText(await params.text(withParams, types));
      },
    },
    {
      method: "GET",
      path: "/projects/pinned-sequences",
      summary: "The sequences that are pinned in the UI",
      answer: { description: "The sequences.", schema: schemas.pinnedSequences },
      handle: async () => {
        const settings = await database.snapshot((tx) => readProjectSettings(tx, store));
        return json(mapOf({ sequences: pinnedOf(settings.get("pinned_sequences")) }));
      },
    },
    {
      method: "POST",
      path: "/projects/pinned-sequences",
      summary: "Pin sequences, in place of those that are pinned",
      body: pins.schema,
      answer: { description: "What is pinned now.", schema: schemas.pinnedSequences },
      handle: async (request) => {
        const { sequences } = await readBody(request, pins);
        const pinned = sequences.map(({ name, context: where }) => mapOf({ name, context: where }));
        await database.transact((tx) => writeProjectSettings(tx, store, mapOf({ pinned_sequences: pinned })));
        return json(mapOf({ sequences: pinned }));
      },
    },
    {
      method: "GET",
      path: "/projects/status",
      summary: "The state of the project's indexes",
      answer: { description: "Always `up-to-date`.", schema: { type: "string" } },
      handle: () => json("up-to-date"),
    },
  ];
}

/** As they are stored; older writers kept more of a sequence than is shown. */
function pinnedOf(stored: Value | undefined): Value[] {
  if (!Array.isArray(stored)) return [];
  return stored.filter(isMap).map((pin: ValueMap) => {
    const where = pin.get("context");
    return mapOf({ name: textOrNull(pin, "name") ?? "", context: isMap(where) ? where : new Map() });
  });
}
