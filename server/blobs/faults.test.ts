// What the object stores make of a network or a service that fails, with a proxy before a real server.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { MatyanError } from "../../formats/error.ts";
import { openAzureBlobs } from "./azure/index.ts";
import { openGcsBlobs } from "./gcs/index.ts";
import type { BlobStore } from "./index.ts";
import { openS3Blobs } from "./s3/index.ts";
import {
  azureAddress,
  azureTestSettings,
  gcsAddress,
  gcsTestSettings,
  inChunks,
  keysIn,
  patterned,
  readAll,
  s3Address,
  s3TestSettings,
} from "./testing/engines.ts";
import { FaultyProxy } from "./testing/faultyProxy.ts";

const services = [
  {
    name: "S3 (versitygw)",
    address: s3Address,
    open: (address: string) => openS3Blobs(s3TestSettings(address)),
    absent: (address: string) => openS3Blobs({ ...s3TestSettings(address, "no-such-bucket"), createMissing: false }),
    missing: ["no-such-bucket", "S3_BUCKET"],
  },
  {
    name: "GCS (fake-gcs-server)",
    address: gcsAddress,
    // The SDK waits a second before it tries again, then two, and so on.
    open: (address: string) => openGcsBlobs(gcsTestSettings(address), { retryOptions: { maxRetries: 2 } }),
    absent: (address: string) => openGcsBlobs({ ...gcsTestSettings(address, "no-such-bucket"), createMissing: false }),
    missing: ["no-such-bucket", "GCS_BUCKET"],
  },
  {
    name: "Azure (azurite)",
    address: azureAddress,
    open: (address: string) => openAzureBlobs(azureTestSettings(address)),
    absent: (address: string) =>
      openAzureBlobs({ ...azureTestSettings(address, "no-such-bucket"), createMissing: false }),
    missing: ["no-such-bucket", "AZURE_CONTAINER"],
  },
] as const;

for (const service of services) {
  describe.skipIf(service.address === undefined)(`faults of ${service.name}`, () => {
    let proxy: FaultyProxy;
    let blobs: BlobStore;
    beforeEach(async () => {
      proxy = await FaultyProxy.before(service.address!);
      blobs = service.open(proxy.address);
      await blobs.check();
    });
    afterEach(async () => {
      await blobs.close();
      await proxy[Symbol.asyncDispose]();
    });

    test("a connection cut in the middle of an upload is made again, and the blob is whole", async () => {
      const bytes = patterned(20_000_000);
      for (const [at, size] of [
        [500_000, 2_000_000],
        [5_000_000, bytes.length],
        [18_000_000, bytes.length],
      ] as const) {
        const before = proxy.cuts;
        proxy.cutUploadAfter(at);
        await blobs.put("r/x", inChunks(bytes.subarray(0, size), 300_000));
        // The session of a resumable upload has an address of the emulator's own, which leads past the proxy.
        if (service.name.startsWith("GCS") && size > 8_000_000) proxy.cutUploadAfter(Number.POSITIVE_INFINITY);
        else expect(proxy.cuts).toBe(before + 1);
        expect((await readAll(blobs, "r/x"))?.equals(bytes.subarray(0, size))).toBe(true);
      }
    });

    test("a connection cut in the middle of a download is taken up where it broke", async () => {
      const bytes = patterned(12_000_000);
      await blobs.put("r/x", bytes);
      for (const at of [300_000, 1_000_000, 7_000_000]) {
        const before = proxy.cuts;
        proxy.cutDownloadAfter(at);
        expect((await readAll(blobs, "r/x"))?.equals(bytes)).toBe(true);
        expect(proxy.cuts).toBe(before + 1);
      }
    });

    test("a blob replaced while its reader's connection is cut is no mixture but a conflict", async () => {
      await blobs.put("r/x", new Uint8Array(30_000_000).fill(1));
      let read = 0;
      const reading = (async () => {
        for await (const chunk of (await blobs.get("r/x"))!) {
          if (read === 0) {
            await blobs.put("r/x", new Uint8Array(30_000_000).fill(2));
            proxy.cutDownloadAfter(1);
          }
          expect(chunk.every((byte) => byte === 1)).toBe(true);
          read += chunk.length;
        }
      })();
      await expect(reading).rejects.toMatchObject({ code: "conflict" });
      expect(read).toBeLessThan(30_000_000);
    });

    test("a service that is overloaded for a moment is asked again", async () => {
      await blobs.put("r/x", Buffer.from("x"));
      const works: (() => Promise<unknown>)[] = [
        () => blobs.put("r/y", Buffer.from("y")),
        () => readAll(blobs, "r/x"),
        () => blobs.head("r/x"),
        () => keysIn(blobs),
        () => blobs.deleteMany(["r/y"]),
        () => blobs.delete("r/y"),
      ];
      for (const work of works) {
        proxy.answered = 0;
        proxy.answerNext(1, "503 Slow Down");
        await work();
        expect(proxy.answered).toBe(1);
      }
      expect(await keysIn(blobs)).toEqual(["r/x"]);
    });

    test("a service that stays broken is an error that names the key, the place and the way out", async () => {
      await blobs.put("r/x", Buffer.from("old"));
      proxy.answerNext(1_000, "500 Internal Server Error");
      const error = await errorOf(blobs.put("r/x", Buffer.from("new")));
      proxy.answerNext(0, "");
      expect(error.code).toBe("io");
      expect(error.message).toStartWith(`can't write the blob 'r/x' in the `);
      expect(error.message).toContain(proxy.address);
      expect(error.hint).toContain("try again later");
      expect((await readAll(blobs, "r/x"))?.toString()).toBe("old");
    });

    test("an address where nothing listens is an error that says where to look", async () => {
      const port = await freePort();
      const nowhere = service.open(`http://127.0.0.1:${port}`);
      const works = [() => nowhere.check(), () => nowhere.put("r/x", new Uint8Array(1)), () => readAll(nowhere, "r/x")];
      for (const work of works) {
        const error = await errorOf(work());
        expect(error.message).toContain(`127.0.0.1:${port}`);
        expect(error.hint).toContain("then try again");
      }
    });

    test("a bucket that is missing is an error with its name, not a place without blobs; it is made only where that is wanted", async () => {
      const absent = service.absent(service.address!);
      const works = [
        () => absent.check(),
        () => absent.put("r/x", new Uint8Array(1)),
        () => readAll(absent, "r/x"),
        () => absent.head("r/x"),
        () => keysIn(absent),
        () => absent.deletePrefix("r/"),
      ];
      for (const work of works) {
        const error = await errorOf(work());
        for (const name of service.missing) expect(`${error.message} ${error.hint}`).toContain(name);
      }
      const { deleted, failed, failures } = await absent.deleteMany(["r/x", "r/y"]);
      expect([deleted, failed]).toEqual([0, 2]);
      expect(failures.map(({ key }) => key).toSorted()).toEqual(["r/x", "r/y"]);
    });
  });
}

async function errorOf(work: Promise<unknown>): Promise<MatyanError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(MatyanError);
  return error as MatyanError;
}

/** A port on which nothing listens. */
async function freePort(): Promise<number> {
  const proxy = await FaultyProxy.before("http://127.0.0.1:1");
  const port = Number(new URL(proxy.address).port);
  await proxy[Symbol.asyncDispose]();
  const socket = connect(port, "127.0.0.1");
  await new Promise((resolve) => socket.on("error", resolve));
  return port;
}
