// `--format csv` of the commands that print tables: the same values as `--json`, in rows.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runMatyan } from "../testing.ts";

const fixtures = join(import.meta.dir, "../../fixtures");
const folder = mkdtempSync(join(tmpdir(), "matyan-csv-"));
const matyan = (...args: string[]) => runMatyan(args, { cwd: folder });

beforeAll(async () => {
  for (const name of [
    "example-archive-full/matyan-backup-20261122-104931",
    "converted/matyan-tb-import-20261122-105510.tar.gz",
  ])
    expect((await matyan("restore", join(fixtures, "archives", name))).code).toBe(0);
  writeFileSync(join(folder, 'a, "b".txt'), "0123456789");
  expect((await matyan("artifacts", "log", "0123", 'a, "b".txt')).code).toBe(0);
});

afterAll(() => rmSync(folder, { recursive: true }));

async function rows(...args: string[]): Promise<string[]> {
  const { code, out, err } = await matyan(...args, "--format", "csv");
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toEndWith("\r\n");
  return out.trimEnd().split("\r\n");
}

test("files, differences, locks and settings are rows below their names", async () => {
  const [head, file] = await rows("artifacts", "ls", "0123");
  expect(head).toBe("path,size,content_type,uri,missing");
  expect(file).toStartWith('"a, ""b"".txt",10,text/plain,');
  expect(file).toEndWith(",false");

  const differences = await rows("runs", "diff", "0123", "664e", "--all");
  expect(differences[0]).toBe("kind,name,a,b,same");
  const json = JSON.parse((await matyan("runs", "diff", "0123", "664e", "--all", "--json")).out);
  expect(differences).toHaveLength(1 + json.params.length + json.metrics.length);
  expect(differences).toContain("param,hparams.lr,0.01,,false");
  expect(differences).toContain('param,hparams.layers,"[64,32]",,false');

  const metrics = await rows("query", "True", "--metrics");
  expect(metrics[0]).toBe("hash,run,metric,context,last,last_step");
  expect(metrics).toContain('0123456789abcdef0123456789abcdef,run A,loss,"{""subset"":""train""}",0.75,1');
  expect(await rows("runs", "images", "0123")).toEqual([
    "name,context,step,index,format,width,height,caption",
    "img,{},0,0,png,4,3,cap",
  ]);

  expect(await rows("locks", "ls")).toContain("reindex,false,,");
  expect(await rows("config")).toContain("MATYAN_ENVIRONMENT,development,default,,false,true,false,");
});

test("--json comes before --format csv, and nothing to list is the names alone", async () => {
  const { out } = await matyan("artifacts", "ls", "0123", "--format", "csv", "--json");
  expect(JSON.parse(out.split("\n")[0]!).path).toBe('a, "b".txt');
  const none = await matyan("artifacts", "ls", "664e", "--format", "csv");
  expect(none).toEqual({ code: 0, out: "path,size,content_type,uri,missing\r\n", err: "" });
});
