// The header of numpy's array files, version 1.0 (numpy.lib.format).

/** @param type numpy's type string, e.g. `<f4`. The elements follow in row-major order. */
export function npyHeader(type: string, shape: readonly number[]): Uint8Array {
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const description = `{'descr': '${type}', 'fortran_order': False, 'shape': (${sizes}), }`;
  // Magic, version and length take ten bytes; all of it ends in a newline at a multiple of 64.
  const padded = description.padEnd(Math.ceil((description.length + 11) / 64) * 64 - 11);
  const header = Buffer.alloc(10 + padded.length + 1);
  header.write("\x93NUMPY\x01\x00", "latin1");
  header.writeUInt16LE(padded.length + 1, 8);
  header.write(`${padded}\n`, 10, "latin1");
  return header;
}
