// What goes wrong in a request, as a status and a body: `{error: {code, message}, detail, message}` (rest-api.md 1.3, W12).
import { MatyanError } from "../../formats/error.ts";
import { mapOf, type Value, type ValueMap } from "../../formats/value.ts";
import { QueryBudgetError, QueryError } from "../query/index.ts";

/** An error whose status is decided where it is thrown. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  /** Shown by the UI in place of `message`, which programs and the existing services' tests know. */
  readonly shown: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    message: string,
    options: { readonly shown?: string; readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message);
    this.status = status;
    this.shown = options.shown ?? message;
    this.headers = options.headers ?? {};
  }
}

/** A thing that is not there. `shown` says which: "There is no run 'x'." */
export function notFound(shown: string): ApiError {
  return new ApiError(404, "Not Found", { shown });
}

/** As `notFound`, for a record of a kind: "There is no tag 'x'". */
export function missing(kind: string, id: string): ApiError {
  return notFound(`There is no ${kind} '${id.slice(0, 200)}'`);
}

export function badRequest(message: string, shown?: string): ApiError {
  return new ApiError(400, message, shown === undefined ? {} : { shown });
}

/** What does not fit its declaration, in pydantic's words; several faults are one text. */
export function invalid(...faults: readonly string[]): ApiError {
  return new ApiError(422, faults.join("; "));
}

const codes: Readonly<Record<number, string>> = {
  400: "bad_request",
  401: "unauthorized",
  403: "forbidden",
  404: "not_found",
  409: "conflict",
  422: "validation_error",
  500: "internal_error",
};

const statuses: Readonly<Record<MatyanError["code"], number>> = {
  usage: 400,
  unsupported: 400,
  not_found: 404,
  conflict: 409,
  too_large: 413,
  corrupt: 500,
  io: 503,
  busy: 503,
  interrupted: 503,
};

export interface Problem {
  readonly status: number;
  readonly body: ValueMap;
  readonly headers: Readonly<Record<string, string>>;
  /** Whether a maintainer should hear of it: the fault is not the request's. */
  readonly isOurs: boolean;
}

/** The answer to anything thrown. Only errors that were written for readers say what happened. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ApiError) {
    const body = errorBody(error.status, error.message, error.message, error.shown);
    return { status: error.status, body, headers: error.headers, isOurs: error.status >= 500 };
  }
  if (error instanceof QueryError) {
    const { statement, line, offset, end_offset } = error.position;
    const position = mapOf({
      statement,
      line: BigInt(line),
      offset: BigInt(offset),
      end_offset: BigInt(end_offset),
    });
    return {
      status: 400,
      body: errorBody(400, error.message, position, "SyntaxError"),
      headers: {},
      isOurs: false,
    };
  }
  if (error instanceof MatyanError) {
    const status = error instanceof QueryBudgetError ? 400 : statuses[error.code];
    const body = errorBody(status, error.message, error.message, withHint(error));
    return { status, body, headers: {}, isOurs: status >= 500 };
  }
  const message = "Internal server error";
  return { status: 500, body: errorBody(500, message, message, message), headers: {}, isOurs: true };
}

/** What happened and what to do, for people. */
export function withHint(error: MatyanError): string {
  return error.hint === undefined ? error.message : `${error.message}. ${error.hint}`;
}

function errorBody(status: number, message: string, detail: Value, shown: string): ValueMap {
  return mapOf({ error: mapOf({ code: codes[status] ?? "error", message }), detail, message: shown });
}
