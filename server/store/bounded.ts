// Work in steps of a bounded number of things, in smaller ones where long keys make a step too large for the engine.
import { type Database, KvError, type Transaction } from "../kv/index.ts";

/**
 * One transaction over at most `limit` things. When it is over the engine's size (keys may have 10 kB), it is done again with half
 * of the limit, down to one thing. `body` must do no more than it is told and be able to go on from what is stored.
 */
export async function boundedTransaction<T>(
  database: Database,
  limit: number,
  body: (tx: Transaction, limit: number) => Promise<T>,
): Promise<T> {
  try {
    return await database.transact((tx) => body(tx, limit));
  } catch (error) {
    if (limit <= 1 || !(error instanceof KvError) || error.number !== 2101) throw error;
    return boundedTransaction(database, limit >> 1, body);
  }
}
