// Where event bytes come from. Reading is the caller's business: a file, a pipe's spool, or memory in tests.

export interface ByteSource {
  /** Fills `target` from `offset` on; returns how many bytes it got. Fewer than asked for only at the end. */
  read(offset: number, target: Uint8Array): number;
}

export function memorySource(bytes: Uint8Array): ByteSource {
  return {
    read(offset, target) {
      const part = bytes.subarray(offset, offset + target.length);
      target.set(part);
      return part.length;
    },
  };
}

/** Records longer than this are skipped and reported: the bound on memory has to be somewhere. 64 MiB. */
export const maxRecordBytes = 64 * 1024 * 1024;

/** Bytes around a payload: length (8), its checksum (4), the payload's checksum (4). */
export const frameBytes = 16;

/**
 * The one large buffer of a conversion. It is allocated once for the largest record there may be; pages that no
 * record needs are never touched and cost nothing.
 */
export class Arena {
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(size: number = maxRecordBytes + frameBytes + 64 * 1024) {
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
  }
}
