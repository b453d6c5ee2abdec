// What is Azure's own: signed URLs, delegated keys, uncommitted blocks, credentials.
import { describe, expect, test } from "bun:test";
import { BlobServiceClient, type UserDelegationKey } from "@azure/storage-blob";
import { MatyanError } from "../../../formats/error.ts";
import { azureAddress, azureTestSettings, inChunks, readAll } from "../testing/engines.ts";
import { openAzureBlobs } from "./index.ts";
import { AzureSigner } from "./signing.ts";

test("an upload URL grants one blob's writing until it expires, and encodes the key", async () => {
  const blobs = openAzureBlobs(azureTestSettings("http://azurite:10000", "runs"));
  const key = "r/a b+c%d?e#f&g/é.png";
  const { uploadUrl, headers } = await blobs.presignPut!(key, { contentType: "image/png", expirySeconds: 77 });
  const url = new URL(uploadUrl);
  expect(headers).toEqual({ "x-ms-blob-type": "BlockBlob" });
  expect(url.origin).toBe("http://localhost:10000");
  expect(decodeURIComponent(url.pathname)).toBe(`/devstoreaccount1/runs/${key}`);
  expect([url.searchParams.get("sp"), url.searchParams.get("sr"), url.searchParams.get("st")]).toEqual([
    "w",
    "b",
    null,
  ]);
});

/** A service that gives out delegated keys and counts them. */
function delegating(fail = false) {
  const asked: { starts: number; expires: number }[] = [];
  const client = {
    credential: { getToken: async () => ({ token: "x", expiresOnTimestamp: 0 }) },
    accountName: "runs",
    async getUserDelegationKey(signedStartsOn: Date, signedExpiresOn: Date) {
      asked.push({ starts: signedStartsOn.getTime(), expires: signedExpiresOn.getTime() });
      if (fail) throw new Error("not now");
      const key: UserDelegationKey = {
        signedObjectId: "o",
        signedTenantId: "t",
        signedStartsOn,
        signedExpiresOn,
        signedService: "b",
        signedVersion: "2024-11-04",
        value: Buffer.from("k").toString("base64"),
      };
      return key;
    },
  };
  return { asked, client };
}

test("a delegated key is asked for once, until it no longer outlives the URLs", async () => {
  const { asked, client } = delegating();
  let now = Date.UTC(2026, 0, 1);
  const signer = new AzureSigner(client, () => now);
  const queries = await Promise.all([1, 2, 3].map((n) => signer.sign("c", `r/${n}`, 3_600)));
  expect(asked).toHaveLength(1);
  for (const query of queries) expect(query).toContain("skoid=o");
  expect(new Set(queries).size).toBe(3);
  now += 22 * 3_600_000;
  await signer.sign("c", "r/4", 3_600);
  expect(asked).toHaveLength(1);
  now += 2 * 3_600_000;
  const late = new URLSearchParams(await signer.sign("c", "r/5", 3_600));
  expect(asked).toHaveLength(2);
  expect(Date.parse(late.get("se")!)).toBe(now + 3_600_000);
  expect(asked[1]!.expires).toBeGreaterThan(now + 3_600_000);
  expect(asked[1]!.starts).toBeLessThan(now);
});

test("a key that could not be had is asked for again", async () => {
  const { asked, client } = delegating(true);
  const signer = new AzureSigner(client);
  for (let round = 0; round < 2; round++) await expect(signer.sign("c", "r/1", 60)).rejects.toThrow("not now");
  expect(asked).toHaveLength(2);
});

test("settings that name no account, or one that can't be read, are refused without repeating the key", () => {
  const settings = azureTestSettings("http://127.0.0.1:1", "runs");
  expect(() => openAzureBlobs({ ...settings, connectionString: undefined })).toThrow(
    "no Azure storage account is named",
  );
  for (const connectionString of ["AccountKey=c2VjcmV0;AccountName=", "nonsense=c2VjcmV0"]) {
    try {
      openAzureBlobs({ ...settings, connectionString });
      throw new Error("it was taken");
    } catch (error) {
      expect(error).toBeInstanceOf(MatyanError);
      expect((error as MatyanError).message).toBe("AZURE_CONN_STR can't be read");
    }
  }
});

test("a connection string with a shared access signature says that it can't sign", async () => {
  const connectionString = "BlobEndpoint=http://127.0.0.1:1/runs;SharedAccessSignature=sv=2024&sig=c2VjcmV0";
  const blobs = openAzureBlobs({ ...azureTestSettings(""), connectionString });
  const presigning = blobs.presignPut!("r/x", { contentType: "a/b", expirySeconds: 60 });
  await expect(presigning).rejects.toThrow("can't sign upload URLs");
  const error: unknown = await presigning.catch((reason: unknown) => reason);
  expect(`${(error as MatyanError).message} ${blobs.uriOf("r/x")}`).not.toContain("c2VjcmV0");
});

describe.skipIf(azureAddress === undefined)("on azurite", () => {
  test("an upload URL is refused after its life, for another key, for reading, and without its header", async () => {
    const blobs = openAzureBlobs(azureTestSettings(azureAddress!));
    await blobs.check();
    const put = (url: string, headers: Record<string, string> = { "x-ms-blob-type": "BlockBlob" }) =>
      fetch(url, { method: "PUT", body: "x", headers });
    const { uploadUrl, headers } = await blobs.presignPut!("r/x", { contentType: "a/b", expirySeconds: 60 });
    expect((await put(uploadUrl.replace("/r/x?", "/r/y?"))).status).toBe(403);
    expect((await put(uploadUrl, {})).status).toBe(400);
    expect((await put(uploadUrl, { ...headers })).status).toBe(201);
    expect((await fetch(uploadUrl)).status).toBe(403);
    const { uploadUrl: expired } = await blobs.presignPut!("r/z", { contentType: "a/b", expirySeconds: -5 });
    expect((await put(expired)).status).toBe(403);
    expect(await blobs.head("r/z")).toBeUndefined();
  });

  test("wrong credentials are an error that names container, key and the variables, and no secret", async () => {
    const settings = azureTestSettings(azureAddress!, "runs", Buffer.from("a wrong key").toString("base64"));
    const error: unknown = await openAzureBlobs(settings)
      .put("r/x", new Uint8Array(1))
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(MatyanError);
    const { message, hint } = error as MatyanError;
    for (const part of ["'r/x'", "'runs'", azureAddress!]) expect(message).toContain(part);
    expect(hint).toContain("AZURE_CONN_STR");
    expect(message + hint).not.toContain(Buffer.from("a wrong key").toString("base64"));
  });

  test("types are kept with the blobs, and two uploads of one key at a time leave one of the two whole", async () => {
    const settings = azureTestSettings(azureAddress!);
    const blobs = openAzureBlobs(settings);
    await blobs.check();
    await blobs.put("r/small", new Uint8Array(3), { contentType: "image/png" });
    const large = (fill: number) => inChunks(new Uint8Array(20_000_000).fill(fill), 1_000_000);
    const outcomes = await Promise.allSettled(
      [1, 2].map((fill) => blobs.put("r/large", large(fill), { contentType: "audio/wav" })),
    );
    expect(outcomes.some(({ status }) => status === "fulfilled")).toBe(true);
    const bytes = (await readAll(blobs, "r/large"))!;
    expect([bytes.length, bytes.every((byte) => byte === bytes[0])]).toEqual([20_000_000, true]);
    const container = BlobServiceClient.fromConnectionString(settings.connectionString!).getContainerClient(
      settings.container,
    );
    for (const [key, type] of [
      ["r/small", "image/png"],
      ["r/large", "audio/wav"],
    ] as const)
      expect((await container.getBlobClient(key).getProperties()).contentType).toBe(type);
  });
});
