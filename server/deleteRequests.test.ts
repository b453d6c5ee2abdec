// How often workers are asked for a delete.
import { expect, test } from "bun:test";
import { MatyanError } from "../formats/error.ts";
import { deleteRequests } from "./deleteRequests.ts";
import type { Ingest } from "./workers/ingest.ts";

test("a run is asked for again only when the bus did not take it, or after long", async () => {
  const published: string[] = [];
  let at = 0;
  let isAway = true;
  const ingest: Ingest = {
    submit: async (messages) => {
      if (isAway) throw new MatyanError("io", "no broker answers");
      published.push(...messages.map(({ type, runId, timestamp }) => `${type} ${runId} ${timestamp}`));
      return messages.map(() => ({ ok: true as const }));
    },
  };
  const request = deleteRequests({ ingest, now: () => at, patience: 3_600 });
  expect(request("a")).rejects.toThrow("no broker answers");
  isAway = false;
  at = 60;
  await request("a");
  at = 120;
  await request("a");
  await request("b");
  at = 3_660;
  await request("a");
  await request("b");
  expect(published).toEqual(["delete_run a 60", "delete_run b 120", "delete_run a 3660"]);
});

test("a refusal is an error, and the run is asked for again", async () => {
  let refusals = 1;
  const ingest: Ingest = {
    submit: async () => [
      refusals-- > 0 ? { ok: false, error: new MatyanError("io", "not all files are gone") } : { ok: true },
    ],
  };
  const request = deleteRequests({ ingest, now: () => 0, patience: 3_600 });
  expect(request("a")).rejects.toThrow("not all files are gone");
  await Bun.sleep(0);
  await request("a");
  expect(refusals).toBe(-1);
});
