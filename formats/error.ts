// The one family of errors that a person may see. The command line maps `code` to an exit status, the API to an HTTP status.

export type ErrorCode =
  | "usage" //        the request itself is wrong
  | "not_found" //    the named thing does not exist
  | "conflict" //     the thing exists already, or somebody else changed it
  | "corrupt" //      stored bytes are not what they must be
  | "unsupported" //  a version or feature this program does not know
  | "too_large" //    a key, value or transaction over the store's limits
  | "busy" //         another process holds what is needed
  | "io" //           the operating system refused
  | "interrupted"; // the user stopped the work

export interface MatyanErrorOptions {
  /** What the reader can do next, as one sentence. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** An error that names the failing thing; `hint` says the way out. Anything else that is thrown is a defect of ours. */
export class MatyanError extends Error {
  override readonly name: string = "MatyanError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: MatyanErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }
}

/** The message of anything thrown, for embedding in another message. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
