// What everybody who has messages to store sees of the workers.
import type { MatyanError } from "../../formats/error.ts";
import type { IngestMessage } from "../../formats/messages/index.ts";

/** What became of one message. A message for a deleted run is dropped, which is `ok`: its sender can do nothing better. */
export type Outcome = { readonly ok: true } | { readonly ok: false; readonly error: MatyanError };

export interface Ingest {
  /**
   * Takes messages and resolves when all of them are durable, with one outcome each, in their order. The order of a run's
   * messages is kept, within a call and between calls. Waits while more is under way than memory is allowed for.
   * @throws MatyanError `interrupted` after `close`; what the store throws when it fails as a whole (then nothing is known
   * of what was stored, and submitting the same messages again is safe).
   */
  submit(messages: readonly IngestMessage[]): Promise<readonly Outcome[]>;
}
