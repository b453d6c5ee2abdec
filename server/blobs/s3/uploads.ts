// How bytes get into S3: one PutObject, or a multipart upload; with a CRC32 where the server takes it.
import { crc32 } from "node:zlib";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import type { PartTarget, PartUpload } from "../parts.ts";
import { s3Refusal } from "./client.ts";

/** What a server answers that doesn't know checksums in headers. */
const checksumRefusals = new Set(["NotImplemented", "InvalidRequest", "InvalidArgument"]);

export class S3Uploads {
  readonly #client: S3Client;
  readonly #bucket: string;
  /** Until the server refused one. */
  #checksums = true;

  constructor(client: S3Client, bucket: string) {
    this.#client = client;
    this.#bucket = bucket;
  }

  target(key: string, ContentType: string): PartTarget {
    const target = { Bucket: this.#bucket, Key: key, ContentType };
    return {
      partsInFlight: 2,
      whole: async (bytes) => {
        await this.#withChecksum((sums) =>
          this.#client.send(
            new PutObjectCommand({ ...target, Body: bytes, ...(sums && { ChecksumCRC32: crc32Of(bytes) }) }),
          ),
        );
      },
      begin: async () => {
        const begun = await this.#withChecksum((sums) =>
          this.#client.send(
            new CreateMultipartUploadCommand({ ...target, ...(sums && { ChecksumAlgorithm: "CRC32" }) }),
          ),
        );
        return this.#multipart(key, begun.UploadId, this.#checksums);
      },
    };
  }

  #multipart(key: string, UploadId: string | undefined, sums: boolean): PartUpload {
    const upload = { Bucket: this.#bucket, Key: key, UploadId };
    const parts: { PartNumber: number; ETag: string | undefined; ChecksumCRC32?: string }[] = [];
    return {
      part: async (index, bytes) => {
        const sum = sums ? { ChecksumCRC32: crc32Of(bytes) } : {};
        const PartNumber = index + 1;
        const { ETag } = await this.#client.send(new UploadPartCommand({ ...upload, ...sum, PartNumber, Body: bytes }));
        parts.push({ PartNumber, ETag, ...sum });
      },
      complete: async (_, size) => {
        parts.sort((a, b) => a.PartNumber - b.PartNumber);
        try {
          await this.#client.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: parts } }));
        } catch (error) {
          // Where the answer to a first attempt was lost, the upload is gone because it was completed.
          if (s3Refusal(error).code !== "NoSuchUpload" || (await this.#sizeOf(key)) !== size) throw error;
        }
      },
      abort: async () => {
        await this.#client.send(new AbortMultipartUploadCommand(upload));
      },
    };
  }

  async #sizeOf(key: string): Promise<number | undefined> {
    return (await this.#client.send(new HeadObjectCommand({ Bucket: this.#bucket, Key: key }))).ContentLength;
  }

  /** Sends with a checksum; without, from the moment that the server refuses one and takes the same without. */
  async #withChecksum<T>(send: (checksum: boolean) => Promise<T>): Promise<T> {
    try {
      return await send(this.#checksums);
    } catch (error) {
      if (!this.#checksums || !checksumRefusals.has(s3Refusal(error).code)) throw error;
      const result = await send(false);
      this.#checksums = false;
      return result;
    }
  }
}

/** Big-endian, in base64. */
function crc32Of(bytes: Uint8Array): string {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(bytes));
  return sum.toString("base64");
}
