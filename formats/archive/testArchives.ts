// For tests: archives in memory, to be changed, packed and checked without a disk.
import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type Header, pack } from "tar-stream";
import { mapOf } from "../value.ts";
import type { VerifyResult } from "./archiveCheck.ts";
import type { ArchiveEntry } from "./entries.ts";
import { createArchive } from "./index.ts";

export const errorsOf = (result: VerifyResult) => result.faults.filter(({ severity }) => severity === "error");
export const codesOf = (result: VerifyResult) => new Set(result.faults.map(({ code }) => code));

/** Content by path below the top folder. */
export type Files = Map<string, Uint8Array>;

export const fixtures = join(import.meta.dir, "../../fixtures/archives");

export const goldenFolders = {
  "example-archive": join(fixtures, "example-archive/matyan-backup-20261122-104930"),
  "example-archive-full": join(fixtures, "example-archive-full/matyan-backup-20261122-104931"),
  "example-archive-client": join(fixtures, "example-archive-client/matyan-backup-20261122-104306"),
} as const;

export const goldenTars = {
  backup: join(fixtures, "example-archive/matyan-backup-20261122-104931.tar.gz"),
  converted: join(fixtures, "converted/matyan-tb-import-20261122-105510.tar.gz"),
} as const;

/** All files below a folder. */
export function loadFiles(folder: string, prefix = ""): Files {
  const files: Files = new Map();
  for (const item of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = `${prefix}${item.name}`;
    if (item.isDirectory())
      for (const [each, bytes] of loadFiles(join(folder, item.name), `${path}/`)) files.set(each, bytes);
    else files.set(path, readFileSync(join(folder, item.name)));
  }
  return files;
}

/** The files as verification takes them; chunks of `chunk` bytes. */
export async function* memoryEntries(files: Files, chunk = 1 << 16): AsyncGenerator<ArchiveEntry> {
  yield { name: "runs", path: "runs", fault: undefined, isFolder: true, size: 0, body: chunksOf(new Uint8Array(0), 1) };
  for (const [path, bytes] of files) {
    yield { name: path, path, fault: undefined, isFolder: false, size: bytes.length, body: chunksOf(bytes, chunk) };
  }
}

export async function* chunksOf(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

export interface Member {
  readonly header: Partial<Header> & { name: string };
  readonly content?: string | Uint8Array;
}

/** A tar of any members, harmful ones too. */
export async function tarOf(members: Iterable<Member>): Promise<Buffer> {
  const tar = pack();
  for (const { header, content = "" } of members) {
    tar.entry({ mtime: new Date(0), ...header }, content);
  }
  tar.finalize();
  const pieces: Uint8Array[] = [];
  for await (const piece of tar) if (piece instanceof Uint8Array) pieces.push(piece);
  return Buffer.concat(pieces);
}

export async function tarOfFiles(files: Files, top = "matyan-backup-20260101-000000"): Promise<Buffer> {
  const members: Member[] = [
    { header: { name: `${top}/`, type: "directory" } },
    { header: { name: `${top}/runs/`, type: "directory" } },
  ];
  for (const [path, content] of files) members.push({ header: { name: `${top}/${path}`, type: "file" }, content });
  return tarOf(members);
}

export async function tarGzipOfFiles(files: Files): Promise<Buffer> {
  return gzipSync(await tarOfFiles(files));
}

/** An archive of ours that has everything: entities, two runs, every kind of value, blobs, tags, settings. */
export async function writeSampleArchive(out: string, options: { compress?: boolean } = {}): Promise<string> {
  const now = () => new Date("2026-11-22T10:49:30.790Z");
  const archive = await createArchive({ out, kind: "backup", durable: false, now, ...options });
  await archive.entity("experiment", mapOf({ id: "e1", name: "größe", description: "" }));
  await archive.entity("tag", mapOf({ id: "t1", name: "baseline", color: "#ff0000" }));
  await archive.entity("note", mapOf({ id: "n1", content: "x", run_hash: "aaaa", experiment_id: "e1" }));
  const run = await archive.run("aaaa");
  await run.json("run.json", mapOf({ name: "run ä", created_at: 1.5, experiment_id: "e1", is_archived: false }));
  await run.json(
    "attrs.json",
    new Map([["__blobs__", new Map([["m.bin", mapOf({ s3_key: "aaaa/m.bin", content_type: "x/y" })]])]]),
  );
  await run.json("contexts.json", mapOf({ "0": new Map(), "2326457826": mapOf({ subset: "train" }) }));
  const traces = [
    mapOf({ name: "loss", context_id: 2326457826n, dtype: "float", last: 0.5, last_step: 40n }),
    mapOf({ name: "img", context_id: 0n, dtype: "image", last: null, last_step: 1n }),
    mapOf({ name: "logs", context_id: 0n, dtype: "logs", last_step: 0n }),
  ];
  await run.json("traces.json", traces);
  const records = run.records();
  for (let step = 0n; step <= 40n; step++) {
    const value = step === 3n ? Number.NaN : 1 / (Number(step) + 1);
    records.write({
      contextId: 2326457826,
      name: "loss",
      step,
      value,
      epoch: step / 10n,
      time: 1795344570.5 + Number(step),
    });
  }
  const image = mapOf({
    type: "image",
    format: "png",
    caption: "",
    width: 1n,
    height: 1n,
    s3_key: "aaaa/seq/img/1.png",
  });
  records.write({ contextId: 0, name: "img", step: 1n, value: image });
  records.write({ contextId: 0, name: "logs", step: 0n, value: "zeile\n1" });
  await run.blob("seq/img/1.png", Buffer.from("pixels"));
  await run.blob("m.bin", Buffer.from("weights"));
  await run.extra("tags.json", [mapOf({ id: "t1", name: "baseline" })]);
  await run.close();
  const second = await archive.run("bbbb");
  await second.json("run.json", mapOf({ name: "empty", created_at: 2 }));
  await second.close();
  await archive.extra("project.json", mapOf({ name: "p", description: "", pinned_sequences: new Map() }));
  return (await archive.finish()).path;
}

/** The sample archive in a folder of its own, which the caller removes, and its files. */
export async function newSample(): Promise<{ folder: string; ours: string; oursFiles: Files }> {
  const folder = mkdtempSync(join(tmpdir(), "matyan-verify-test-"));
  const ours = await writeSampleArchive(folder);
  return { folder, ours, oursFiles: loadFiles(ours) };
}
