// What ours answers other than recorded when things are changed: names that are taken or empty, runs and tags that are not
// there, descriptions that were not given, deletes.
import { type Amendment, eachMap, refuse, set } from "./amendment.ts";
import { mapAt } from "./facts.ts";
import type { Node } from "./nodes.ts";
import type { RecordedRequest } from "./recording.ts";

/** Of the recording. */
const plainTag = "7892d2cd-2b6d-49cd-b73e-ba4d02863c2a";

/**
 * What is asked beside a recorded request that ours refuses as a whole, so that the rest of the recording has what it
 * changed: the request without what is not there.
 */
export const followUps: ReadonlyMap<number, Partial<RecordedRequest>> = new Map([
  [1164, { json: ["a18e6c30be651d2c1ce72d64612a78a5", "c6c802a98801164e92f95733f31efce1"] }],
]);

export const changeDifferences: readonly Amendment[] = [
  {
    name: "empty names",
    only: [963, 983, 1010],
    amend: (right) => refuse(right, 422, "String should have at least 1 character"),
  },
  { name: "empty names: nothing was made", only: [965, 1011, 1044], amend: (right) => refuse(right, 404, "Not Found") },
  {
    name: "empty names: nothing has them",
    amend: ({ body }, { n }) => {
      let found = false;
      if (n < 963) return false;
      const isEmpty = (item: Node) => item instanceof Map && item.has("id") && item.get("name") === "";
      const drop = (list: Node[]) => {
        const at = list.findIndex(isEmpty);
        if (at < 0) return;
        found = true;
        list.splice(at, 1);
        drop(list);
      };
      if (Array.isArray(body)) drop(body);
      eachMap(body, (map) => {
        const tags = map.get("tags");
        if (Array.isArray(tags)) drop(tags);
      });
      return found;
    },
  },
  {
    name: "taken names",
    amend: (right, { n }, { ids }) => {
      if (n === 975) return refuse(right, 400, "Tag with name 'renamed' already exists");
      if (n < 975) return false;
      const plain = ids.toOurs(plainTag);
      if (n === 976 && Array.isArray(right.body)) {
        right.body = right.body.filter((item) => mapAt(item)!.get("id") !== plain);
        return true;
      }
      let found = false;
      eachMap(right.body, (map) => {
        if (map.get("id") === plain) found = set(map, "name", "plain") || found;
      });
      return found;
    },
  },
  {
    name: "tag counted once: attached twice",
    only: [985],
    amend: ({ body }) => set(mapAt(body), "run_count", 8n),
  },
  { name: "detaching a tag that is none", only: [990, 1003], amend: (right) => refuse(right, 404, "Not Found") },
  {
    name: "descriptions that were not given",
    only: [1015, 1035],
    amend: ({ body }) => set(mapAt(body), "description", "desc"),
  },
  { name: "notes of others", only: [1026, 1100], amend: (right) => refuse(right, 404, "Not Found") },
  {
    name: "notes of others: none was made",
    only: [1101],
    amend: (right) => {
      right.body = [];
      return true;
    },
  },
  {
    name: "an experiment that is none",
    only: [1039],
    amend: ({ body }) => set(mapAt(body), "runs", []),
  },
  {
    name: "a run that goes on has no end",
    only: [1063],
    amend: ({ body }) => set(mapAt(body, "props"), "end_time", null),
  },
  {
    name: "lists with unknown runs",
    only: [1082, 1084, 1164],
    amend: (right) => refuse(right, 404, /^There is no run 'unknown-\w+': nothing was changed$/),
  },
  {
    name: "lists with unknown runs: none was made",
    only: [1083, 1085, 1165],
    amend: (right) => refuse(right, 404, "Not Found"),
  },
  {
    name: "lists with unknown runs: none is found",
    amend: (right) => {
      if (!(right.body instanceof Map)) return false;
      const unknown = [...right.body.keys()].filter((key) => key.startsWith("unknown-"));
      for (const hash of unknown) right.body.delete(hash);
      right.order = right.order?.filter((hash) => !unknown.includes(String(hash)));
      return unknown.length > 0;
    },
  },
  {
    name: "deleted runs are gone at once",
    only: [1154, 1158, 1161, 1163],
    amend: (right, { n }) => (n === 1158 ? set(mapAt(right.body), "run_count", 4n) : refuse(right, 404, "Not Found")),
  },
  {
    name: "deleted experiments stay deleted",
    only: [1180, 1181, 1182],
    amend: ({ body }) => {
      let found = false;
      eachMap(body, (map) => {
        const experiment = mapAt(map, "experiment");
        if (experiment?.get("name") !== "") return;
        for (const name of experiment.keys()) experiment.set(name, null);
        found = true;
      });
      return found;
    },
  },
];
