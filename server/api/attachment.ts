// Headers of downloads, for file names of any script and types that a client chose (W: S5).

/**
 * `Content-Disposition` (RFC 6266): names of plain ASCII as they are, others with an ASCII stand-in and the name in UTF-8
 * (RFC 8187). Nothing in a name can end the header or name a folder.
 */
export function attachment(name: string): string {
  const clean = name.toWellFormed().replace(/[\x00-\x1f\x7f]/g, "_") || "file";
  if (/^[\x20-\x7e]*$/.test(clean) && !/["\\/%]/.test(clean)) return `attachment; filename="${clean}"`;
  const ascii = clean.replace(/[^\x20-\x7e]/gu, "_").replace(/["\\/%]/g, "_");
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encodeExtended(clean)}`;
}

/** Percent-encoded but for the `attr-char` of RFC 8187. */
function encodeExtended(text: string): string {
  return encodeURIComponent(text).replace(/['()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** A stored content type if it is one, with UTF-8 for text that names no charset; else bytes. */
export function contentType(stored: string): string {
  if (!/^[\w!#$&^.+-]{1,127}\/[\w!#$&^.+-]{1,127}(?:\s*;\s*[\w-]+=(?:[\w.+-]+|"[\w .+-]*"))*$/.test(stored))
    return "application/octet-stream";
  return stored.startsWith("text/") && !/charset=/i.test(stored) ? `${stored}; charset=utf-8` : stored;
}
