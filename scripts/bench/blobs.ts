// What the object stores' engines cost beside a peer: `bun scripts/bench/blobs.ts [s3|gcs|azure] [ROUNDS]`, default s3, 3 rounds.
// The server is the one of scripts/services/, started if it does not run. 64 MB as a stream, 1,000 objects of 10 kB, 16 at a
// time, and their deletion, in turns with the peer in one run; a ratio over 1 means that ours is faster. The peer of S3 is boto3,
// which the existing services use (MATYAN_BENCH_PYTHON: a Python that has it); of the others, their SDK as its manual shows it.
// `bun scripts/bench/blobs.ts memory [s3|gcs|azure|folder] [MEGABYTES]` puts and gets one large object, default 1,024 MB, and
// says how much memory that took; for gcs start the emulator with GCS_TEST_BACKEND=filesystem.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { BlobServiceClient } from "@azure/storage-blob";
import { Storage } from "@google-cloud/storage";
import { openAzureBlobs } from "../../server/blobs/azure/index.ts";
import { eachOf } from "../../server/blobs/concurrency.ts";
import { openFolderBlobs } from "../../server/blobs/folder.ts";
import { openGcsBlobs } from "../../server/blobs/gcs/index.ts";
import type { BlobStore } from "../../server/blobs/index.ts";
import { openS3Blobs } from "../../server/blobs/s3/index.ts";
import { azureTestSettings, gcsTestSettings, s3TestSettings, uniqueName } from "../../server/blobs/testing/engines.ts";
import { testService } from "../../server/testing/services.ts";

process.env["MATYAN_TEST_SERVICES"] = "1";
const megabyte = 1024 ** 2;
const [largeMegabytes, count, smallBytes, together] = [64, 1_000, 10_000, 16];
const place = uniqueName();
const jobs = ["put_large", "get_large", "put_small", "get_small", "delete_small"] as const;
type Job = (typeof jobs)[number];
const titles: Record<Job, string> = {
  put_large: `put ${largeMegabytes} MB`,
  get_large: `get ${largeMegabytes} MB`,
  put_small: `put ${count} x 10 kB`,
  get_small: `get ${count} x 10 kB`,
  delete_small: `list and delete ${count}`,
};

interface Spent {
  readonly seconds: number;
  /** Of the process that does it, not of the server. */
  readonly cpu: number;
}

interface Contender {
  readonly name: string;
  run(job: Job): Promise<Spent>;
  close(): Promise<void>;
}

const chunk = new Uint8Array(64 * 1024).map((_, index) => index);
const small = new Uint8Array(smallBytes);
const smallKeys = (owner: string) =>
  Array.from({ length: count }, (_, index) => `${owner}/small/${String(index).padStart(4, "0")}`);

async function* stream(megabytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < megabytes * megabyte; at += chunk.length) yield chunk;
}

/** What the Azure SDK takes for a stream's chunks. */
async function* buffers(megabytes: number): AsyncGenerator<Buffer> {
  for await (const each of stream(megabytes)) yield Buffer.from(each.buffer as ArrayBuffer);
}

async function lengthOf(chunks: AsyncIterable<Uint8Array>): Promise<number> {
  let length = 0;
  for await (const each of chunks) length += each.length;
  return length;
}

function check(fine: boolean): void {
  if (!fine) throw new Error("the object came back with another length");
}

function contender(name: string, works: Record<Job, () => Promise<unknown>>, close = async () => {}): Contender {
  return {
    name,
    async run(job) {
      const [cpu, start] = [process.cpuUsage(), performance.now()];
      await works[job]();
      const spent = process.cpuUsage(cpu);
      return { seconds: (performance.now() - start) / 1_000, cpu: (spent.user + spent.system) / 1e6 };
    },
    close,
  };
}

function ours(blobs: BlobStore): Contender {
  const works = {
    put_large: () => blobs.put("ours/large", stream(largeMegabytes)),
    get_large: async () => check((await lengthOf((await blobs.get("ours/large"))!)) === largeMegabytes * megabyte),
    put_small: () => eachOf(smallKeys("ours"), together, (key) => blobs.put(key, small)),
    get_small: () =>
      eachOf(smallKeys("ours"), together, async (key) =>
        check((await lengthOf((await blobs.get(key))!)) === smallBytes),
      ),
    delete_small: async () => check((await blobs.deletePrefix("ours/small/")).deleted === count),
  };
  return contender("ours", works, () => blobs.close());
}

async function boto3(endpoint: string): Promise<Contender> {
  const python = process.env["MATYAN_BENCH_PYTHON"] ?? "python3";
  const args = [endpoint, place, largeMegabytes, count, smallBytes].map(String);
  const child = Bun.spawn([python, join(import.meta.dir, "blobs.py"), ...args], { stdio: ["pipe", "pipe", "inherit"] });
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  return {
    name: "boto3",
    async run(job) {
      child.stdin.write(`${job}\n`);
      await child.stdin.flush();
      while (!text.includes("\n")) {
        const { value, done } = await output.read();
        if (done) throw new Error("boto3 ended: MATYAN_BENCH_PYTHON must name a Python that has it");
        text += value;
      }
      const end = text.indexOf("\n");
      const [seconds = 0, cpu = 0] = text.slice(0, end).split(" ").map(Number);
      text = text.slice(end + 1);
      return { seconds, cpu };
    },
    async close() {
      await child.stdin.end();
      await child.exited;
    },
  };
}

function googleSdk(apiEndpoint: string): Contender {
  const bucket = new Storage({ apiEndpoint, projectId: "bench" }).bucket(place);
  return contender("@google-cloud/storage", {
    put_large: () => pipeline(Readable.from(stream(largeMegabytes)), bucket.file("peer/large").createWriteStream()),
    get_large: async () =>
      check((await lengthOf(bucket.file("peer/large").createReadStream())) === largeMegabytes * megabyte),
    put_small: () =>
      eachOf(smallKeys("peer"), together, (key) => bucket.file(key).save(Buffer.from(small), { resumable: false })),
    get_small: () => eachOf(smallKeys("peer"), together, async (key) => void (await bucket.file(key).download())),
    delete_small: () => bucket.deleteFiles({ prefix: "peer/small/" }),
  });
}

function azureSdk(connectionString: string): Contender {
  const container = BlobServiceClient.fromConnectionString(connectionString).getContainerClient(place);
  const blob = (key: string) => container.getBlockBlobClient(key);
  return contender("@azure/storage-blob", {
    put_large: () => blob("peer/large").uploadStream(Readable.from(buffers(largeMegabytes))),
    get_large: async () => {
      const { readableStreamBody } = await blob("peer/large").download();
      check((await lengthOf(readableStreamBody as Readable)) === largeMegabytes * megabyte);
    },
    put_small: () =>
      eachOf(smallKeys("peer"), together, async (key) => void (await blob(key).upload(small, smallBytes))),
    get_small: () => eachOf(smallKeys("peer"), together, async (key) => void (await blob(key).downloadToBuffer())),
    delete_small: async () => {
      const found = [];
      for await (const { name } of container.listBlobsFlat({ prefix: "peer/small/" })) found.push(blob(name));
      for (let at = 0; at < found.length; at += 256)
        await container.getBlobBatchClient().deleteBlobs(found.slice(at, at + 256));
    },
  });
}

async function open(engine: string): Promise<{ blobs: BlobStore; peer: () => Promise<Contender> | Contender }> {
  if (engine !== "s3" && engine !== "gcs" && engine !== "azure") throw new Error(`no engine '${engine}'`);
  const address = await testService(engine);
  if (address === undefined) throw new Error(`${engine} is not to be had here`);
  switch (engine) {
    case "s3":
      return { blobs: openS3Blobs(s3TestSettings(address, place)), peer: () => boto3(address) };
    case "gcs":
      return { blobs: openGcsBlobs(gcsTestSettings(address, place)), peer: () => googleSdk(address) };
    case "azure": {
      const settings = azureTestSettings(address, place);
      return { blobs: openAzureBlobs(settings), peer: () => azureSdk(settings.connectionString!) };
    }
  }
}

async function compare(engine: string, rounds: number): Promise<void> {
  const { blobs, peer } = await open(engine);
  await blobs.check();
  const contenders = [ours(blobs), await peer()];
  const spent = new Map<string, Spent[]>();
  for (let round = 0; round <= rounds; round++)
    for (const job of jobs)
      for (const each of round % 2 === 0 ? contenders : contenders.toReversed()) {
        const result = await each.run(job);
        // The first round warms up.
        if (round > 0) spent.set(`${each.name} ${job}`, [...(spent.get(`${each.name} ${job}`) ?? []), result]);
      }
  const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
  const of = (name: string, job: Job, what: keyof Spent) =>
    median((spent.get(`${name} ${job}`) ?? []).map((each) => each[what]));
  const [we, they] = contenders as [Contender, Contender];
  console.log(`${engine}, ours beside ${they.name}, median of ${rounds} rounds: seconds (CPU seconds of the client)`);
  for (const job of jobs) {
    const text = ({ name }: Contender) => `${of(name, job, "seconds").toFixed(2)} (${of(name, job, "cpu").toFixed(2)})`;
    const ratio = of(they.name, job, "seconds") / of(we.name, job, "seconds");
    const cpu = of(they.name, job, "cpu") / of(we.name, job, "cpu");
    console.log(
      `${titles[job].padEnd(24)} ours ${text(we).padEnd(14)} peer ${text(they).padEnd(14)} ratio ${ratio.toFixed(2)} (CPU ${cpu.toFixed(2)})`,
    );
  }
  for (const each of contenders) await each.close();
}

async function measureMemory(engine: string, megabytes: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "matyan-bench-blobs-"));
  const blobs = engine === "folder" ? await openFolderBlobs(folder) : (await open(engine)).blobs;
  await blobs.check();
  await blobs.put("warm", stream(32));
  await lengthOf((await blobs.get("warm"))!);
  Bun.gc(true);
  const before = process.memoryUsage.rss();
  let most = before;
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss());
  }, 20);
  const start = performance.now();
  await blobs.put("large", stream(megabytes));
  const put = performance.now();
  const afterPut = most;
  most = process.memoryUsage.rss();
  check((await lengthOf((await blobs.get("large"))!)) === megabytes * megabyte);
  const got = performance.now();
  clearInterval(watch);
  const rate = (ms: number) => `${((megabytes / ms) * 1_000).toFixed(0)} MB/s`;
  const grown = (bytes: number) => `${((bytes - before) / megabyte).toFixed(0)} MB`;
  console.log(
    `${engine}, ${megabytes} MB: resident ${(before / megabyte).toFixed(0)} MB before; put ${rate(put - start)}, at most ${grown(afterPut)} more; get ${rate(got - put)}, at most ${grown(most)} more`,
  );
  await blobs.delete("large");
  await blobs.close();
  rmSync(folder, { recursive: true, force: true });
}

const [first = "s3", second, third] = process.argv.slice(2);
if (first === "memory") await measureMemory(second ?? "s3", Number(third ?? 1_024));
else await compare(first, Number(second ?? 3));
