// For tests: converts a folder of logs and reads the archive back whole.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LineRecord, openArchive } from "../../../formats/archive/index.ts";
import { silentProgress } from "../../../formats/progress.ts";
import type { Value, ValueMap } from "../../../formats/value.ts";
import { type ConvertOptions, type ConvertReport, convertTensorboard } from "./convert.ts";

export interface ReadRun {
  readonly hash: string;
  readonly meta: ValueMap;
  readonly attrs: ValueMap;
  readonly traces: readonly ValueMap[];
  readonly records: readonly LineRecord[];
  readonly blobs: ReadonlyMap<string, Uint8Array>;
}

/** Runs by name. */
export async function readRuns(path: string): Promise<Map<string, ReadRun>> {
  await using archive = await openArchive(path);
  const runs = new Map<string, ReadRun>();
  for (const hash of archive.runHashes) {
    const run = await archive.run(hash);
    const records: LineRecord[] = [];
    for await (const batch of run.records()) records.push(...batch);
    const blobs = new Map<string, Uint8Array>();
    for await (const blob of run.blobs()) blobs.set(blob.path, Buffer.concat(await Array.fromAsync(blob.open())));
    const meta = (await run.readJson("run.json")) as ValueMap;
    const attrs = (await run.readJson("attrs.json")) as ValueMap;
    const traces = (await run.readJson("traces.json")) as Value[];
    runs.set(meta.get("name") as string, { hash, meta, attrs, traces: traces as ValueMap[], records, blobs });
  }
  return runs;
}

/** Converts into a temporary folder, which is gone afterwards. */
export async function convertAndRead(
  logdir: string,
  options: Partial<ConvertOptions> = {},
): Promise<{ readonly report: ConvertReport; readonly runs: Map<string, ReadRun> }> {
  const out = mkdtempSync(join(tmpdir(), "matyan-convert-"));
  try {
    const report = await convertTensorboard({
      logdir,
      out,
      durable: false,
      progress: silentProgress,
      signal: new AbortController().signal,
      ...options,
    });
    return { report, runs: await readRuns(report.archive) };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

/** Points of one sequence as the log's reader would list them. */
export function pointsOf(run: ReadRun, name: string): LineRecord[] {
  return run.records.filter((record) => record.name === name);
}
