// The checksum of TFRecord files: CRC-32C (Castagnoli, RFC 3720 B.4), masked as TensorFlow masks it. Hot path: plain loops over tables.

const tables = buildTables();

/** Eight tables of 256 entries: entry `256 * k + b` is the remainder of byte `b` followed by `k` zero bytes ("slicing by eight"). */
function buildTables(): Int32Array {
  const table = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    table[byte] = crc;
  }
  for (let index = 256; index < table.length; index++) {
    const previous = table[index - 256]!;
    table[index] = (previous >>> 8) ^ table[previous & 255]!;
  }
  return table;
}

/** CRC-32C of `bytes[start, end)` as an unsigned 32-bit number. `view` covers the same memory as `bytes`. */
export function crc32c(bytes: Uint8Array, view: DataView, start: number, end: number): number {
  let crc = -1;
  let at = start;
  for (const last = end - 8; at <= last; at += 8) {
    const low = crc ^ view.getInt32(at, true);
    const high = view.getInt32(at + 4, true);
    crc =
      tables[1792 + (low & 255)]! ^
      tables[1536 + ((low >>> 8) & 255)]! ^
      tables[1280 + ((low >>> 16) & 255)]! ^
      tables[1024 + (low >>> 24)]! ^
      tables[768 + (high & 255)]! ^
      tables[512 + ((high >>> 8) & 255)]! ^
      tables[256 + ((high >>> 16) & 255)]! ^
      tables[high >>> 24]!;
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ tables[(crc ^ bytes[at]!) & 255]!;
  return ~crc >>> 0;
}

/** TensorFlow's mask (rotate right by 15, add a constant): a checksum stored beside its data is not the data's own checksum. */
export function maskCrc(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
