// Blobs as objects of a bucket in Google Cloud Storage, or in an emulator of it.
import type { Bucket, Storage, StorageOptions } from "@google-cloud/storage";
import type { GcsSettings } from "../../config/engines.ts";
import {
  type BlobEntry,
  type BlobInfo,
  type BlobStore,
  type PresignedPut,
  type PresignOptions,
  secondsOf,
} from "../index.ts";
import { ObjectBlobs, type ObjectService } from "../objects.ts";
import type { PartTarget } from "../parts.ts";
import type { OpenedObject } from "../reading.ts";
import type { BlobPlace, Refusal } from "../refusal.ts";
import { gcsClient, gcsPlace, gcsRefusal } from "./client.ts";
import { openMedia } from "./media.ts";
import { gcsTarget } from "./uploads.ts";

/** The bucket is looked for by `check`, not here. `options` are the SDK's: another endpoint, other credentials. */
export function openGcsBlobs(settings: GcsSettings, options: StorageOptions = {}): BlobStore {
  return new ObjectBlobs(new GcsService(settings, options), settings);
}

class GcsService implements ObjectService {
  readonly engine = "gcs";
  readonly place: BlobPlace;
  readonly #settings: GcsSettings;
  readonly #storage: Storage;
  readonly #bucket: Bucket;

  constructor(settings: GcsSettings, options: StorageOptions) {
    this.place = gcsPlace(settings);
    this.#settings = settings;
    this.#storage = gcsClient(settings, options);
    this.#bucket = this.#storage.bucket(settings.bucket);
  }

  refusalOf(error: unknown): Refusal {
    return gcsRefusal(error);
  }

  refuses(key: string): string | undefined {
    return /[\r\n]/.test(key) ? "a line break" : undefined;
  }

  target(key: string, contentType: string): PartTarget {
    return gcsTarget(this.#bucket, key, contentType);
  }

  async open(
    key: string,
    start: number,
    end: number | undefined,
    version: string | undefined,
  ): Promise<OpenedObject | "missing" | "changed" | "beyond"> {
    const { bucket, emulatorHost } = this.#settings;
    const authorized = emulatorHost === undefined;
    try {
      return await openMedia(this.#storage, { bucket, key, start, end, generation: version, authorized });
    } catch (error) {
      const { status } = gcsRefusal(error);
      if (status === 416) return "beyond";
      if (status !== 404) throw error;
      if (version !== undefined) return "changed";
      await this.look();
      return "missing";
    }
  }

  async head(key: string): Promise<BlobInfo | undefined> {
    try {
      const [{ size }] = await this.#bucket.file(key).getMetadata();
      return { size: Number(size ?? 0) };
    } catch (error) {
      if (gcsRefusal(error).status !== 404) throw error;
      await this.look();
      return undefined;
    }
  }

  async *pages(prefix: string, after: string | undefined): AsyncGenerator<BlobEntry[]> {
    let pageToken: string | undefined;
    do {
      const [, , page] = await this.#bucket.getFiles({
        prefix,
        autoPaginate: false,
        maxResults: 1_000,
        ...(after === undefined ? {} : { startOffset: after }),
        fields: "items(name,size,updated),nextPageToken",
        ...(pageToken === undefined ? {} : { pageToken }),
      });
      const { items = [], nextPageToken } = page as {
        items?: { name: string; size?: string; updated?: string }[];
        nextPageToken?: string;
      };
      yield items.map(({ name, size, updated }) => ({
        key: name,
        size: Number(size ?? 0),
        modified: secondsOf(updated === undefined ? undefined : new Date(updated)),
      }));
      pageToken = nextPageToken;
    } while (pageToken !== undefined);
  }

  async delete(key: string): Promise<void> {
    try {
      await this.#bucket.file(key).delete();
    } catch (error) {
      if (gcsRefusal(error).status !== 404) throw error;
      await this.look();
    }
  }

  /**
   * The content type is not signed: a client that sends none, or another, is served as well (pipeline.md W25). Without a
   * private key at hand (an attached service account), the SDK lets Google's IAM service sign.
   */
  async presign(key: string, { expirySeconds }: PresignOptions): Promise<PresignedPut> {
    const { emulatorHost, bucket } = this.#settings;
    if (emulatorHost !== undefined) {
      // The form of a signed URL, which emulators take without a signature. The upload address that the existing frontier
      // gives out takes no PUT there.
      const origin = emulatorHost.replace("fake-gcs-server", "localhost").replace(/\/+$/, "");
      const path = [bucket, ...key.split("/")].map(encodeURIComponent).join("/");
      const query = `X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Expires=${expirySeconds}`;
      return { uploadUrl: `${origin}/${path}?${query}`, headers: undefined };
    }
    const expires = Date.now() + expirySeconds * 1_000;
    const [uploadUrl] = await this.#bucket.file(key).getSignedUrl({ version: "v4", action: "write", expires });
    return { uploadUrl, headers: undefined };
  }

  /** Asks for no more than the role Storage Object Admin may do. */
  async look(): Promise<void> {
    await this.#bucket.getFiles({ autoPaginate: false, maxResults: 1, fields: "items(name)" });
  }

  isMissing({ status }: Refusal): boolean {
    return status === 404;
  }

  async create(): Promise<void> {
    try {
      await this.#storage.createBucket(this.#settings.bucket);
    } catch (error) {
      // Another process made it meanwhile.
      if (gcsRefusal(error).status !== 409) throw error;
    }
  }

  uriOf(key: string): string {
    return `gs://${this.#settings.bucket}/${key}`;
  }

  close(): void {}
}
