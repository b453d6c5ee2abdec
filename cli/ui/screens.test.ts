// What commands print on a terminal, as approved pictures: tables, pages, charts, checks and progress, on a small and a large one.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CheckResult } from "../../server/doctor/checks.ts";
import { runMatyan } from "../testing.ts";
import { startInTerminal } from "../testingTerminal.ts";
import { expectApproved, readableLines } from "./approved.ts";
import { checkLines } from "./checkLines.ts";
import { drawing, measure, startStage } from "./progressState.ts";
import { createStyle } from "./style.ts";

const folder = mkdtempSync(join(tmpdir(), "matyan-screens-"));
const archive = join(import.meta.dir, "../../fixtures/archives/converted/matyan-tb-import-20261122-105510.tar.gz");
const sizes = [
  { columns: 80, rows: 24 },
  { columns: 200, rows: 50 },
] as const;

beforeAll(async () => {
  expect((await runMatyan(["restore", archive], { cwd: folder })).code).toBe(0);
});

afterAll(() => rmSync(folder, { recursive: true }));

const commands: Readonly<Record<string, readonly string[]>> = {
  "runs-ls": ["runs", "ls", "--query", "run.duration > 1", "--limit", "10"],
  "runs-show": ["runs", "show", "5d33"],
  "runs-diff": ["runs", "diff", "5d33", "664e"],
  "runs-plot": ["runs", "plot", "5d33", "664e", "--metric", "epoch_loss", "--height", "10"],
  "query-explain": ["query", "run.name == 'parent' and run.duration > 1", "--explain"],
  "runs-tag": ["runs", "tag", "best", "5d33", "664e", "--dry-run"],
  usage: ["runs", "lss"],
  help: ["runs", "ls", "--help"],
};

for (const size of sizes)
  for (const [name, args] of Object.entries(commands))
    for (const colors of [true, false])
      test(`${name} at ${size.columns}x${size.rows}, ${colors ? "with" : "without"} colours, is as approved`, async () => {
        const lines = await drawn(args, size, colors);
        expectApproved(`${name}-${size.columns}x${size.rows}-${colors ? "colors" : "plain"}`, lines);
      });

/** The lines on a terminal of that size, none of which may be wider. */
async function drawn(args: readonly string[], size: (typeof sizes)[number], colors: boolean): Promise<string[]> {
  // doctor looks at the ports, which others may have.
  const env = { MATYAN_PORT: "0", MATYAN_FRONTIER_PORT: "0", ...(colors ? {} : { NO_COLOR: "1" }) };
  const terminal = startInTerminal(args, { cwd: folder, env }, size);
  await terminal.ended;
  const lines = terminal.text().trimEnd().split("\r\n");
  for (const line of lines) {
    const width = Bun.stringWidth(line);
    expect({ line, fits: width <= size.columns }).toEqual({ line, fits: true });
    if (!colors) expect(line).not.toContain("\u001b");
  }
  return lines;
}

/** What a broken cluster may look like: every severity, several findings of a check, text longer than a small terminal. */
const sampleChecks: readonly Pick<CheckResult, "name" | "findings">[] = [
  { name: "configuration", findings: [{ severity: "ok", message: "cluster mode (KAFKA_BOOTSTRAP_SERVERS is set)" }] },
  {
    name: "Kafka topics",
    findings: [
      { severity: "ok", message: "data-ingestion: 6 partitions" },
      {
        severity: "failure",
        message:
          "control-events: is not there, and the broker does not make topics by itself (auto.create.topics.enable)",
        hint: "Create it: kafka-topics.sh --create --topic control-events --partitions 3 --bootstrap-server kafka:9092",
      },
    ],
  },
  {
    name: "clock",
    findings: [
      {
        severity: "warning",
        message: "8.2 s behind the object store",
        hint: "Uploads are refused beyond 15 min: use NTP.",
      },
    ],
  },
  { name: "Python client", findings: [{ severity: "skipped", message: "no Python\u001b[2J on this machine" }] },
];

for (const size of sizes) {
  const { columns, rows } = size;
  for (const colors of [true, false])
    test(`checks at ${columns}x${rows}, ${colors ? "with" : "without"} colours, are as approved`, () => {
      const lines = sampleChecks.flatMap((result) => checkLines(result, createStyle(colors), columns, false));
      for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns);
      expectApproved(`doctor-${columns}x${rows}-${colors ? "colors" : "plain"}`, lines);
    });

  test(`doctor at ${columns}x${rows} has a line for each check, and none too wide`, async () => {
    const text = readableLines(await drawn(["doctor"], size, true));
    for (const mark of ["‹green›ok      ‹/› configuration", "‹green›ok      ‹/› data folder", "‹dim›skipped"])
      expect(text).toContain(mark);
    expect(text).toMatch(/\n\d+ checks: 0 failures, \d+ warnings?, \d+ skipped\n$/);
  });
}

for (const { columns, rows } of sizes)
  for (const colors of [true, false])
    test(`progress at ${columns}x${rows}, ${colors ? "with" : "without"} colours, is as approved`, () => {
      const style = createStyle(colors);
      const stages = [startStage("restore", 4_000_000, "points", 0), startStage("list", undefined, "files", 0)];
      const frames = stages.flatMap((stage, index) => {
        stage.item = "experiment_b/tf2/validation/events.out.tfevents.1700000600.a-host-with-a-long-name.8.0";
        const begun = drawing(stage, columns, 0, style);
        stage.done = 1_234_567 / (index + 1);
        measure(stage, 10_000);
        const under = drawing(stage, columns, 10_000, style);
        stage.done = 4_000_000;
        return [...begun, "", ...under, "", ...drawing(stage, columns, 20_000, style), ""];
      });
      expectApproved(`progress-${columns}x${rows}-${colors ? "colors" : "plain"}`, frames);
    });
