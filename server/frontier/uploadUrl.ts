// Upload URLs of our own: whoever holds one may PUT one blob of one type, for a while and up to a size.
import { createHmac, timingSafeEqual } from "node:crypto";
import { blobKeyIn, blobUrlPath } from "./blobPath.ts";

export interface UploadGrant {
  readonly key: string;
  readonly contentType: string;
  /** Seconds since the epoch. */
  readonly expires: number;
  /** Bytes. */
  readonly maxBytes: number;
}

/** Path and query of the URL. Its signature covers the method, and every member of the grant. */
export function signUpload(grant: UploadGrant, secret: Uint8Array): string {
  const query = new URLSearchParams({
    type: grant.contentType,
    max: String(grant.maxBytes),
    expires: String(grant.expires),
    signature: signatureOf(grant, secret).toString("base64url"),
  });
  return `${blobUrlPath(grant.key)}?${query}`;
}

/** What a URL grants, or why it grants nothing. A grant that has expired is refused. */
export function readUpload(url: URL, secret: Uint8Array, now: number): UploadGrant | { readonly refused: string } {
  const key = blobKeyIn(url.pathname);
  const contentType = url.searchParams.get("type");
  const expires = wholeNumber(url.searchParams.get("expires"));
  const maxBytes = wholeNumber(url.searchParams.get("max"));
  if (key === undefined || contentType === null || expires === undefined || maxBytes === undefined)
    return { refused: "the URL is not one that presign gave out" };
  const grant = { key, contentType, expires, maxBytes };
  const given = Buffer.from(url.searchParams.get("signature") ?? "", "base64url");
  const right = signatureOf(grant, secret);
  if (given.length !== right.length || !timingSafeEqual(given, right))
    return { refused: "the signature does not match the URL" };
  return now > expires ? { refused: "the URL has expired: ask for a new one" } : grant;
}

/** HMAC-SHA-256 over the members with their lengths, so that no two grants have the same text. */
function signatureOf({ key, contentType, expires, maxBytes }: UploadGrant, secret: Uint8Array): Buffer {
  const mac = createHmac("sha256", secret);
  for (const part of ["PUT", key, contentType, String(expires), String(maxBytes)])
    mac.update(`${Buffer.byteLength(part)}:${part}\n`);
  return mac.digest();
}

function wholeNumber(text: string | null): number | undefined {
  return text !== null && /^\d{1,16}$/.test(text) ? Number(text) : undefined;
}
