// Checks that run side by side, each with a bound on its time, and what they found.
import { MatyanError, messageOf } from "../../formats/error.ts";

/** `skipped`: could not be looked at, and the message says why. */
export type Severity = "ok" | "skipped" | "warning" | "failure";

export interface Finding {
  readonly severity: Severity;
  /** What was found, naming the thing. */
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string | undefined;
}

export interface Check {
  readonly name: string;
  /** A throw is a failure, with the error's own hint. */
  run(): Promise<readonly Finding[]>;
}

export interface CheckResult {
  readonly name: string;
  readonly severity: Severity;
  readonly findings: readonly Finding[];
  readonly seconds: number;
}

const order: readonly Severity[] = ["skipped", "ok", "warning", "failure"];

/** The gravest of them; `ok` of none. What was skipped is outweighed by all that was looked at. */
export function gravest(severities: readonly Severity[]): Severity {
  return severities.reduce((a, b) => (order.indexOf(b) > order.indexOf(a) ? b : a), severities[0] ?? "ok");
}

/** Results in the order of the checks, each within `timeoutMs` milliseconds, whatever the others do. */
export async function runChecks(checks: readonly Check[], timeoutMs: number): Promise<CheckResult[]> {
  return Promise.all(checks.map((check) => runCheck(check, timeoutMs)));
}

async function runCheck({ name, run }: Check, timeoutMs: number): Promise<CheckResult> {
  const start = performance.now();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<readonly Finding[]>((resolve) => {
    timer = setTimeout(
      () => resolve([failure(`no answer within ${timeoutMs / 1_000} s`, "Is it up? --timeout waits longer.")]),
      timeoutMs,
    );
  });
  const findings = await Promise.race([run().catch((error: unknown) => [failureOf(error)]), late]);
  clearTimeout(timer);
  const severity = gravest(findings.map((finding) => finding.severity));
  return { name, severity, findings, seconds: (performance.now() - start) / 1_000 };
}

export function ok(message: string): Finding {
  return { severity: "ok", message };
}

export function skipped(message: string): Finding {
  return { severity: "skipped", message };
}

export function warning(message: string, hint?: string): Finding {
  return { severity: "warning", message, hint };
}

export function failure(message: string, hint?: string): Finding {
  return { severity: "failure", message, hint };
}

export function failureOf(error: unknown): Finding {
  return failure(messageOf(error), error instanceof MatyanError ? error.hint : undefined);
}
