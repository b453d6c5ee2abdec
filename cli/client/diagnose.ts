// What answers at an address that could not be used: the difference between "nothing there" and "the wrong one".
import { MatyanError, messageOf } from "../../formats/error.ts";
import { tryParseJson } from "../../formats/json.ts";
import { isMap } from "../../formats/value.ts";

export type Finding =
  /** Nobody listens, or the name is unknown. */
  | { readonly kind: "unreachable"; readonly reason: string }
  /** Web pages: the UI, or something else that people look at. */
  | { readonly kind: "pages" }
  /** Something that is no matyan server. */
  | { readonly kind: "foreign"; readonly status: number }
  /** A server for the moment out of order, or a proxy in front of one. */
  | { readonly kind: "down"; readonly status: number }
  | { readonly kind: "matyan"; readonly version: string; readonly component: string };

const probeMs = 5_000;

/** Asks for the version, which all parts of the system know. Never throws. */
export async function lookAt(address: string): Promise<Finding> {
  try {
    const response = await fetch(`${address}/api/v1/rest/version/`, { signal: AbortSignal.timeout(probeMs) });
    const text = await response.text();
    if (response.status >= 502 && response.status <= 504) return { kind: "down", status: response.status };
    const body = tryParseJson(text);
    const version = isMap(body) ? body.get("version") : undefined;
    if (response.ok && isMap(body) && typeof version === "string") {
      const component = body.get("component");
      return { kind: "matyan", version, component: typeof component === "string" ? component : "" };
    }
    if (/^\s*</.test(text)) return { kind: "pages" };
    return { kind: "foreign", status: response.status };
  } catch (error) {
    return { kind: "unreachable", reason: reasonOf(error) };
  }
}

/** What to tell a person whose `what` (such as "the frontier") at `address` could not be used, for the `reason` given. */
export function explainFinding(what: string, address: string, finding: Finding, reason: string): MatyanError {
  switch (finding.kind) {
    case "unreachable":
      return new MatyanError("io", `${what} at ${address} can't be reached: ${finding.reason}`, {
        hint: "Start it with `matyan serve`, or name another address with --url, `repo` or MATYAN_FRONTIER_URL and MATYAN_BACKEND_URL.",
      });
    case "pages":
      return new MatyanError("usage", `${address} answers with web pages: it is not ${what}`, {
        hint: "That may be the web UI's own address. The API's port is 53800 and the frontier's 53801, unless configured otherwise.",
      });
    case "foreign":
      return new MatyanError("usage", `${address} is no matyan server: it answers with status ${finding.status}`, {
        hint: "Check the port and the path. The API's port is 53800 and the frontier's 53801, unless configured otherwise.",
      });
    case "down":
      return new MatyanError("io", `${what} at ${address} is out of order: status ${finding.status}`, {
        hint: "Try again in a moment.",
      });
    case "matyan": {
      const is = `${address} is version ${finding.version} of the ${finding.component || "server"}`;
      const wanted = what === "the frontier" ? "frontier" : "backend";
      const isOther =
        (finding.component === "backend" || finding.component === "frontier") && finding.component !== wanted;
      // Ours is a backend that is a frontier as well: then it is not the address that is wrong.
      return isOther && wanted === "backend"
        ? new MatyanError("usage", `${is}, and not ${what}`, {
            hint: "Give the API's address: its port is 53800 unless configured otherwise.",
          })
        : new MatyanError(isOther ? "usage" : "unsupported", `${is}, which can't be used as ${what}: ${reason}`, {
            hint: isOther
              ? "Give the frontier's address (`frontier`, --url, MATYAN_FRONTIER_URL): its port is 53801 unless configured otherwise."
              : "This client works with servers that speak /api/v1: update the older one of the two.",
          });
    }
  }
}

/** Whether trying again can help. */
export function mayPass(finding: Finding): boolean {
  return finding.kind === "unreachable" || finding.kind === "down";
}

/** The failure of a `fetch` in a few words. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  const known: Readonly<Record<string, string>> = {
    ECONNREFUSED: "nothing listens there",
    ConnectionRefused: "nothing listens there",
    ENOTFOUND: "there is no host of that name",
    ECONNRESET: "the connection was closed",
    ConnectionClosed: "the connection was closed",
    ETIMEDOUT: "no answer in time",
  };
  if (typeof code === "string" && known[code] !== undefined) return known[code];
  if (error instanceof Error && (error.name === "TimeoutError" || error.name === "AbortError"))
    return "no answer in time";
  return messageOf(error);
}
