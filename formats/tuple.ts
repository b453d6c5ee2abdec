// FoundationDB's tuple layer: typed tuples as bytes whose order is the order of the elements.
// Source: the public "Tuple layer" design document of FoundationDB; storage.md section 1.2.
import type { TupleElement } from "./tupleElements.ts";
import { TupleReader } from "./tupleReader.ts";
import { TupleWriter } from "./tupleWriter.ts";

export { NanDouble, SingleFloat, type TupleElement, Uuid, Versionstamp } from "./tupleElements.ts";
export { readInteger, readIntegerNumber } from "./tupleReader.ts";
export { TupleWriter };

/** The bytes of a tuple. @throws MatyanError `usage` on text with a lone surrogate, `too_large` on an integer of over 255 bytes. */
export function pack(elements: readonly TupleElement[]): Uint8Array {
  scratch.reset();
  for (const element of elements) scratch.element(element);
  return scratch.finish();
}

/** Packing is synchronous and calls nobody, so one buffer serves all keys. */
const scratch = new TupleWriter();

/** The elements of a packed tuple. @throws MatyanError `corrupt` on anything but exactly what `pack` writes. */
export function unpack(bytes: Uint8Array, offset = 0): TupleElement[] {
  const reader = new TupleReader(bytes, offset);
  const elements: TupleElement[] = [];
  while (reader.at < bytes.length) elements.push(reader.element(0));
  return elements;
}

/** All tuples that start with `prefix` and are longer: `[prefix+00, prefix+FF)`. */
export function rangeOf(prefix: Uint8Array): { begin: Uint8Array; end: Uint8Array } {
  const begin = new Uint8Array(prefix.length + 1);
  begin.set(prefix);
  const end = begin.slice();
  end[prefix.length] = 0xff;
  return { begin, end };
}
