// The client library's error codes as errors that callers know, with FoundationDB's number and text.
import { KvError } from "../index.ts";
import { type Client, errorPredicates, errorText } from "./native.ts";

export function storeError(client: Client, code: number, options?: { readonly hint?: string }): KvError {
  return new KvError(code, undefined, { text: errorText(client, code), ...options });
}

/** Whether the client library's own way is to run the transaction again after this error. */
export function isRetryable(client: Client, code: number): boolean {
  return client.fdb_error_predicate(errorPredicates.retryable, code) !== 0;
}

/** Numbers of FoundationDB's error list that this engine treats by name. */
export const errorNumbers = {
  transactionTooOld: 1007,
  conflict: 1020,
  unknownResult: 1021,
  cancelled: 1025,
  timedOut: 1031,
} as const;

/** Whether a commit that failed so may have happened all the same. A timeout leaves it open too. */
export function maybeCommitted(client: Client, code: number): boolean {
  return code === errorNumbers.timedOut || client.fdb_error_predicate(errorPredicates.maybeCommitted, code) !== 0;
}
