// 11,400 damaged archives: each gives a result or an error of ours, in little time and memory.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { MatyanError } from "../error.ts";
import { openArchive, verifyArchive } from "./index.ts";
import {
  chunksOf,
  type Files,
  goldenFolders,
  loadFiles,
  memoryEntries,
  tarGzipOfFiles,
  tarOfFiles,
  writeSampleArchive,
} from "./testArchives.ts";
import { verifyEntries } from "./verify.ts";

const maxMemory = 256 << 20;
/** Milliseconds: a hang, not a slow machine. */
const timeout = 120_000;

let folder: string;
let archives: Files[];
let base: number;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "matyan-fuzz-test-"));
  archives = [...Object.values(goldenFolders), await writeSampleArchive(folder)].map((path) => loadFiles(path));
  base = process.memoryUsage.rss();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** mulberry32: the same damage every time. */
function randomFrom(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

const tokens = [
  "null",
  "NaN",
  "-1",
  "1e999",
  "9223372036854775808",
  '"\\ud800"',
  "[]",
  "{}",
  '""',
  "0".repeat(5000),
  "[".repeat(3000),
  "\0",
  "\xff\xfe",
  "\n\n",
  '"../../x"',
];

function damage(source: Uint8Array, random: (bound: number) => number): Uint8Array {
  const bytes = Buffer.from(source);
  const at = random(bytes.length + 1);
  const length = random(40);
  switch (random(7)) {
    case 0:
      if (at < bytes.length) bytes[at]! ^= 1 << random(8);
      return bytes;
    case 1:
      return bytes.subarray(0, at);
    case 2:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    case 3:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.max(0, at - length))]);
    case 4:
      return Buffer.concat([
        bytes.subarray(0, at),
        Buffer.from(tokens[random(tokens.length)]!, "latin1"),
        bytes.subarray(at),
      ]);
    case 5:
      return Buffer.concat([
        bytes.subarray(0, at),
        Buffer.from(tokens[random(tokens.length)]!, "latin1"),
        bytes.subarray(at + length),
      ]);
    default: {
      const lines = bytes.toString("latin1").split("\n");
      lines.splice(random(lines.length), 1 + random(2));
      return Buffer.from(lines.join("\n"), "latin1");
    }
  }
}

function damageFiles(source: Files, random: (bound: number) => number): Files {
  let files = new Map(source);
  for (let n = 1 + random(3); n > 0; n--) {
    const paths = [...files.keys()];
    const path = paths[random(paths.length)];
    if (path === undefined) break;
    const content = files.get(path)!;
    switch (random(8)) {
      case 0:
        files.delete(path);
        break;
      case 1:
        files.set(
          path.replace(/[^/]+$/, (name) => `${name}x`),
          content,
        );
        break;
      case 2:
        files.set(path, files.get(paths[random(paths.length)]!)!);
        break;
      case 3:
        files = new Map([...files].sort(() => random(3) - 1));
        break;
      default:
        files.set(path, damage(content, random));
    }
  }
  return files;
}

/** Runs `attempt`; anything but a result or an error of ours fails the test. */
async function survives(attempt: () => Promise<unknown>, seed: number): Promise<"result" | "error"> {
  try {
    await attempt();
    return "result";
  } catch (error) {
    if (!(error instanceof MatyanError)) throw new Error(`seed ${seed}: ${error}`, { cause: error });
    return "error";
  }
}

function expectBounded(): void {
  Bun.gc(true);
  expect(process.memoryUsage.rss() - base).toBeLessThan(maxMemory);
}

test(
  "6,000 archives with damaged files",
  async () => {
    let invalid = 0;
    for (let seed = 0; seed < 6000; seed++) {
      const random = randomFrom(seed);
      const files = damageFiles(archives[seed % archives.length]!, random);
      await survives(async () => {
        const result = await verifyEntries(memoryEntries(files, 1 + random(5000)), "fuzz");
        if (!result.ok) invalid++;
      }, seed);
    }
    expect(invalid).toBeGreaterThan(2000);
    expectBounded();
  },
  timeout,
);

test(
  "5,000 damaged tars, plain and compressed, from a pipe",
  async () => {
    const tars = await Promise.all(archives.flatMap((files) => [tarOfFiles(files), tarGzipOfFiles(files)]));
    let invalid = 0;
    for (let seed = 0; seed < 5000; seed++) {
      const random = randomFrom(seed + 100_000);
      let bytes: Uint8Array = tars[seed % tars.length]!;
      // Half of the damage to compressed ones is done inside, where the gzip checksum does not stop it first.
      const inside = bytes[0] === 0x1f && random(2) === 0;
      if (inside) bytes = gunzipSync(bytes);
      for (let n = 1 + random(3); n > 0; n--) bytes = damage(bytes, random);
      if (inside) bytes = gzipSync(bytes, { level: 1 });
      await survives(async () => {
        if (!(await verifyArchive("-", { stdin: chunksOf(bytes, 1 + random(8000)) })).ok) invalid++;
      }, seed);
    }
    expect(invalid).toBeGreaterThan(2500);
    expectBounded();
  },
  timeout,
);

test(
  "400 damaged tars opened and read to their end, leaving nothing behind",
  async () => {
    const tempDir = mkdtempSync(join(folder, "temp-"));
    const tars = await Promise.all(archives.map((files) => tarOfFiles(files)));
    let opened = 0;
    for (let seed = 0; seed < 400; seed++) {
      const random = randomFrom(seed + 200_000);
      // Damage to a tar is most often fatal; damage to the files in it gets further.
      const bytes =
        random(4) === 0
          ? damage(tars[seed % tars.length]!, random)
          : await tarOfFiles(damageFiles(archives[seed % archives.length]!, random));
      const outcome = await survives(async () => {
        await using archive = await openArchive("-", { stdin: chunksOf(bytes, 1 + random(8000)), tempDir });
        for await (const _ of archive.entities());
        for (const hash of archive.runHashes) {
          const run = await archive.run(hash);
          for (const file of ["run.json", "attrs.json", "contexts.json", "traces.json"] as const)
            await run.readJson(file);
          for await (const _ of run.records());
          for await (const blob of run.blobs()) for await (const _ of blob.open());
        }
      }, seed);
      if (outcome === "result") opened++;
    }
    expect(opened).toBeGreaterThan(40);
    expect(readdirSync(tempDir)).toEqual([]);
    expectBounded();
  },
  timeout,
);
