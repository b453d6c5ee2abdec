// Upload URLs of Azure: a SAS that may write one blob, signed with the account's key or with a delegated one.
import {
  BlobSASPermissions,
  type BlobServiceClient,
  generateBlobSASQueryParameters,
  type UserDelegationKey,
} from "@azure/storage-blob";
import { MatyanError } from "../../../formats/error.ts";
import { accountKeyOf } from "./client.ts";

/** A delegated key is asked for once in this time, not for every URL. Azure gives it for 7 days at most. */
const keyLifeMs = 24 * 3_600_000;
const longestLifeMs = 7 * 24 * 3_600_000;
/** Clocks differ. */
const skewMs = 15 * 60_000;

/** What of the client is used. */
interface KeyGiver extends Pick<BlobServiceClient, "credential" | "accountName"> {
  getUserDelegationKey(startsOn: Date, expiresOn: Date): Promise<UserDelegationKey>;
}

export class AzureSigner {
  readonly #client: KeyGiver;
  readonly #now: () => number;
  #delegated: { readonly key: Promise<UserDelegationKey>; readonly expires: number } | undefined;

  /** @param now milliseconds since the epoch */
  constructor(client: KeyGiver, now: () => number = Date.now) {
    this.#client = client;
    this.#now = now;
  }

  /** The query of a URL that may write the blob for `expirySeconds`. @throws what the SDK throws */
  async sign(containerName: string, blobName: string, expirySeconds: number): Promise<string> {
    const expires = this.#now() + expirySeconds * 1_000;
    const grant = {
      containerName,
      blobName,
      permissions: BlobSASPermissions.parse("w"),
      expiresOn: new Date(expires),
    };
    const account = accountKeyOf(this.#client);
    if (account !== undefined) return generateBlobSASQueryParameters(grant, account).toString();
    if (!("getToken" in this.#client.credential))
      throw new MatyanError("usage", "a connection string with a shared access signature can't sign upload URLs", {
        hint: "Use one with the account's key, or AZURE_ACCOUNT_URL with an identity.",
      });
    const key = await this.#keyUntil(expires);
    return generateBlobSASQueryParameters(grant, key, this.#client.accountName).toString();
  }

  /** A delegated key that is good at least until `expires`: the one at hand, or a new one. */
  #keyUntil(expires: number): Promise<UserDelegationKey> {
    if (this.#delegated !== undefined && this.#delegated.expires >= expires) return this.#delegated.key;
    const now = this.#now();
    const until = Math.min(Math.max(now + keyLifeMs, expires + skewMs), now + longestLifeMs);
    const key = this.#client.getUserDelegationKey(new Date(now - skewMs), new Date(until));
    const delegated = { key, expires: until };
    this.#delegated = delegated;
    // A failed request is not kept.
    key.catch(() => {
      if (this.#delegated === delegated) this.#delegated = undefined;
    });
    return key;
  }
}
