// Reading a store without the permission to write: as another user, in a process of its own, since root may do everything.
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEmbedded } from "./embedded.ts";
import type { Database } from "./index.ts";
import { bytes, textOf } from "./testing/bytes.ts";

const main = join(import.meta.dir, "../../cli/main.ts");
const isRoot = process.getuid?.() === 0;
/** Somebody who owns nothing here; `matyan` itself runs as this user. */
const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

/** Root can only become somebody else where that one may run this program: not in a checkout below /root. */
const canRun = Bun.spawnSync([...(isRoot ? nobody : []), process.execPath, main, "--version"], {
  cwd: tmpdir(),
}).success;
const asOther = test.skipIf(!canRun);

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "matyan-read-only-"));
  chmodSync(folder, 0o755);
});

afterAll(() => {
  for (const name of readdirSync(folder)) chmodSync(join(folder, name), 0o755);
  rmSync(folder, { recursive: true, force: true });
});

/** A store in a folder of its own that still is open, with n = "1". */
async function openIn(name: string): Promise<{ readonly data: string; readonly database: Database }> {
  const data = join(folder, name);
  mkdirSync(data);
  const database = await openEmbedded({ path: join(data, "store.db"), durability: "normal" });
  await database.transact(async (tx) => tx.set(bytes("n"), bytes("1")));
  return { data, database };
}

/** Takes the permission to write from everybody. */
function protect(data: string): void {
  for (const entry of readdirSync(data, { withFileTypes: true }))
    chmodSync(join(data, entry.name), entry.isDirectory() ? 0o555 : 0o444);
  chmodSync(data, 0o555);
}

async function asNobody(...command: readonly string[]) {
  const child = Bun.spawn([...(isRoot ? nobody : []), ...command], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], HOME: folder },
    cwd: folder,
  });
  const [out, errors] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, out, errors };
}

const script = (path: string) => `
  const { openEmbedded } = await import(${JSON.stringify(join(import.meta.dir, "embedded.ts"))});
  const database = await openEmbedded({ path: ${JSON.stringify(path)}, durability: "full", access: "read" });
  const value = await database.snapshot((tx) => tx.get(new TextEncoder().encode("n")));
  const refused = await database.transact(async () => undefined).then(() => "written", (error) => error.code);
  console.log(new TextDecoder().decode(value), refused);
  await database.close();`;

const read = (data: string) => asNobody(process.execPath, "-e", script(join(data, "store.db")));

asOther("a store that was closed is read in a folder that nobody may write in, and nothing is put there", async () => {
  const { data, database } = await openIn("closed");
  await database.close();
  protect(data);
  expect(await read(data)).toEqual({ code: 0, out: "1 io\n", errors: "" });
  expect(readdirSync(data)).toEqual(["store.db"]);
});

asOther("a store that a writer of another user has open is read with that writer's commits", async () => {
  const { data, database } = await openIn("open");
  protect(data);
  expect((await read(data)).out).toBe("1 io\n");
  if (isRoot) {
    await database.transact(async (tx) => tx.set(bytes("n"), bytes("2")));
    expect((await read(data)).out).toBe("2 io\n");
  }
  await database.close();
});

asOther("what a writer that died left behind is read too", async () => {
  const { data, database } = await openIn("before");
  const copy = join(folder, "died");
  cpSync(data, copy, { recursive: true });
  await database.close();
  protect(copy);
  expect(await read(copy)).toEqual({ code: 0, out: "1 io\n", errors: "" });
});

asOther("a write-ahead log without its index can't be read there, and the error says what to do", async () => {
  const { data, database } = await openIn("logged");
  const copy = join(folder, "log-only");
  mkdirSync(copy);
  for (const name of ["store.db", "store.db-wal"]) cpSync(join(data, name), join(copy, name));
  await database.close();
  protect(copy);
  const { code, errors } = await asNobody(process.execPath, main, "runs", "ls", "--data", copy);
  expect(code).toBe(1);
  expect(errors).toContain("has a write-ahead log, which can't be read where nothing may be written");
  expect(errors).toContain("Copy the folder with its log");
});

asOther(
  "commands that only look work in such a folder; one that writes says that it can't",
  async () => {
    const data = join(folder, "commands");
    const made = Bun.spawnSync([process.execPath, main, "ingest", "-", "--data", data], {
      stdin: Buffer.from(
        '{"type":"create_run","run_id":"r1","timestamp":"2025-06-01T10:00:00Z","payload":{"client_datetime":"2025-06-01T10:00:00Z","force_resume":false}}\n',
      ),
      env: { PATH: process.env["PATH"] },
    });
    expect(made.exitCode).toBe(0);
    // What a killed upload left long ago is not theirs to clean up.
    const left = join(data, "blobs", "%tmp");
    mkdirSync(left, { recursive: true });
    writeFileSync(join(left, "part"), "x");
    utimesSync(join(left, "part"), 1, 1);
    chmodSync(left, 0o555);
    protect(data);
    const matyan = (...args: readonly string[]) => asNobody(process.execPath, main, ...args, "--data", data);
    const listed = await matyan("runs", "ls", "--json");
    expect({ code: listed.code, errors: listed.errors }).toEqual({ code: 0, errors: "" });
    expect(listed.out).toContain('"r1"');
    expect((await matyan("query", "run.hash == 'r1'", "--json")).out).toContain('"r1"');
    expect((await matyan("runs", "show", "r1")).code).toBe(0);
    expect((await matyan("artifacts", "ls", "r1")).code).toBe(0);
    expect((await matyan("inspect", "runs", "--limit", "1")).code).toBe(0);
    expect((await matyan("backup", join(tmpdirOfNobody(), "out"))).code).toBe(0);
    const written = await matyan("restore", join(tmpdirOfNobody(), "out"));
    expect(written.code).toBe(1);
    expect(written.errors).toContain("store.db");
  },
  60_000,
);

/** A folder that the other user may write in. */
function tmpdirOfNobody(): string {
  const path = join(folder, "theirs");
  mkdirSync(path, { recursive: true });
  chmodSync(path, 0o777);
  return path;
}

test("readers in a writable folder leave no log behind and don't wait for a writer", async () => {
  const { data, database } = await openIn("writable");
  await database.close();
  const path = join(data, "store.db");
  const reader = await openEmbedded({ path, durability: "full", access: "read" });
  const writer = await openEmbedded({ path, durability: "normal" });
  const gate = Promise.withResolvers<void>();
  const holding = Promise.withResolvers<void>();
  const held = writer.transact(async (tx) => {
    tx.set(bytes("n"), bytes("3"));
    holding.resolve();
    await gate.promise;
  });
  await holding.promise;
  const late = await openEmbedded({ path, durability: "full", access: "read" });
  for (const one of [reader, late]) expect(textOf((await one.snapshot((tx) => tx.get(bytes("n"))))!)).toBe("1");
  gate.resolve();
  await held;
  expect(textOf((await late.snapshot((tx) => tx.get(bytes("n"))))!)).toBe("3");
  await writer.close();
  await reader.close();
  await late.close();
  expect(readdirSync(data)).toEqual(["store.db"]);
});

asOther("a file that is written after all while it is read alone ends the snapshot with busy", async () => {
  const { data, database } = await openIn("changed");
  await database.close();
  const path = join(data, "store.db");
  protect(data);
  const child = Bun.spawn(
    [
      ...(isRoot ? nobody : []),
      process.execPath,
      "-e",
      `const { openEmbedded } = await import(${JSON.stringify(join(import.meta.dir, "embedded.ts"))});
      const database = await openEmbedded({ path: ${JSON.stringify(path)}, durability: "full", access: "read" });
      const outcome = database.snapshot(async (tx) => {
        console.log("reading");
        for await (const _ of console) break;
        return tx.get(new TextEncoder().encode("n"));
      });
      console.log(await outcome.then(() => "read", (error) => error.code));`,
    ],
    { stdio: ["pipe", "pipe", "inherit"], env: { PATH: process.env["PATH"], HOME: folder }, cwd: folder },
  );
  const reader = child.stdout.getReader();
  expect(Buffer.from((await reader.read()).value!).toString()).toBe("reading\n");
  chmodSync(data, 0o755);
  chmodSync(path, 0o644);
  const before = statSync(path).mtimeMs;
  const writer = await openEmbedded({ path, durability: "normal" });
  await writer.transact(async (tx) => tx.set(bytes("n"), bytes("2")));
  await writer.close();
  expect(statSync(path).mtimeMs).not.toBe(before);
  child.stdin.write("go on\n");
  await child.stdin.end();
  expect(Buffer.from((await reader.read()).value!).toString()).toBe("busy\n");
  await child.exited;
});
