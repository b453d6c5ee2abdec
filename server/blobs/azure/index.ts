// Blobs as block blobs of a container in an Azure storage account.
import { createHash, randomBytes } from "node:crypto";
import type { TokenCredential } from "@azure/identity";
import type { BlobServiceClient, BlockBlobClient, ContainerClient } from "@azure/storage-blob";
import type { AzureSettings } from "../../config/engines.ts";
import {
  type BlobEntry,
  type BlobInfo,
  type BlobStore,
  type PresignedPut,
  type PresignOptions,
  secondsOf,
} from "../index.ts";
import { ObjectBlobs, type ObjectService } from "../objects.ts";
import type { PartTarget, PartUpload } from "../parts.ts";
import type { OpenedObject } from "../reading.ts";
import type { BlobPlace, Refusal } from "../refusal.ts";
import { azureClient, azurePlace, azureRefusal } from "./client.ts";
import { AzureSigner } from "./signing.ts";

/** The container is looked for by `check`, not here. `credential`: what stands in for the default one. */
export function openAzureBlobs(settings: AzureSettings, credential?: TokenCredential): BlobStore {
  return new ObjectBlobs(new AzureService(settings, credential), settings);
}

class AzureService implements ObjectService {
  readonly engine = "azure";
  readonly place: BlobPlace;
  readonly #settings: AzureSettings;
  readonly #client: BlobServiceClient;
  readonly #container: ContainerClient;
  readonly #signer: AzureSigner;

  constructor(settings: AzureSettings, credential: TokenCredential | undefined) {
    this.#settings = settings;
    this.#client = azureClient(settings, credential);
    this.#container = this.#client.getContainerClient(settings.container);
    this.#signer = new AzureSigner(this.#client);
    this.place = azurePlace(settings, this.#client.url);
  }

  refusalOf(error: unknown): Refusal {
    return azureRefusal(error);
  }

  /** It takes `\\` for `/`, and no control characters. */
  refuses(key: string): string | undefined {
    if (key.includes("\\")) return "a backslash";
    return /[\u0000-\u001f\u007f\u0081]/.test(key) ? "a control character" : undefined;
  }

  target(key: string, blobContentType: string): PartTarget {
    const blob = this.#container.getBlockBlobClient(key);
    const blobHTTPHeaders = { blobContentType };
    return {
      partsInFlight: 2,
      whole: async (bytes) => {
        await blob.upload(bytes, bytes.length, { blobHTTPHeaders, transactionalContentMD5: md5Of(bytes) });
      },
      begin: async () => new BlockUpload(blob, blobContentType),
    };
  }

  async open(
    key: string,
    start: number,
    end: number | undefined,
    version: string | undefined,
  ): Promise<OpenedObject | "missing" | "changed" | "beyond"> {
    try {
      const answer = await this.#container
        .getBlobClient(key)
        .download(start, end === undefined ? undefined : end - start, {
          // A connection that breaks is taken up again by our reader, for all engines alike.
          maxRetryRequests: 0,
          ...(version === undefined ? {} : { conditions: { ifMatch: version } }),
        });
      const body = answer.readableStreamBody as (AsyncIterable<Uint8Array> & { destroy(): void }) | undefined;
      if (body === undefined) throw new Error("the answer has no body");
      const total = /\/(\d+)$/.exec(answer.contentRange ?? "")?.[1];
      const size = total === undefined ? (answer.contentLength ?? 0) : Number(total);
      return { size, version: answer.etag ?? "", body, stop: () => body.destroy() };
    } catch (error) {
      const { status, code } = azureRefusal(error);
      if (code === "BlobNotFound") return "missing";
      if (status === 412) return "changed";
      if (status === 416) return "beyond";
      throw error;
    }
  }

  async head(key: string): Promise<BlobInfo | undefined> {
    try {
      const { contentLength } = await this.#container.getBlobClient(key).getProperties();
      return { size: contentLength ?? 0 };
    } catch (error) {
      if (azureRefusal(error).code === "BlobNotFound") return undefined;
      throw error;
    }
  }

  async *pages(prefix: string): AsyncGenerator<BlobEntry[]> {
    for await (const page of this.#container.listBlobsFlat({ prefix }).byPage({ maxPageSize: 1_000 }))
      yield page.segment.blobItems.map(({ name, properties }) => ({
        key: name,
        size: properties.contentLength ?? 0,
        modified: secondsOf(properties.lastModified),
      }));
  }

  async delete(key: string): Promise<void> {
    try {
      await this.#container.getBlobClient(key).delete({ deleteSnapshots: "include" });
    } catch (error) {
      if (azureRefusal(error).code !== "BlobNotFound") throw error;
    }
  }

  async presign(key: string, { expirySeconds }: PresignOptions): Promise<PresignedPut> {
    const { container } = this.#settings;
    const query = await this.#signer.sign(container, key, expirySeconds);
    // The development set-up's emulator has a name that only its neighbours know.
    const account = this.#client.url.split("?", 1)[0]!.replace("azurite", "localhost").replace(/\/+$/, "");
    const path = [container, ...key.split("/")].map(encodeURIComponent).join("/");
    return { uploadUrl: `${account}/${path}?${query}`, headers: { "x-ms-blob-type": "BlockBlob" } };
  }

  async look(): Promise<void> {
    await this.#container.listBlobsFlat().byPage({ maxPageSize: 1 }).next();
  }

  isMissing({ code }: Refusal): boolean {
    return code === "ContainerNotFound";
  }

  async create(): Promise<void> {
    await this.#container.createIfNotExists();
  }

  uriOf(key: string): string {
    return `azure://${this.#settings.container}/${key}`;
  }

  close(): void {}
}

/**
 * Blocks that no commit names are invisible, and Azure removes them after a week. Their names are this upload's own, so
 * that two uploads of one key don't mix.
 */
class BlockUpload implements PartUpload {
  readonly #blob: BlockBlobClient;
  readonly #contentType: string;
  readonly #name = randomBytes(12).toString("hex");

  constructor(blob: BlockBlobClient, contentType: string) {
    this.#blob = blob;
    this.#contentType = contentType;
  }

  async part(index: number, bytes: Uint8Array): Promise<void> {
    await this.#blob.stageBlock(this.#id(index), bytes, bytes.length, { transactionalContentMD5: md5Of(bytes) });
  }

  async complete(parts: number): Promise<void> {
    const ids = Array.from({ length: parts }, (_, index) => this.#id(index));
    await this.#blob.commitBlockList(ids, { blobHTTPHeaders: { blobContentType: this.#contentType } });
  }

  async abort(): Promise<void> {}

  /** All of one length, as Azure wants it. */
  #id(index: number): string {
    return Buffer.from(`${this.#name}-${String(index).padStart(6, "0")}`).toString("base64");
  }
}

function md5Of(bytes: Uint8Array): Uint8Array {
  return createHash("md5").update(bytes).digest();
}
