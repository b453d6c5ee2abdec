// What the writer makes, the reader and Python's tarfile give back.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mapOf } from "../value.ts";
import { type ArchiveReader, createArchive, openArchive, type SequenceRecord } from "./index.ts";

const time = new Date("2026-11-22T10:49:30.790Z");
const now = () => time;
const longPath = `seq/${"länge/".repeat(30)}${"n".repeat(200)}/日本 1.png`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "matyan-archive-test-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const points: SequenceRecord[] = [
  { contextId: 0, name: "loss", step: 0n, value: 1 },
  { contextId: 0, name: "loss", step: -(2n ** 63n), value: Number.NaN, epoch: 3n },
  { contextId: 4294967295, name: 'ü "q" \\ \n', step: 2n ** 63n - 1n, value: null, time: 1795344570.7325048 },
  { contextId: 1, name: "n", step: 2n ** 53n + 1n, value: 7n, epoch: -1n, time: -0 },
  { contextId: 1, name: "logs", step: 1n, value: "zeile\u2028 1\u001b[0m 😀" },
  { contextId: 1, name: "img", step: 1n, value: mapOf({ type: "image", s3_key: `h1/${longPath}`, width: 4n }) },
  { contextId: 1, name: "inf", step: 1n, value: Number.NEGATIVE_INFINITY },
];

async function writeSample(options: { compress?: boolean; out?: string } = {}): Promise<string> {
  const archive = await createArchive({ out: folder, kind: "backup", now, durable: false, ...options });
  await archive.entity("experiment", mapOf({ id: "e1", name: "größe" }));
  const run = await archive.run("h1");
  await run.json("run.json", mapOf({ name: "run ä", created_at: 1 }));
  await run.json("contexts.json", mapOf({ "0": new Map() }));
  for (const point of points) run.records().write(point);
  run
    .records()
    .write(
      Buffer.from(
        '{"ctx_id": 0, "name": "b", "step": 1, "value": 0.5}\n{"ctx_id": 0, "name": "b", "step": 2, "value": 1e-05}\n',
      ),
      2,
    );
  expect(await run.blob(longPath, Buffer.from("pixels"))).toBe(6);
  expect(
    await run.blob(
      "model.bin",
      (async function* () {
        for (let i = 0; i < 40; i++) yield Buffer.alloc(100_000, i);
      })(),
    ),
  ).toBe(4_000_000);
  await run.extra("tags.json", [mapOf({ id: "t1", name: "tag" })]);
  await run.close();
  const empty = await archive.run("h2");
  await empty.json("run.json", new Map());
  await empty.close();
  await archive.extra("project.json", mapOf({ name: "p" }));
  const summary = await archive.finish({ filters: mapOf({ runs: ["h1", "h2"] }) });
  expect(summary).toMatchObject({ runs: 2, records: 9, blobs: 2, blobBytes: 4_000_006 });
  return summary.path;
}

async function readAll(archive: ArchiveReader): Promise<Map<string, unknown>> {
  const all = new Map<string, unknown>([
    ["manifest", archive.manifest],
    ["project", await archive.readExtra("project.json")],
  ]);
  all.set("entities", await Array.fromAsync(archive.entities()));
  for (const hash of archive.runHashes) {
    const run = await archive.run(hash);
    expect(run.missing).toEqual([]);
    for (const file of ["run.json", "attrs.json", "contexts.json", "traces.json"] as const)
      all.set(`${hash}/${file}`, await run.readJson(file));
    all.set(`${hash}/tags`, await run.readExtra("tags.json"));
    all.set(
      `${hash}/records`,
      (await Array.fromAsync(run.records())).flat().map(({ line: _, ...point }) => point),
    );
    for await (const blob of run.blobs()) {
      const bytes = Buffer.concat(await Array.fromAsync(blob.open(), (chunk) => new Uint8Array(chunk)));
      expect(bytes.length).toBe(blob.size);
      all.set(`${hash}/blobs/${blob.path}`, Bun.hash(bytes));
    }
  }
  return all;
}

describe.each([
  ["a folder", {}],
  ["a compressed archive", { compress: true }],
])("%s", (_, options) => {
  test("gives back every document, point and blob that was written", async () => {
    const path = await writeSample(options);
    await using archive = await openArchive(path);
    const all = await readAll(archive);
    const written = [
      ...points,
      { contextId: 0, name: "b", step: 1n, value: 0.5 },
      { contextId: 0, name: "b", step: 2n, value: 1e-5 },
    ];
    expect(all.get("h1/records")).toEqual(written);
    expect(all.get("h1/run.json")).toEqual(mapOf({ name: "run ä", created_at: 1 }));
    expect(all.get("h1/tags")).toEqual([mapOf({ id: "t1", name: "tag" })]);
    expect(all.get("h2/tags")).toBeUndefined();
    expect(all.get("h2/traces.json")).toEqual([]);
    expect(all.get("h2/contexts.json")).toEqual(mapOf({ "0": new Map() }));
    expect(all.get("project")).toEqual(mapOf({ name: "p" }));
    expect(all.get("entities")).toEqual([{ kind: "experiment", data: mapOf({ id: "e1", name: "größe" }), line: 1 }]);
    expect(all.get(`h1/blobs/${longPath}`)).toBe(Bun.hash("pixels"));
    expect(all.has("h1/blobs/model.bin")).toBe(true);
    expect(readdirSync(folder).filter((name) => name.startsWith("."))).toEqual([]);
  });
});

test("a folder and a tar of the same runs read the same", async () => {
  const plain = await openArchive(await writeSample());
  const packed = await openArchive(await writeSample({ compress: true }));
  expect(await readAll(packed)).toEqual(await readAll(plain));
  await plain.close();
  await packed.close();
});

test("the manifest has the text of the existing writers", async () => {
  const path = await writeSample();
  expect(readFileSync(join(path, "manifest.json"), "utf8")).toStartWith(
    '{\n  "format_version": 1,\n  "created_at": "2026-11-22T10:49:30.790000+00:00",\n  "run_count": 2,\n  "run_hashes": [\n    "h1",\n    "h2"\n  ],',
  );
  expect(readFileSync(join(path, "entities.jsonl"), "utf8")).toBe(
    '{"entity_type": "experiment", "data": {"id": "e1", "name": "gr\\u00f6\\u00dfe"}}\n',
  );
});
