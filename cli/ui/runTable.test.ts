// The table of runs at two sizes of terminal, and what it reads for it.
import { expect, test } from "bun:test";
import { mapOf } from "../../formats/value.ts";
import type { RunSummary } from "../../server/listing/summary.ts";
import { parseColumns } from "./runColumns.ts";
import { RunTable } from "./runTable.ts";
import { createStyle } from "./style.ts";
import { textWidth } from "./text.ts";

const now = 1_735_790_000;

function run(hash: string, change: Partial<RunSummary> & { loss?: number } = {}): RunSummary {
  const { loss, ...fields } = change;
  return {
    hash,
    name: `run ${hash}`,
    description: "",
    experiment: "ablation-実験",
    tags: [],
    status: "finished",
    archived: false,
    active: false,
    createdAt: now - 7200,
    finishedAt: now - 3600,
    duration: 3600,
    sequences:
      loss === undefined ? [] : [{ contextId: 0, name: "loss", dtype: "float", last: loss, context: new Map() }],
    attrs: mapOf({ hparams: mapOf({ lr: 0.1, "a.b": 3n, layers: [mapOf({ width: 64n })] }) }),
    ...fields,
  };
}

const runs = [
  run("3f9c1a20b8", { loss: 0.0123456, tags: ["best", "prod"], name: "a name that goes on for quite a while" }),
  run("b81e4c0d77", { status: "active", active: true, duration: undefined }),
  run("c0ffee0011", { loss: 12.5, name: "escape \u001b[31m" }),
];

async function table(width: number, columns: string, asked: boolean, spark: readonly number[] = [3, 2, 1]) {
  let reads = 0;
  const made = new RunTable({
    columns: parseColumns(columns),
    asked,
    width,
    style: createStyle(false),
    readSparks: async (_, metrics) => {
      reads += metrics.length;
      return metrics.map(() => spark);
    },
  });
  const options = {
    style: createStyle(false),
    now,
    shortHashes: new Map(runs.map(({ hash }) => [hash, hash.slice(0, 8)])),
  };
  return { made, options, lines: await made.block(runs, options), reads: () => reads };
}

const all = "hash,name,experiment,tags,status,created,duration,metric:loss";

test("at 200 columns everything is whole", async () => {
  const { lines } = await table(200, all, false);
  expect(lines.join("\n")).toMatchInlineSnapshot(`
    "hash      name                                   experiment     tags        status    created  duration  loss
    3f9c1a20  a name that goes on for quite a while  ablation-実験  best, prod  finished  2 h ago    1h 00m  0.012346 █▅▁
    b81e4c0d  run b81e4c0d77                         ablation-実験              active    2 h ago
    c0ffee00  escape \\x1b[31m                        ablation-実験              finished  2 h ago    1h 00m      12.5 █▅▁"
  `);
});

test("at 80 columns names are cut and the least important columns left out", async () => {
  const { lines } = await table(80, all, false);
  expect(lines.join("\n")).toMatchInlineSnapshot(`
    "hash      name          experim…  tags      status    created  loss
    3f9c1a20  a name…while  ablatio…  best, p…  finished  2 h ago  0.012346 █▅▁
    b81e4c0d  run b8…c0d77  ablatio…            active    2 h ago
    c0ffee00  escape…b[31m  ablatio…            finished  2 h ago      12.5 █▅▁"
  `);
});

test("no width makes a line too wide, and sparklines are read only where they are shown", async () => {
  for (let width = 1; width <= 150; width++) {
    const { lines, reads } = await table(width, all, width % 2 === 0);
    for (const line of lines) expect(textWidth(line)).toBeLessThanOrEqual(width);
    expect(reads()).toBe(lines[0]!.includes("loss") ? 2 : 0);
  }
});

test("columns that nobody asked for and that are empty are left out", async () => {
  expect((await table(200, "hash,description,name", false)).lines[0]).toBe("hash      name");
  expect((await table(200, "hash,description,name", true)).lines[0]).toBe("hash      description  name");
});

test("parameters are found by dotted paths, with hparams to be left out and names that have dots", async () => {
  const { lines } = await table(200, "hash,param:hparams.lr,param:lr,param:a.b,param:layers.0.width", true);
  expect(lines[1]).toBe("3f9c1a20  0.1         0.1  3    64");
});

test("no line ends in spaces, not even where a metric has no points or ends in gaps", async () => {
  for (const spark of [[], [1, Number.NaN]])
    for (const line of (await table(200, all, false, spark)).lines) expect(line).toBe(line.trimEnd());
});

test("later blocks keep the first one's layout and have no titles", async () => {
  const { made, options, lines } = await table(80, all, false);
  const more = await made.block([run("dddddddddd", { loss: 1, name: "x".repeat(100) })], options);
  expect(more).toHaveLength(1);
  expect(textWidth(more[0]!)).toBeLessThanOrEqual(80);
  expect(more[0]!.indexOf("ablation")).toBe(lines[1]!.indexOf("ablation"));
});
