// Commands that open the store, in cluster mode by configuration alone: their blobs in S3.
import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { s3Address, uniqueName } from "../../server/blobs/testing/engines.ts";
import { testFolder } from "../../server/testing/served.ts";
import { runMatyan } from "../testing.ts";

const onS3 = test.skipIf(s3Address === undefined);

const messages = [
  '{"type":"create_run","run_id":"r1","timestamp":"2025-06-01T10:00:00Z","payload":{"client_datetime":"2025-06-01T10:00:00Z","force_resume":false}}',
  '{"type":"log_metric","run_id":"r1","timestamp":"2025-06-01T10:00:00Z","payload":{"name":"loss","value":1.5,"step":7,"epoch":null,"context":null,"dtype":"float","client_datetime":"2025-06-01T10:00:00Z"}}',
];

onS3(
  "ingest, artifacts, listing, backup, verify and restore work on the engines that are configured",
  async () => {
    await using folder = await testFolder();
    const cwd = folder.path;
    const envOf = (data: string) => ({
      // Commands open no bus: that nothing answers there does not matter.
      KAFKA_BOOTSTRAP_SERVERS: "127.0.0.1:1",
      MATYAN_DATA: join(cwd, data),
      BLOB_BACKEND_TYPE: "s3",
      S3_ENDPOINT: s3Address!,
      S3_ACCESS_KEY: "test-key",
      S3_SECRET_KEY: "test-secret",
      S3_BUCKET: uniqueName(),
    });
    const first = envOf("first");
    const matyan = async (env: Record<string, string>, ...args: readonly string[]) => {
      const { code, out, err } = await runMatyan(args, { cwd, env, stdin: Buffer.from(`${messages.join("\n")}\n`) });
      expect({ args, code, err }).toEqual({ args, code: 0, err: expect.not.stringContaining("error:") });
      return out;
    };
    await matyan(first, "ingest", "-");
    mkdirSync(join(cwd, "files"));
    const odd = "a b ü %2F+#.bin";
    for (const name of ["model.pt", odd]) writeFileSync(join(cwd, "files", name), `of ${name}`);
    await matyan(first, "artifacts", "log", "r1", join(cwd, "files", "model.pt"), join(cwd, "files", odd));
    expect(await matyan(first, "artifacts", "ls", "r1", "--json")).toContain('"path":"model.pt","size":11,');
    expect(await matyan(first, "runs", "ls", "--json")).toContain('"r1"');
    expect(await matyan(first, "query", "run.hash == 'r1'", "--json")).toContain('"r1"');

    const { archive } = JSON.parse(await matyan(first, "backup", "out", "--json")) as { archive: string };
    await matyan(first, "verify", archive);
    const second = envOf("second");
    await matyan(second, "restore", archive);
    await matyan(second, "artifacts", "get", "r1", "--out", join(cwd, "got"));
    for (const name of ["model.pt", odd]) expect(await readFile(join(cwd, "got", name), "utf8")).toBe(`of ${name}`);
    for (const part of ["r1/attrs", "r1/seqs"]) {
      const inspect = ["inspect", "runs", "--prefix", part];
      expect(await matyan(second, ...inspect)).toBe(await matyan(first, ...inspect));
    }
  },
  120_000,
);

onS3(
  "a bucket that is missing or can't be reached is named, with the way out",
  async () => {
    await using folder = await testFolder();
    const env = {
      MATYAN_MODE: "cluster",
      MATYAN_DATA: folder.path,
      BLOB_BACKEND_TYPE: "s3",
      S3_ENDPOINT: "http://127.0.0.1:1",
      S3_SECRET_KEY: "hunter2",
    };
    await runMatyan(["ingest", "-"], { cwd: folder.path, env, stdin: Buffer.from(`${messages.join("\n")}\n`) });
    writeFileSync(join(folder.path, "f"), "x");
    const { code, err } = await runMatyan(["artifacts", "log", "r1", join(folder.path, "f")], {
      cwd: folder.path,
      env,
    });
    expect(code).toBe(1);
    expect(err).toContain("http://127.0.0.1:1");
    expect(err).not.toContain("hunter2");
  },
  120_000,
);
