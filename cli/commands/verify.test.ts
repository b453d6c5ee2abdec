// `matyan verify` as a person runs it: what it prints, and its exit codes.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { goldenFolders, goldenTars, writeSampleArchive } from "../../formats/archive/testArchives.ts";
import { runMatyan } from "../testing.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "matyan-verify-command-test-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const verify = (args: readonly string[], stdin?: Uint8Array) => runMatyan(["verify", ...args], { cwd: folder, stdin });

test("a valid archive of another program exits 0 and says that it has no checksums", async () => {
  const { code, out } = await verify([goldenFolders["example-archive-full"]]);
  expect(code).toBe(0);
  expect(out).toEndWith("valid; 2 runs, 14 records, 3 blobs, 5,825 bytes; no checksums: structural checks only\n");
});

test("an archive is read from a pipe", async () => {
  const { code, out } = await verify(["-", "--json"], readFileSync(goldenTars.backup));
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({
    archive: "standard input",
    ok: true,
    runs: 1,
    checksums: "absent",
    faults: [],
  });
});

test("a damaged one exits 1 and names file and line, for people and programs", async () => {
  const archive = await writeSampleArchive(folder);
  appendFileSync(join(archive, "runs/aaaa/sequences.jsonl"), "oops\n");
  const { code, out } = await verify([archive]);
  expect(code).toBe(1);
  expect(out).toContain("error: runs/aaaa/sequences.jsonl:44: not JSON");
  expect(out).toContain("checksums failed");
  const json = await verify([archive, "--json"]);
  expect(json.code).toBe(1);
  const result = JSON.parse(json.out);
  expect(Object.keys(result)).toEqual(
    expect.arrayContaining(["archive", "ok", "runs", "records", "blobs", "bytes", "checksums", "faults"]),
  );
  expect(result.faults).toContainEqual(
    expect.objectContaining({ severity: "error", file: "runs/aaaa/sequences.jsonl", line: 44, code: "record" }),
  );
});

test("no archive exits 1 with the error on stderr, no argument exits 2", async () => {
  const missing = await verify([join(folder, "nowhere")]);
  expect(missing).toMatchObject({ code: 1, out: "" });
  expect(missing.err).toContain("does not exist");
  expect((await verify([])).code).toBe(2);
});
