// The parts of kafkajs that `corrections.ts` corrects; they have no types of their own.
declare module "kafkajs/src/network/requestQueue/index.js" {
  class RequestQueue {
    readonly pending: readonly unknown[];
    readonly throttledUntil: number;
    scheduleCheckPendingRequests(): void;
  }
  export = RequestQueue;
}

declare module "kafkajs/src/protocol/encoder.js" {
  class Encoder {
    static sizeOfVarLong(value: unknown): number;
    static sizeOfVarInt(value: number): number;
    readonly buf: Buffer;
    offset: number;
    /** What was written. */
    readonly buffer: Buffer;
    ensureAvailable(length: number): void;
    writeVarInt(value: number): this;
    writeVarLong(value: unknown): this;
  }
  export = Encoder;
}
