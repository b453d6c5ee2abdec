// What kafkajs 2.2.4 does wrongly or needlessly slowly on our path, corrected in its classes (docs/kafka.md).
import RequestQueue from "kafkajs/src/network/requestQueue/index.js";
import Encoder from "kafkajs/src/protocol/encoder.js";

const schedule = RequestQueue.prototype.scheduleCheckPendingRequests;

/**
 * Whenever a response comes in and nothing waits to be sent, a timer for "minus now" is set, and the runtime warns of it. With
 * nothing pending and no throttling there is nothing to check, so no timer is due.
 */
RequestQueue.prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
  if (this.pending.length > 0 || this.throttledUntil > Date.now()) schedule.call(this);
};

/** The hot path of publishing: each record has a dozen of these numbers, and each took an array and a buffer. */
Encoder.prototype.writeVarInt = function (this: Encoder, value: number) {
  this.ensureAvailable(5);
  const { buf } = this;
  let rest = (value << 1) ^ (value >> 31);
  while ((rest & ~0x7f) !== 0) {
    buf[this.offset++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  buf[this.offset++] = rest;
  return this;
};

const { writeVarLong } = Encoder.prototype;
const { sizeOfVarLong } = Encoder;

/** Numbers of 31 bits are written in the same way as long and as short ones. */
const isShort = (value: unknown): value is number =>
  typeof value === "number" && value === value >> 0 && Math.abs(value) < 2 ** 30;

Encoder.prototype.writeVarLong = function (this: Encoder, value: unknown) {
  return isShort(value) ? this.writeVarInt(value) : writeVarLong.call(this, value);
};

Encoder.sizeOfVarLong = (value) => (isShort(value) ? Encoder.sizeOfVarInt(value) : sizeOfVarLong.call(Encoder, value));
