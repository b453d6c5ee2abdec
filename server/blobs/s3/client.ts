// The SDK's client of an S3 or compatible service, and what its errors mean.
import { S3Client } from "@aws-sdk/client-s3";
import type { S3Settings } from "../../config/engines.ts";
import type { BlobPlace, Refusal } from "../refusal.ts";

/** Path-style addresses are understood by every server, also where names of buckets are no host names. */
export function s3Client(settings: S3Settings, endpoint: string): S3Client {
  const { accessKey: accessKeyId, secretKey: secretAccessKey } = settings;
  const client = new S3Client({
    region: settings.region,
    forcePathStyle: true,
    ...(endpoint === "" ? {} : { endpoint }),
    // Without a key the SDK looks where it always does: AWS_* variables, profiles, the role of machine or pod.
    ...(accessKeyId === "" ? {} : { credentials: { accessKeyId, secretAccessKey } }),
    // Uploads carry checksums of our own making (a native CRC32 in a plain header); the SDK's are trailers of chunked
    // bodies, which some compatible servers refuse, and make presigned URLs demand the checksum of an empty body.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    maxAttempts: 6,
    requestHandler: {
      connectionTimeout: 10_000,
      requestTimeout: 120_000,
      throwOnRequestTimeout: true,
      httpAgent: { keepAlive: true, maxSockets: 64 },
      httpsAgent: { keepAlive: true, maxSockets: 64 },
    },
  });
  deletionsCarryMd5(client);
  return client;
}

/** DeleteObjects needs a checksum of its body; MD5 is the one that every S3 server since the first understands. */
function deletionsCarryMd5(client: S3Client): void {
  client.middlewareStack.add(
    (next, context) => (args) => {
      const request = args.request as { headers: Record<string, string>; body?: unknown };
      if (context.commandName === "DeleteObjectsCommand" && typeof request.body === "string") {
        for (const name of Object.keys(request.headers))
          if (/^x-amz-(checksum-|sdk-checksum)/i.test(name)) delete request.headers[name];
        request.headers["content-md5"] = new Bun.CryptoHasher("md5").update(request.body).digest("base64");
      }
      return next(args);
    },
    { step: "build", name: "deletionsCarryMd5", priority: "low" },
  );
}

export function s3Place({ bucket, endpoint, region, secretKey }: S3Settings): BlobPlace {
  const at = endpoint === "" ? `in AWS region ${region}` : `at ${endpoint}`;
  return {
    name: `the bucket '${bucket}' ${at}`,
    secrets: [secretKey],
    hints: {
      denied: "Check S3_ACCESS_KEY, S3_SECRET_KEY and S3_REGION, and that they may use this bucket.",
      missing: "Make the bucket, or name the right one with S3_BUCKET.",
      unreachable: "Check S3_ENDPOINT and that the service runs, then try again.",
    },
  };
}

export function s3Refusal(error: unknown): Refusal {
  if (!(error instanceof Error)) return { status: undefined, code: "", text: String(error) };
  const { $metadata, code, Code } = error as {
    $metadata?: { httpStatusCode?: number };
    code?: unknown;
    Code?: unknown;
  };
  const name = [Code, code].find((each): each is string => typeof each === "string") ?? error.name;
  const text = error.message === "UnknownError" || error.message === name ? "" : error.message;
  return { status: $metadata?.httpStatusCode, code: name === "Error" ? "" : name, text };
}
