// The functions of libfdb_c that the engine calls, as bun:ffi sees them. Source: FoundationDB's C API reference, version 7.3.
import { CString, dlopen, type Pointer } from "bun:ffi";

/** Addresses of native objects; each kind is made and destroyed by functions of its own. */
export type Address = Pointer;

const address = "ptr";
const int = "i32";

const symbols = {
  fdb_get_max_api_version: { args: [], returns: int },
  fdb_select_api_version_impl: { args: [int, int], returns: int },
  fdb_get_client_version: { args: [], returns: address },
  fdb_get_error: { args: [int], returns: address },
  fdb_error_predicate: { args: [int, int], returns: int },
  fdb_setup_network: { args: [], returns: int },
  fdb_stop_network: { args: [], returns: int },
  fdb_create_database: { args: [address, address], returns: int },
  fdb_database_destroy: { args: [address], returns: "void" },
  fdb_database_create_transaction: { args: [address, address], returns: int },
  fdb_transaction_destroy: { args: [address], returns: "void" },
  fdb_transaction_cancel: { args: [address], returns: "void" },
  fdb_transaction_set_option: { args: [address, int, address, int], returns: int },
  fdb_transaction_get_read_version: { args: [address], returns: address },
  fdb_transaction_set_read_version: { args: [address, "i64"], returns: "void" },
  fdb_transaction_get_committed_version: { args: [address, address], returns: int },
  fdb_transaction_get: { args: [address, address, int, int], returns: address },
  fdb_transaction_get_range: {
    args: [address, address, int, int, int, address, int, int, int, int, int, int, int, int, int],
    returns: address,
  },
  fdb_transaction_get_estimated_range_size_bytes: { args: [address, address, int, address, int], returns: address },
  fdb_transaction_set: { args: [address, address, int, address, int], returns: "void" },
  fdb_transaction_clear: { args: [address, address, int], returns: "void" },
  fdb_transaction_clear_range: { args: [address, address, int, address, int], returns: "void" },
  fdb_transaction_atomic_op: { args: [address, address, int, address, int, int], returns: "void" },
  fdb_transaction_add_conflict_range: { args: [address, address, int, address, int, int], returns: int },
  fdb_transaction_commit: { args: [address], returns: address },
  fdb_transaction_on_error: { args: [address, int], returns: address },
  fdb_future_destroy: { args: [address], returns: "void" },
  fdb_future_is_ready: { args: [address], returns: int },
  fdb_future_get_error: { args: [address], returns: int },
  fdb_future_set_callback: { args: [address, address, address], returns: int },
  fdb_future_get_int64: { args: [address, address], returns: int },
  fdb_future_get_value: { args: [address, address, address, address], returns: int },
  fdb_future_get_keyvalue_array: { args: [address, address, address, address], returns: int },
} as const;

/** @throws what bun:ffi throws when there is no such library, or it lacks a function. */
export function loadClient(path: string) {
  return dlopen(path, symbols).symbols;
}

type Symbols = ReturnType<typeof loadClient>;

export type Client = {
  readonly [Name in keyof Symbols]: (...given: Parameters<Symbols[Name]>) => ReturnType<Symbols[Name]>;
};

/** The newest API version that is asked for by default, and the oldest with all that is used here. */
export const apiVersions = { newest: 730, oldest: 700 } as const;

export const transactionOptions = { readYourWritesDisable: 51, timeout: 500, maxRetryDelay: 502 } as const;
export const streamingModes = { wantAll: -2, exact: 0 } as const;
export const conflictRangeTypes = { read: 0, write: 1 } as const;
export const mutationTypes = { add: 2 } as const;
/** FDBErrorPredicate: whether `on_error` takes the error, and whether a commit may have happened all the same. */
export const errorPredicates = { retryable: 50_000, maybeCommitted: 50_001 } as const;

/** The library's own words for an error code. */
export function errorText(client: Client, code: number): string {
  return textAt(client.fdb_get_error(code));
}

export function textAt(text: Returned): string {
  return text === null ? "" : new CString(addressOf(text)).toString();
}

/** What bun:ffi gives for a pointer; a number for all that user space can hold. */
export type Returned = Address | bigint | null;

/** @throws Error for the null pointer, which no function that is used here gives. */
export function addressOf(pointer: Returned): Address {
  if (pointer === null) throw new Error("FoundationDB's client library gave no object");
  return Number(pointer) as Address;
}

export function offset(base: Address, bytes: number): Address {
  return (base + bytes) as Address;
}
