// Verification passes what other programs wrote and names every kind of damage where it is.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import type { VerifyResult } from "./archiveCheck.ts";
import {
  chunksOf,
  codesOf,
  errorsOf,
  type Files,
  goldenFolders,
  goldenTars,
  loadFiles,
  memoryEntries,
  newSample,
  tarGzipOfFiles,
  tarOfFiles,
  writeSampleArchive,
} from "./testArchives.ts";
import { verifyArchive, verifyEntries } from "./verify.ts";

let folder: string;
let ours: string;
let oursFiles: Files;

beforeAll(async () => {
  ({ folder, ours, oursFiles } = await newSample());
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = "runs/aaaa";
const goldenRun = "runs/0123456789abcdef0123456789abcdef";

/** Verifies a copy of the files after a change. */
async function changed(files: Files, change: (files: Files) => void): Promise<VerifyResult> {
  const copy = new Map(files);
  change(copy);
  const sorted = new Map([...copy].sort(([a], [b]) => (a < b ? -1 : 1)));
  return verifyEntries(memoryEntries(sorted), "memory");
}

function edit(path: string, from: string | RegExp, to: string): (files: Files) => void {
  return (files) => {
    const before = Buffer.from(files.get(path)!).toString();
    const after = before.replace(from, to);
    expect(after).not.toBe(before);
    files.set(path, Buffer.from(after));
  };
}

describe("archives of the existing programs", () => {
  const expected = {
    "example-archive": { runs: 1, records: 4, blobs: 1, warnings: 0 },
    "example-archive-full": { runs: 2, records: 14, blobs: 3, warnings: 0 },
    "example-archive-client": { runs: 2, records: 212, blobs: 0, warnings: 5 },
  } as const;
  test.each(Object.entries(expected))("%s is valid", async (name, counts) => {
    const result = await verifyArchive(goldenFolders[name as keyof typeof goldenFolders]);
    expect(errorsOf(result)).toEqual([]);
    expect(result).toMatchObject({ ok: true, checksums: "absent", ...counts });
  });

  test("objects that the client's backup lost are a warning that says so", async () => {
    const result = await verifyArchive(goldenFolders["example-archive-client"]);
    expect(codesOf(result)).toEqual(new Set(["object-lost"]));
    expect(result.faults[0]!.message).toContain('sequence "img" of dtype image: object data missing');
  });

  test("a tar of the backend is valid", async () => {
    expect(await verifyArchive(goldenTars.backup)).toMatchObject({
      ok: true,
      warnings: 0,
      runs: 1,
      records: 4,
      blobs: 1,
    });
  });

  test("a tar of the converter is valid, with its doubled trace and recounted images as warnings", async () => {
    const result = await verifyArchive(goldenTars.converted);
    expect(result).toMatchObject({ ok: true, runs: 20, records: 195, blobs: 10 });
    expect(codesOf(result)).toEqual(new Set(["duplicate-trace", "count"]));
  });

  test("the folder of a run that the client failed to export is a warning", async () => {
    const files = loadFiles(goldenFolders["example-archive-client"]);
    const failed = await changed(files, (copy) => {
      edit("manifest.json", '"run_count": 2', '"run_count": 1')(copy);
      for (const file of ["traces.json", "contexts.json", "sequences.jsonl"]) {
        copy.delete(`runs/fedcba9876543210fedcba9876543210/${file}`);
      }
    });
    expect(failed.ok).toBe(true);
    expect(codesOf(failed)).toContain("run-failed");
  });

  test("a run that was asked for twice is a warning", async () => {
    const result = await changed(loadFiles(goldenFolders["example-archive"]), (copy) => {
      edit("manifest.json", '"run_count": 1', '"run_count": 2')(copy);
      edit("manifest.json", /"run_hashes": \[\s*("\w+")/, '"run_hashes": [$1, $1')(copy);
    });
    expect(result).toMatchObject({ ok: true, warnings: 1 });
    expect(codesOf(result)).toEqual(new Set(["run-hash"]));
  });

  test("a folder that lacks a file is an error when the manifest counts it as exported", async () => {
    const result = await changed(loadFiles(goldenFolders["example-archive-client"]), (copy) => {
      copy.delete(`${goldenRun}/traces.json`);
    });
    expect(errorsOf(result)).toMatchObject([{ file: `${goldenRun}/traces.json`, code: "file-missing" }]);
  });
});

describe("our archives", () => {
  test("are valid to the last checksum, as a folder, a tar and a pipe", async () => {
    const wanted = { ok: true, checksums: "verified", runs: 2, records: 43, blobs: 2, warnings: 0, faults: [] };
    expect(await verifyArchive(ours)).toMatchObject(wanted);
    const tar = await tarGzipOfFiles(oursFiles);
    expect(await verifyArchive("-", { stdin: chunksOf(tar, 100) })).toMatchObject({
      ...wanted,
      archive: "standard input",
    });
    expect(await verifyArchive("-", { stdin: chunksOf(await tarOfFiles(oursFiles), 4096) })).toMatchObject(wanted);
    const packed = await writeSampleArchive(folder, { compress: true });
    expect(await verifyArchive(packed)).toMatchObject(wanted);
  });

  test("are checked the same in any order of their files", async () => {
    const reversed = new Map([...oursFiles].reverse());
    expect(await verifyEntries(memoryEntries(reversed, 7), "memory")).toMatchObject({
      ok: true,
      checksums: "verified",
      faults: [],
    });
  });

  test.each([
    ...["m.bin", "seq/img/1.png"].map((name) => `${run}/blobs/${name}`),
    `${run}/sequences.jsonl`,
    "project.json",
  ])("a changed byte in %s is found by its checksum", async (path) => {
    const result = await changed(oursFiles, (files) => {
      const bytes = Buffer.from(files.get(path)!);
      bytes[bytes.length - 3]! ^= 1;
      files.set(path, bytes);
    });
    expect(result).toMatchObject({ ok: false, checksums: "failed" });
    expect(errorsOf(result)).toContainEqual(expect.objectContaining({ file: path, code: "sha256" }));
  });

  test("a sequence cut at a line end is found by size and count", async () => {
    const result = await changed(oursFiles, (files) => {
      const text = Buffer.from(files.get(`${run}/sequences.jsonl`)!).toString();
      files.set(`${run}/sequences.jsonl`, Buffer.from(text.slice(0, text.indexOf("\n", 2000) + 1)));
    });
    const codes = codesOf(result);
    for (const code of ["size", "records", "totals"]) expect(codes).toContain(code);
  });

  test("a missing blob is named by the list and by the line that refers to it", async () => {
    const result = await changed(oursFiles, (files) => files.delete(`${run}/blobs/seq/img/1.png`));
    const errors = errorsOf(result);
    expect(errors).toContainEqual(
      expect.objectContaining({ code: "file-missing", file: `${run}/blobs/seq/img/1.png` }),
    );
    expect(errors).toContainEqual(
      expect.objectContaining({ code: "blob-missing", file: `${run}/sequences.jsonl`, line: 42 }),
    );
  });

  test("a file that nobody listed is an error", async () => {
    const result = await changed(oursFiles, (files) => files.set(`${run}/blobs/new`, Buffer.from("x")));
    expect(errorsOf(result)).toContainEqual(
      expect.objectContaining({ code: "file-unlisted", file: `${run}/blobs/new` }),
    );
  });

  test("checksums that another program has formatted anew still count", async () => {
    const reformat = (files: Files) => {
      const list = JSON.parse(Buffer.from(files.get("checksums.json")!).toString());
      files.set("checksums.json", Buffer.from(JSON.stringify(list, null, 1)));
    };
    expect(await changed(oursFiles, reformat)).toMatchObject({ ok: true, checksums: "verified", faults: [] });
    const result = await changed(oursFiles, (files) => {
      reformat(files);
      files.set("project.json", Buffer.from("{}\n"));
    });
    expect(errorsOf(result)).toContainEqual(expect.objectContaining({ file: "project.json", code: "size" }));
  });

  test("a list of checksums that is cut short fails", async () => {
    const result = await changed(oursFiles, edit("checksums.json", /\n\}, "totals.*\n$/, "\n"));
    expect(result.checksums).toBe("failed");
  });
});

describe("structure", () => {
  const file = `${run}/sequences.jsonl`;
  /** Checked without checksums, so that only the fault itself is reported. */
  const bare = (change: (files: Files) => void) =>
    changed(oursFiles, (files) => {
      files.delete("checksums.json");
      change(files);
    });
  const appended = (line: string) => (files: Files) =>
    files.set(file, Buffer.concat([files.get(file)!, Buffer.from(`${line}\n`)]));

  const cases: [string, (files: Files) => void, object][] = [
    ["a line that is not JSON", appended('{"ctx_id": 0, "name": "a"'), { file, line: 44, code: "record" }],
    ["a missing name", appended('{"ctx_id": 0, "step": 1, "value": 1.0}'), { file, line: 44, code: "record" }],
    [
      "a step over 64 bits",
      appended('{"ctx_id": 0, "name": "logs", "step": 9223372036854775808, "value": "x"}'),
      { file, line: 44, code: "record" },
    ],
    [
      "a fractional step",
      appended('{"ctx_id": 0, "name": "logs", "step": 1.0, "value": "x"}'),
      { file, line: 44, code: "record" },
    ],
    [
      "a time that is text",
      appended('{"ctx_id": 0, "name": "logs", "step": 1, "value": "x", "time": "now"}'),
      { file, line: 44, code: "record" },
    ],
    [
      "an unknown context",
      appended('{"ctx_id": 5, "name": "logs", "step": 1, "value": "x"}'),
      { file, line: 44, code: "context-missing" },
    ],
    [
      "a sequence without a trace",
      appended('{"ctx_id": 0, "name": "new", "step": 1, "value": 1.0}'),
      { file, line: 44, code: "trace-missing" },
    ],
    ["a blob key of another run", edit(file, "aaaa/seq", "bbbb/seq"), { file, line: 42, code: "blob-key" }],
    [
      "a missing artifact",
      (files) => files.delete(`${run}/blobs/m.bin`),
      { file: `${run}/attrs.json`, code: "blob-missing" },
    ],
    ["broken JSON", edit(`${run}/run.json`, "}", ""), { file: `${run}/run.json`, line: 2, code: "json" }],
    [
      "a list for an object",
      (files) => files.set(`${run}/attrs.json`, Buffer.from("[]")),
      { file: `${run}/attrs.json`, code: "shape" },
    ],
    [
      "a bad context id",
      edit(`${run}/contexts.json`, '"2326457826"', '"-1"'),
      { file: `${run}/contexts.json`, code: "context-id" },
    ],
    [
      "a trace without a name",
      edit(`${run}/traces.json`, '"name": "loss", ', ""),
      { file: `${run}/traces.json`, code: "trace" },
    ],
    [
      "a missing document",
      (files) => files.delete("runs/bbbb/attrs.json"),
      { file: "runs/bbbb/attrs.json", code: "file-missing" },
    ],
    ["a missing manifest", (files) => files.delete("manifest.json"), { file: "manifest.json", code: "file-missing" }],
    [
      "another version",
      edit("manifest.json", '"format_version": 1', '"format_version": 2'),
      { file: "manifest.json", code: "version" },
    ],
    [
      "a run that is not there",
      edit("manifest.json", '"bbbb"', '"bbbb", "cccc"'),
      { file: "runs/cccc", code: "run-missing" },
    ],
    ["a run that is not named", edit("manifest.json", /,\s*"bbbb"/, ""), { file: "runs/bbbb", code: "run-unexpected" }],
    [
      "a run hash that is a path",
      edit("manifest.json", '"bbbb"', '"../bbbb"'),
      { file: "manifest.json", code: "run-hash" },
    ],
    [
      "a wrong number of blobs",
      edit("manifest.json", '"blob_count": 2', '"blob_count": 3'),
      { file: "manifest.json", code: "count" },
    ],
    ["a wrong number of tags", edit("manifest.json", '"tag": 1', '"tag": 2'), { file: "manifest.json", code: "count" }],
    [
      "an entity without data",
      edit("entities.jsonl", '"data"', '"date"'),
      { file: "entities.jsonl", line: 1, code: "entity" },
    ],
  ];
  test.each(cases)("%s is an error", async (_, change, fault) => {
    const result = await bare(change);
    expect(errorsOf(result)).toContainEqual(expect.objectContaining(fault));
    expect(result.ok).toBe(false);
  });

  const odd: [string, (files: Files) => void, object][] = [
    [
      "a context id that is not its context's",
      edit(`${run}/contexts.json`, "train", "val"),
      { file: `${run}/contexts.json`, code: "context-id" },
    ],
    [
      "a last_step that is not the last",
      edit(`${run}/traces.json`, '"last_step": 40', '"last_step": 41'),
      { file: `${run}/traces.json`, code: "last-step" },
    ],
    [
      "an unknown experiment",
      edit(`${run}/run.json`, '"e1"', '"e9"'),
      { file: `${run}/run.json`, code: "unknown-reference" },
    ],
    [
      "an unknown tag",
      edit(`${run}/tags.json`, '"t1"', '"t9"'),
      { file: `${run}/tags.json`, code: "unknown-reference" },
    ],
    [
      "a note on an unknown run",
      edit("entities.jsonl", '"aaaa"', '"zzzz"'),
      { file: "entities.jsonl", line: 3, code: "unknown-reference" },
    ],
    [
      "an unknown kind of entity",
      edit("entities.jsonl", '"note"', '"memo"'),
      { file: "entities.jsonl", line: 3, code: "entity-kind" },
    ],
    [
      "text in a scalar sequence",
      edit(file, '"step": 40, "value": 0.0', '"step": 40, "value": "x'),
      { file, line: 41, code: "value-shape" },
    ],
    ["a field of the wrong type", edit(file, '"width": 1', '"width": "1"'), { file, line: 42, code: "value-field" }],
    [
      "run metadata of the wrong type",
      edit(`${run}/run.json`, "1.5", '"1.5"'),
      { file: `${run}/run.json`, code: "field" },
    ],
  ];
  test.each(odd)("%s is a warning", async (name, change, fault) => {
    const result = await bare((files) => {
      if (name !== "text in a scalar sequence") return change(files);
      const text = Buffer.from(files.get(file)!).toString();
      files.set(file, Buffer.from(text.replace(/("step": 40, "value": )[\d.]+/, '$1"x"')));
    });
    expect(result.faults).toContainEqual(expect.objectContaining({ severity: "warning", ...fault }));
  });

  test("missing blobs do not count in an archive made without them", async () => {
    const result = await bare((files) => {
      edit("manifest.json", '"include_blobs": true', '"include_blobs": false')(files);
      edit("manifest.json", /"blob_count": 2,\s*"blob_bytes": 13/, '"blob_count": 0, "blob_bytes": 0')(files);
      files.delete(`${run}/blobs/seq/img/1.png`);
      files.delete(`${run}/blobs/m.bin`);
    });
    expect(result).toMatchObject({ ok: true, faults: [] });
  });

  test("only the first twenty faults of a file are listed, and the others counted", async () => {
    const result = await bare((files) => files.set(file, Buffer.from("{}\n".repeat(1000))));
    const faults = result.faults.filter((fault) => fault.file === file);
    expect(faults).toHaveLength(21);
    expect(faults.at(-1)).toMatchObject({ code: "more", message: "and 980 more in this file" });
    expect(result.errors).toBeGreaterThanOrEqual(1000);
  });
});
