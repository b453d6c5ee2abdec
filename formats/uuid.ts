// UUIDs made of what they name, so that doing the same work again gives the same id (RFC 9562).

/**
 * The first 128 bits of the text's SHA-256 as a UUID in lower case. Version 8 is the one for such ids; 4 is for readers that
 * accept random ones only.
 */
export function uuidOf(text: string, version: 4 | 8 = 8): string {
  const bytes = new Bun.CryptoHasher("sha256").update(text).digest().subarray(0, 16);
  bytes[6] = (version << 4) | (bytes[6]! & 0x0f);
  bytes[8] = 0x80 | (bytes[8]! & 0x3f);
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
