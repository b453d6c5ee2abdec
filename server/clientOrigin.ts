// The address that a client used to reach us, as scheme, host and port: what its further requests go to.

/** A host name, an IPv4 or a bracketed IPv6 address, with or without a port. Nothing else may reach a page or a URL. */
const hostShape = /^(?:[\p{L}\p{N}._-]+|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?$/u;

/**
 * From `Host`, or from `X-Forwarded-Host` and `X-Forwarded-Proto` of a proxy in between (the first of several).
 * Without a usable host it is the address of the request's own URL.
 */
export function clientOrigin(request: Request): string {
  const { headers } = request;
  const first = (name: string) => headers.get(name)?.split(",")[0]?.trim() ?? "";
  const scheme =
    first("x-forwarded-proto").toLowerCase() === "https" ? "https" : new URL(request.url).protocol.slice(0, -1);
  const host = [first("x-forwarded-host"), headers.get("host") ?? ""].find((each) => hostShape.test(each));
  return `${scheme}://${host ?? new URL(request.url).host}`;
}
