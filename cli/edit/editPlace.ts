// Where runs are edited: the store of this machine, or a server.
import { MatyanError } from "../../formats/error.ts";
import type { Config } from "../../server/config.ts";
import { findRun } from "../../server/listing/findRun.ts";
import { selectRuns } from "../../server/listing/select.ts";
import { type RunSummary, readSummary } from "../../server/listing/summary.ts";
import { checkEdit, editRun, type RunEdit } from "../../server/runEdits.ts";
import { openStack } from "../../server/stack.ts";
import { parseAddress } from "../client/address.ts";
import { Http } from "../client/http.ts";
import { prepareTyped } from "../ui/queryText.ts";
import { type RunSource, storeSource } from "../ui/runListing.ts";
import { serverEdits } from "./serverEdits.ts";

export interface Edited {
  /** False also for a run that was like that already. */
  readonly changed: boolean;
  /** A delete that was asked for and is not done yet. */
  readonly pending?: boolean;
  /** Why this run could not be changed. */
  readonly error?: MatyanError;
  /** Whether other runs would fail of the same. */
  readonly isLast?: boolean;
}

export interface EditPlace extends AsyncDisposable {
  /** @throws MatyanError for what is wrong with the edit whatever the run */
  check(edit: RunEdit): Promise<void>;
  /** Whole hashes. @throws MatyanError for a text that names none or several runs */
  find(typed: readonly string[]): Promise<readonly string[]>;
  /** The hashes of the runs that a query finds. @throws MatyanError `usage` that shows what is wrong in the query */
  select(query: string): AsyncIterable<readonly string[]>;
  /** The runs as a list shows them; without those that are gone meanwhile. */
  summaries(hashes: readonly string[]): Promise<readonly RunSummary[]>;
  readonly source: RunSource;
  /** Makes the edit; making it again changes nothing. @throws what is no MatyanError, and when it is stopped */
  edit(hash: string, edit: RunEdit): Promise<Edited>;
}

export interface PlaceOptions {
  /** Address of a server; else the store of `config`. */
  readonly url: string | undefined;
  readonly config: Config;
  /** `read` does without the permission to write to the store. */
  readonly access: "read" | "write";
  readonly signal: AbortSignal;
}

export async function openEditPlace({ url, config, access, signal }: PlaceOptions): Promise<EditPlace> {
  if (url !== undefined) return serverEdits(new Http(parseAddress(url)), signal);
  const stack = await openStack(config, { missing: "fail", access });
  const { store } = stack;
  return {
    check: (edit) => checkEdit(store, edit),
    find: async (typed) => {
      const hashes: string[] = [];
      for (const text of typed) hashes.push(await findRun(store, text));
      return hashes;
    },
    select: (query) => selectRuns(store, { query: prepareTyped(query, "run"), sort: [] }, signal),
    summaries: async (hashes) => {
      const runs = await store.database.snapshot((tx) =>
        Promise.all(hashes.map((hash) => readSummary(tx, store, hash, {}))),
      );
      return runs.filter((run) => run !== undefined);
    },
    source: storeSource(store),
    edit: async (hash, edit) => {
      try {
        return { changed: await editRun(stack, hash, edit, Date.now() / 1_000) };
      } catch (error) {
        if (error instanceof MatyanError) return { changed: false, error };
        throw error;
      }
    },
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  };
}
