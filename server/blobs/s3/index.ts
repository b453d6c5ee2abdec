// Blobs as objects of a bucket in S3 or a compatible service.
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import type { S3Settings } from "../../config/engines.ts";
import {
  type BlobEntry,
  type BlobInfo,
  type BlobStore,
  type PresignedPut,
  type PresignOptions,
  secondsOf,
} from "../index.ts";
import { type GroupFailure, ObjectBlobs, type ObjectService } from "../objects.ts";
import type { PartTarget } from "../parts.ts";
import type { OpenedObject } from "../reading.ts";
import type { BlobPlace, Refusal } from "../refusal.ts";
import { s3Client, s3Place, s3Refusal } from "./client.ts";
import { S3Uploads } from "./uploads.ts";

/** The bucket is looked for by `check`, not here. */
export function openS3Blobs(settings: S3Settings): BlobStore {
  return new ObjectBlobs(new S3Service(settings), settings);
}

class S3Service implements ObjectService {
  readonly engine = "s3";
  readonly place: BlobPlace;
  readonly #settings: S3Settings;
  readonly #bucket: string;
  readonly #client: S3Client;
  /** Bound to the address that clients see. */
  readonly #publicClient: S3Client;
  readonly #uploads: S3Uploads;

  constructor(settings: S3Settings) {
    this.place = s3Place(settings);
    this.#settings = settings;
    this.#bucket = settings.bucket;
    this.#client = s3Client(settings, settings.endpoint);
    this.#publicClient = settings.publicEndpoint ? s3Client(settings, settings.publicEndpoint) : this.#client;
    this.#uploads = new S3Uploads(this.#client, this.#bucket);
  }

  refusalOf(error: unknown): Refusal {
    return s3Refusal(error);
  }

  refuses(): undefined {}

  target(key: string, contentType: string): PartTarget {
    return this.#uploads.target(key, contentType);
  }

  async open(
    key: string,
    start: number,
    end: number | undefined,
    version: string | undefined,
  ): Promise<OpenedObject | "missing" | "changed" | "beyond"> {
    try {
      const answer = await this.#client.send(
        new GetObjectCommand({
          Bucket: this.#bucket,
          Key: key,
          Range: `bytes=${start}-${end === undefined ? "" : end - 1}`,
          ...(version === undefined ? {} : { IfMatch: version }),
        }),
      );
      const body = answer.Body as AsyncIterable<Uint8Array> & { destroy(): void };
      const total = /\/(\d+)$/.exec(answer.ContentRange ?? "")?.[1];
      // A server that takes no ranges answers with the whole object, which is fine from its beginning only.
      if (total === undefined && start > 0) {
        body.destroy();
        throw new Error("the service takes no ranges");
      }
      const size = total === undefined ? (answer.ContentLength ?? 0) : Number(total);
      return { size, version: answer.ETag ?? "", body, stop: () => body.destroy() };
    } catch (error) {
      const { status, code } = s3Refusal(error);
      if (code === "NoSuchKey") return "missing";
      if (status === 412) return "changed";
      if (status === 416) return "beyond";
      throw error;
    }
  }

  async head(key: string): Promise<BlobInfo | undefined> {
    try {
      const { ContentLength } = await this.#client.send(new HeadObjectCommand({ Bucket: this.#bucket, Key: key }));
      return { size: ContentLength ?? 0 };
    } catch (error) {
      if (s3Refusal(error).status !== 404) throw error;
      // The answer to HEAD has no body that could tell a missing object from a missing bucket.
      await this.#client.send(new HeadBucketCommand({ Bucket: this.#bucket }));
      return undefined;
    }
  }

  async *pages(prefix: string, after: string | undefined): AsyncGenerator<BlobEntry[]> {
    let token: string | undefined;
    do {
      const page = await this.#client.send(
        new ListObjectsV2Command({
          Bucket: this.#bucket,
          Prefix: prefix,
          // XML can't carry every character of a key.
          EncodingType: "url",
          ...(after === undefined ? {} : { StartAfter: after }),
          ...(token === undefined ? {} : { ContinuationToken: token }),
        }),
      );
      const isEncoded = page.EncodingType === "url";
      yield (page.Contents ?? []).map(({ Key = "", Size = 0, LastModified }) => ({
        key: isEncoded ? decodeKey(Key) : Key,
        size: Size,
        modified: secondsOf(LastModified),
      }));
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  async delete(key: string): Promise<void> {
    await this.#client.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: key }));
  }

  readonly deleteGroup = async (keys: readonly string[]): Promise<GroupFailure[]> => {
    const Delete = { Objects: keys.map((Key) => ({ Key })), Quiet: true };
    const { Errors = [] } = await this.#client.send(new DeleteObjectsCommand({ Bucket: this.#bucket, Delete }));
    return Errors.map(({ Key: key = "", Code: code = "", Message: text = "" }) => ({
      key,
      refusal: { status: undefined, code, text },
      passing: /InternalError|SlowDown|ServiceUnavailable|Timeout/.test(code),
    }));
  };

  /** The content type is not signed: a client that sends none, or another, is served as well (pipeline.md W25). */
  async presign(key: string, { expirySeconds }: PresignOptions): Promise<PresignedPut> {
    const command = new PutObjectCommand({ Bucket: this.#bucket, Key: key });
    const uploadUrl = await getSignedUrl(this.#publicClient, command, { expiresIn: expirySeconds });
    return { uploadUrl, headers: undefined };
  }

  async look(): Promise<void> {
    await this.#client.send(new ListObjectsV2Command({ Bucket: this.#bucket, MaxKeys: 1 }));
  }

  isMissing({ code }: Refusal): boolean {
    return code === "NoSuchBucket";
  }

  async create(): Promise<void> {
    const { region } = this.#settings;
    // AWS wants the region named everywhere but in its first one.
    const place =
      region === "us-east-1" ? {} : { CreateBucketConfiguration: { LocationConstraint: region as "eu-west-1" } };
    try {
      await this.#client.send(new CreateBucketCommand({ Bucket: this.#bucket, ...place }));
    } catch (error) {
      if (s3Refusal(error).code !== "BucketAlreadyOwnedByYou") throw error;
    }
  }

  uriOf(key: string): string {
    return `s3://${this.#bucket}/${key}`;
  }

  close(): void {
    this.#client.destroy();
    if (this.#publicClient !== this.#client) this.#publicClient.destroy();
  }
}

/** Of `EncodingType=url`: percent-encoded UTF-8, a space as `+`. */
function decodeKey(text: string): string {
  return decodeURIComponent(text.replaceAll("+", " "));
}
