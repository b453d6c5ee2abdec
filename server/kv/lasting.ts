// Long reads of one thing, on every engine: where a snapshot lives only 5 s, it goes on in new ones that give the same answers.
import type { Database, KeyRange, ReadTransaction } from "./index.ts";

/**
 * As `database.snapshot`, but `body` may take as long as it likes. What it reads in `range` is of one state; what it reads
 * elsewhere may be of a later one. Where a key of `range` was changed and the state is too old to be read on, `changed` is
 * called, once, and reads go on with newer states.
 * @throws KvError 1020 then when there is no `changed`: nothing is wrong, and the work may be done again.
 */
export function lastingSnapshot<T>(
  database: Database,
  range: KeyRange,
  body: (tx: ReadTransaction) => Promise<T>,
  changed?: () => void,
): Promise<T> {
  return database.lasting === undefined ? database.snapshot(body) : database.lasting(range, body, changed);
}
