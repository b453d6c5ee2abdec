// CRC32C (RFC 3720, Castagnoli) of bytes: what Google Cloud Storage checks uploads with. Eight bytes a step ("slicing by 8").

/** `table[n][b]`: what the byte `b` adds when `n` more bytes of its group follow. A hot loop reads them as one array. */
const tables = new Int32Array(8 * 256);
for (let byte = 0; byte < 256; byte++) {
  let sum = byte;
  for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0x82f63b78 : 0);
  tables[byte] = sum;
}
for (let at = 256; at < tables.length; at++) {
  const shorter = tables[at - 256]!;
  tables[at] = (shorter >>> 8) ^ tables[shorter & 255]!;
}

/** The sum of what `sum` was the sum of, followed by `bytes`. Begin with 0. Hot: scripts/bench/blobs measures it. */
export function crc32c(bytes: Uint8Array, sum = 0): number {
  const end = bytes.length - (bytes.length % 8);
  let crc = ~sum;
  let at = 0;
  for (; at < end; at += 8) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc =
      tables[1792 + (crc & 255)]! ^
      tables[1536 + ((crc >>> 8) & 255)]! ^
      tables[1280 + ((crc >>> 16) & 255)]! ^
      tables[1024 + (crc >>> 24)]! ^
      tables[768 + bytes[at + 4]!]! ^
      tables[512 + bytes[at + 5]!]! ^
      tables[256 + bytes[at + 6]!]! ^
      tables[bytes[at + 7]!]!;
  }
  for (; at < bytes.length; at++) crc = (crc >>> 8) ^ tables[(crc ^ bytes[at]!) & 255]!;
  return ~crc >>> 0;
}

/** As the service writes it: big-endian, in base64. */
export function crc32cText(sum: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(sum);
  return bytes.toString("base64");
}
