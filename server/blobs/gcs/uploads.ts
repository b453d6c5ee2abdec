// How bytes get into Google Cloud Storage: one request, or a resumable session in parts. The service checks CRC32C sums
// before it puts the object in place, so a damaged upload leaves the old one.
import type { Bucket } from "@google-cloud/storage";
import type { PartTarget, PartUpload } from "../parts.ts";
import { crc32c, crc32cText } from "./crc32c.ts";

const attempts = 6;
/** An answer to one part takes no longer. */
const partTimeoutMs = 120_000;

export function gcsTarget(bucket: Bucket, key: string, contentType: string): PartTarget {
  const file = bucket.file(key);
  return {
    // A session takes its bytes in order.
    partsInFlight: 1,
    whole: async (bytes) => {
      const metadata = { contentType, crc32c: crc32cText(crc32c(bytes)) };
      // The SDK's own sum is 30 times slower, and is compared when the old object is gone already.
      await file.save(bytes, { resumable: false, validation: false, metadata });
    },
    begin: async () => {
      const [address] = await file.createResumableUpload({ metadata: { contentType } });
      return new ResumableUpload(address, contentType);
    },
  };
}

/** The protocol of resumable uploads: https://cloud.google.com/storage/docs/performing-resumable-uploads */
export class ResumableUpload implements PartUpload {
  /** Whoever knows the session's address may write to it. */
  readonly #address: string;
  readonly #contentType: string;
  #sent = 0;
  #sum = 0;

  constructor(address: string, contentType: string) {
    this.#address = address;
    this.#contentType = contentType;
  }

  async part(_: number, bytes: Uint8Array): Promise<void> {
    const start = this.#sent;
    const end = start + bytes.length;
    for (let at = start; at < end; ) {
      const persisted = await this.#send({ "content-range": `bytes ${at}-${end - 1}/*` }, bytes.subarray(at - start));
      // Short of the whole part, the rest is sent again.
      if (persisted < at || persisted > end)
        throw new SessionFault(`the upload stands at byte ${persisted}`, undefined);
      at = persisted;
    }
    this.#sent = end;
    this.#sum = crc32c(bytes, this.#sum);
  }

  async complete(_: number, size: number): Promise<void> {
    const sum = { "x-goog-hash": `crc32c=${crc32cText(this.#sum)}` };
    const persisted = await this.#send({ "content-range": `bytes */${size}`, ...sum }, undefined);
    if (persisted !== Number.POSITIVE_INFINITY) throw new SessionFault(`only ${persisted} bytes arrived`, undefined);
  }

  async abort(): Promise<void> {
    await fetch(this.#address, { method: "DELETE", redirect: "manual" });
  }

  /** @returns how many bytes the service has; infinity when the object is complete */
  async #send(headers: Record<string, string>, body: Uint8Array | undefined): Promise<number> {
    for (let attempt = 1; ; attempt++) {
      try {
        // After a failure the service is asked first what it has.
        const asking = attempt > 1 && body !== undefined;
        const answer = await this.#request(
          asking ? { "content-range": "bytes */*" } : headers,
          asking ? undefined : body,
        );
        if (answer !== undefined) return answer;
      } catch (error) {
        if (attempt === attempts || (error instanceof SessionFault && !error.passing)) throw error;
        await Bun.sleep(100 * 2 ** attempt);
      }
    }
  }

  async #request(headers: Record<string, string>, body: Uint8Array | undefined): Promise<number> {
    const answer = await fetch(this.#address, {
      method: "PUT",
      headers: { "content-type": this.#contentType, ...headers },
      body: body === undefined ? "" : Buffer.from(body.buffer as ArrayBuffer, body.byteOffset, body.byteLength),
      // 308 is "resume incomplete" here, and leads nowhere.
      redirect: "manual",
      signal: AbortSignal.timeout(partTimeoutMs),
    });
    const text = await answer.text();
    if (answer.status === 200 || answer.status === 201) return Number.POSITIVE_INFINITY;
    if (answer.status !== 308) throw new SessionFault(text.slice(0, 300) || answer.statusText, answer.status);
    const last = /^bytes=0-(\d+)$/.exec(answer.headers.get("range") ?? "")?.[1];
    return last === undefined ? 0 : Number(last) + 1;
  }
}

class SessionFault extends Error {
  readonly status: number | undefined;

  constructor(text: string, status: number | undefined) {
    super(text);
    this.status = status;
  }

  get passing(): boolean {
    return this.status !== undefined && (this.status === 408 || this.status === 429 || this.status >= 500);
  }
}
