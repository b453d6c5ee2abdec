// What doctor looks at in the blobs' place: a probe through the whole round, upload URLs, and the clock of its service.
import { randomUUID } from "node:crypto";
import { lstatSync } from "node:fs";
import type { BlobStore, PresignedPut } from "../blobs/index.ts";
import type { BlobSettings, Config } from "../config.ts";
import { embeddedPaths } from "../embedded.ts";
import { type Check, type Finding, failure, ok, skipped, warning } from "./checks.ts";

/** Seconds: upload URLs are refused when clocks differ by a quarter of an hour. */
const noticeableSkew = 30;
const harmfulSkew = 600;

/** `open` gives the blobs once for all checks; nothing that is missing is made. */
export function blobChecks(
  { blobs: settings, dataDir }: Pick<Config, "blobs" | "dataDir">,
  open: () => Promise<BlobStore>,
): Check[] {
  const address = addressOf(settings);
  const folder = embeddedPaths({ dataDir }).blobs;
  return [
    {
      name: "blobs",
      run: async () =>
        settings.engine === "folder" && lstatSync(folder, { throwIfNoEntry: false }) === undefined
          ? [skipped(`${folder} does not exist yet`)]
          : probe(await open()),
    },
    { name: "upload URLs", run: async () => [await upload(settings, await open())] },
    {
      name: "clock",
      run: async () =>
        address === undefined
          ? [skipped("no object store to compare it with")]
          : [skewOf((await fetch(address, { method: "HEAD", redirect: "manual" })).headers.get("date"), Date.now())],
    },
  ];
}

const contentType = "application/octet-stream";

async function probe(blobs: BlobStore): Promise<Finding[]> {
  return [
    await withProbe(blobs, async (key, bytes) => {
      await blobs.put(key, bytes);
      if (!bytes.equals(await bytesOf(blobs, key)))
        return failure(
          "a blob does not read back as it was written",
          "Other programs may write to this place, or its disk is bad.",
        );
      return ok(`${blobs.engine}: written, read back and deleted in ${blobs.uriOf(key).slice(0, -key.length)}`);
    }),
  ];
}

async function upload(settings: BlobSettings, blobs: BlobStore): Promise<Finding> {
  const { presignPut } = blobs;
  if (presignPut === undefined || settings.engine === "folder") return skipped("the server itself takes uploads");
  return withProbe(blobs, async (key, bytes) => {
    const signed: PresignedPut = await presignPut(key, { contentType, expirySeconds: 60 });
    const { origin } = new URL(signed.uploadUrl);
    const headers = { "content-type": contentType, ...signed.headers };
    const answer = await fetch(signed.uploadUrl, { method: "PUT", body: bytes, headers });
    if (!answer.ok)
      return failure(
        `a PUT to an upload URL at ${origin} is answered ${answer.status}`,
        "Check the keys, the region and the clock.",
      );
    if (!bytes.equals(await bytesOf(blobs, key))) return failure("what was uploaded does not read back");
    return ok(`PUT, GET and DELETE went through at ${origin}`);
  });
}

/**
 * Looks with a key that is in no run's prefix, and deletes it in the end. That it can't be deleted matters where nothing was wrong
 * before.
 */
async function withProbe(
  blobs: BlobStore,
  look: (key: string, bytes: Buffer<ArrayBuffer>) => Promise<Finding>,
): Promise<Finding> {
  await blobs.check();
  const key = `.doctor-${randomUUID()}`;
  let finding: Finding | undefined;
  try {
    finding = await look(key, Buffer.from(key));
  } finally {
    const { failures } = await blobs.deleteMany([key]);
    if (finding?.severity === "ok" && failures[0] !== undefined)
      finding = failure(`the probe '${key}' can't be deleted: ${failures[0].reason}`, "Delete it by hand.");
  }
  return finding;
}

async function bytesOf(blobs: BlobStore, key: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of (await blobs.get(key)) ?? []) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** `date` is an HTTP date, to the second; `now` in milliseconds. */
export function skewOf(date: string | null, now: number): Finding {
  const theirs = Date.parse(date ?? "");
  if (Number.isNaN(theirs)) return skipped("the object store does not tell its time");
  const seconds = Math.max(0, Math.abs(now - theirs) / 1_000 - 1);
  const text = `${seconds.toFixed(0)} s from the object store's`;
  const hint = "Set it by NTP: signatures of requests and upload URLs hold only for a few minutes.";
  if (seconds > harmfulSkew) return failure(text, hint);
  return seconds > noticeableSkew ? warning(text, hint) : ok(text);
}

function addressOf(settings: BlobSettings): string | undefined {
  switch (settings.engine) {
    case "folder":
      return undefined;
    case "s3":
      return settings.endpoint;
    case "gcs":
      return settings.emulatorHost ?? "https://storage.googleapis.com";
    case "azure":
      return settings.accountUrl;
  }
}
