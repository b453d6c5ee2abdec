// Writes event files for benchmarks and tests, byte for byte the same each time: framed `Event` messages as tensorboardX
// writes them. By itself: bun scripts/bench/eventLog.ts scalars|images FILE COUNT TAGS|BYTES
import { closeSync, openSync, writeSync } from "node:fs";
import { crc32c, maskCrc } from "../../formats/tensorboard/crc32c.ts";

/** Appends framed records to a file through a buffer. */
export class EventLogWriter {
  readonly #descriptor: number;
  readonly #bytes = new Uint8Array(1 << 20);
  readonly #view = new DataView(this.#bytes.buffer);
  #filled = 0;
  size = 0;

  constructor(path: string) {
    this.#descriptor = openSync(path, "w");
  }

  record(payload: Uint8Array): void {
    if (this.#filled + payload.length + 16 > this.#bytes.length) this.#flush();
    const large = payload.length + 16 > this.#bytes.length;
    const bytes = large ? new Uint8Array(payload.length + 16) : this.#bytes;
    const view = large ? new DataView(bytes.buffer) : this.#view;
    const at = large ? 0 : this.#filled;
    view.setUint32(at, payload.length, true);
    view.setUint32(at + 4, 0, true);
    view.setUint32(at + 8, maskCrc(crc32c(bytes, view, at, at + 8)), true);
    bytes.set(payload, at + 12);
    const end = at + 12 + payload.length;
    view.setUint32(end, maskCrc(crc32c(bytes, view, at + 12, end)), true);
    this.size += payload.length + 16;
    if (large) writeSync(this.#descriptor, bytes);
    else this.#filled = end + 4;
  }

  close(): void {
    this.#flush();
    closeSync(this.#descriptor);
  }

  #flush(): void {
    writeSync(this.#descriptor, this.#bytes, 0, this.#filled);
    this.#filled = 0;
  }
}

const field = (number: number, bytes: Uint8Array) =>
  Buffer.concat([Buffer.from([(number << 3) | 2]), varint(bytes.length), bytes]);

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}

export function eventBytes(wallTime: number, step: number, what: Uint8Array): Buffer {
  const time = Buffer.alloc(9);
  time[0] = 9;
  time.writeDoubleLE(wallTime, 1);
  return Buffer.concat(step === 0 ? [time, what] : [time, Buffer.from([16]), varint(step), what]);
}

const versionEvent = eventBytes(1.7e9, 0, field(3, Buffer.from("brain.Event:2")));

/** `count` events with one `simple_value` each, the tags taking turns. Returns the file's size in bytes. */
export function writeScalarLog(path: string, count: number, tags: number): number {
  const log = new EventLogWriter(path);
  log.record(versionEvent);
  const names = Array.from({ length: tags }, (_, index) =>
    field(1, Buffer.from(`train/metrics/m_${String(index).padStart(2, "0")}`)),
  );
  const simple = Buffer.alloc(5);
  simple[0] = 21;
  let random = 12345;
  for (let index = 0; index < count; index++) {
    random = (Math.imul(random, 1103515245) + 12345) & 0x7fffffff;
    simple.writeFloatLE((random / 0x7fffffff) * 3 * Math.exp(-index / count) + 0.01, 1);
    const value = field(1, Buffer.concat([names[index % tags]!, simple]));
    // Microseconds, as time.time() gives them
    const wallTime = 1.7e9 + Math.round(index * 1234.567) / 1e6;
    log.record(eventBytes(wallTime, Math.floor(index / tags), field(5, value)));
  }
  log.close();
  return log.size;
}

/** `count` image events whose encoded bytes are about `bytes` long (a PNG signature, then noise that nobody decodes). */
export function writeImageLog(path: string, count: number, bytes: number): void {
  const log = new EventLogWriter(path);
  log.record(versionEvent);
  const encoded = Buffer.alloc(bytes);
  Buffer.from("89504e470d0a1a0a0000000d4948445200000320000002580802000000", "hex").copy(encoded);
  for (let at = 64; at < bytes; at++) encoded[at] = (at * 2654435761) >>> 13;
  for (let index = 0; index < count; index++) {
    encoded.writeUInt32LE(index, 40);
    const image = Buffer.concat([Buffer.from([8]), varint(600), Buffer.from([16]), varint(800), field(4, encoded)]);
    const value = Buffer.concat([field(1, Buffer.from("samples/input")), field(4, image)]);
    log.record(eventBytes(1.7e9 + index, index, field(5, field(1, value))));
  }
  log.close();
}

if (import.meta.main) {
  const [kind, path, count, size] = process.argv.slice(2);
  if (kind === "scalars") writeScalarLog(path!, Number(count), Number(size));
  else writeImageLog(path!, Number(count), Number(size));
}
