// What a service's refusal means, in one error for all engines: it names place and key, says the way out, and no secret.
import { MatyanError } from "../../formats/error.ts";

/** What is known of a failed request. */
export interface Refusal {
  /** HTTP status; undefined when there was no answer. */
  readonly status: number | undefined;
  /** The service's or the operating system's code: `NoSuchKey`, `ECONNREFUSED`. */
  readonly code: string;
  readonly text: string;
}

/** Where an engine's blobs are, and whom to turn to when they can't be had. */
export interface BlobPlace {
  /** `the bucket 'runs' at http://127.0.0.1:9000` */
  readonly name: string;
  /** Never printed, wherever a service's text repeats them. */
  readonly secrets: readonly string[];
  readonly hints: {
    readonly denied: string;
    readonly missing: string;
    readonly unreachable: string;
  };
}

const networkCodes = new Set([
  ...["ECONNREFUSED", "ECONNRESET", "ENOTFOUND", "EAI_AGAIN", "ETIMEDOUT", "EPIPE", "EHOSTUNREACH", "ENETUNREACH"],
  ...[
    "ConnectionRefused",
    "ConnectionClosed",
    "FailedToOpenSocket",
    "TimeoutError",
    "NetworkingError",
    "REQUEST_SEND_ERROR",
  ],
]);

/** @param verb what was attempted: `write`, `read`, `delete`, `list`, `use`; @param key undefined for the place itself */
export function refusalError(place: BlobPlace, verb: string, key: string | undefined, refusal: Refusal): MatyanError {
  const what = key === undefined ? place.name : `the blob '${shortened(key)}' in ${place.name}`;
  const why = withoutSecrets([refusal.code, refusal.text].filter((part) => part !== "").join(": "), place.secrets);
  const hint = hintFor(place, refusal);
  const answer = refusal.status === undefined ? "" : ` (HTTP ${refusal.status})`;
  return new MatyanError("io", `can't ${verb} ${what}: ${why}${answer}`, hint === undefined ? {} : { hint });
}

function hintFor({ hints }: BlobPlace, { status, code }: Refusal): string | undefined {
  if (networkCodes.has(code)) return hints.unreachable;
  if (status === undefined) return hints.denied;
  if (status === 401 || status === 403) return hints.denied;
  if (status === 404) return hints.missing;
  if (status === 408 || status === 429 || status >= 500)
    return "The service is overloaded or has a fault: try again later.";
  return undefined;
}

/** The first line, with the secrets and whatever looks like a signature taken out. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  let clean = text.split("\n", 1)[0]!;
  for (const secret of secrets) if (secret !== "") clean = clean.replaceAll(secret, "***");
  return clean
    .replace(
      /\b(sig|signature|x-amz-signature|x-goog-signature|x-amz-security-token|accountkey)=[^&;\s"']+/gi,
      "$1=***",
    )
    .slice(0, 400);
}

function shortened(key: string): string {
  return key.length > 200 ? `${key.slice(0, 200)}...` : key;
}
