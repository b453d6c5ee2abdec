// Archives restored through a server's doors beside the same restored into a store: equal, but for what docs/moving.md says.
import { afterAll, expect, test } from "bun:test";
import { join } from "node:path";
import { openArchive } from "../../formats/archive/index.ts";
import { MatyanError } from "../../formats/error.ts";
import { isMap, mapOf } from "../../formats/value.ts";
import type { RunOutcome } from "../../server/archive/restore.ts";
import type { EntityOutcome } from "../../server/archive/restoreEntities.ts";
import { fixtures, makeArchive, newFolder, removeFolders } from "../../server/archive/testing.ts";
import { matyan, startServed } from "../../server/testing/served.ts";
import { openTestServer, type TestServer } from "../client/testing.ts";
import { odd, oddArchive } from "./oddArchive.ts";
import { type RestoreRemoteOptions, type RestoreRemoteReport, restoreRemote } from "./restoreRemote.ts";
import {
  type Carrying,
  carried,
  contentsOfFolder,
  existingSystem,
  localContents,
  openDoors,
} from "./restoreRemoteTesting.ts";

const full = join(fixtures, "example-archive-full");
const client = join(fixtures, "example-archive-client");
const converted = join(fixtures, "converted");
const impatient = { sendMs: 1_500, applyMs: 1_500 };

afterAll(removeFolders);

interface InfoProps {
  readonly props: { readonly name: string };
}

interface Told extends RestoreRemoteReport {
  readonly outcomes: RunOutcome[];
  readonly told: EntityOutcome[];
}

async function restoreTo(url: string, path: string, options: Partial<RestoreRemoteOptions> = {}): Promise<Told> {
  await using archive = await openArchive(path);
  const outcomes: RunOutcome[] = [];
  const told: EntityOutcome[] = [];
  const report = await restoreRemote({
    ...{ archive, url, onRun: (outcome) => void outcomes.push(outcome) },
    ...{ onEntity: (outcome) => void told.push(outcome), ...options },
  });
  return { ...report, outcomes, told };
}

async function newServer(): Promise<TestServer> {
  return openTestServer(join(await newFolder(), "data"));
}

async function contentsOf(server: TestServer) {
  await server[Symbol.asyncDispose]();
  return contentsOfFolder(server.dataDir);
}

async function failureOf(work: Promise<unknown>): Promise<MatyanError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof MatyanError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

/** Its client's backups do not say when points were logged: messages do. */
const archives: readonly (readonly [string, () => Promise<string>, Carrying?])[] = [
  ["a backup of the existing system", async () => full],
  ["a backup of its client", async () => client, { times: false }],
  ["converted TensorBoard logs", async () => converted],
  ["runs with values of all kinds", oddArchive],
];

test.each(archives)(
  "%s arrives through the doors as it does in the store, and again changes nothing",
  async (_, make, carrying = { times: true }) => {
    const path = await make();
    const server = await newServer();
    const first = await restoreTo(server.address, path);
    expect(first.failures).toEqual([]);
    const again = await restoreTo(server.address, path);
    expect(new Set(again.outcomes.map(({ action }) => action))).toEqual(new Set(["same"]));
    expect([again.entities.create, again.points]).toEqual([0, 0]);
    const [remote, local] = [await contentsOf(server), await localContents([path])].map((all) =>
      carried(all, carrying),
    );
    if (remote === undefined || local === undefined) throw new Error("there are two");
    expect(remote.entities).toEqual(local.entities);
    expect([...remote.runs.keys()].sort()).toEqual([...local.runs.keys()].sort());
    for (const [hash, run] of local.runs) {
      const found = remote.runs.get(hash)!;
      expect(found.records).toEqual(run.records);
      // A sequence without points no message makes.
      const names = Array.from(run.records, (text) => /"name":"([^"]*)"/.exec(text)![1]);
      expect(new Set(Array.from(found.traces.values(), (trace) => trace.get("name")))).toEqual(new Set(names));
      for (const part of ["meta", "attrs", "tags", "blobs"] as const)
        expect([part, found[part]]).toEqual([part, run[part]]);
    }
  },
);

test("a system that applies messages later, and keeps no times, has the rest", async () => {
  const server = await newServer();
  await using doors = existingSystem(server.address);
  const path = await oddArchive();
  const { failures, notes, runs } = await restoreTo(doors.address, path);
  expect(failures).toEqual([]);
  expect(runs.create).toBe(2);
  expect(notes.join("\n")).toContain("dates runs, their ends, points and log records by their arrival");
  await restoreTo(doors.address, full);
  const again = await restoreTo(doors.address, full);
  expect(again.runs.same).toBe(2);
  const carrying = { times: false };
  const [remote, local] = [
    carried(await contentsOf(server), carrying),
    carried(await localContents([path, full]), carrying),
  ];
  expect(remote.entities).toEqual(local.entities);
  for (const [hash, run] of local.runs) {
    const found = remote.runs.get(hash)!;
    for (const part of ["meta", "attrs", "tags", "blobs", "records"] as const)
      expect([part, found[part]] as unknown[]).toEqual([part, run[part]]);
  }
});

test("a server that is killed in the middle leaves a run that is marked, and the next restore completes it", async () => {
  const long = "10f9".padEnd(32, "0");
  const path = await makeArchive([{ hash: "1".repeat(32) }, { hash: long, points: 40_000 }, { hash: "3".repeat(32) }]);
  const data = join(await newFolder(), "data");
  const served = await startServed({ data });
  const [port, frontierPort] = [Number(new URL(served.api).port), Number(new URL(served.frontier).port)];
  const kill = Promise.withResolvers<void>();
  const watch = (async () => {
    for (;;) {
      const answer = await fetch(`${served.api}/api/v1/rest/runs/${long}/info/`).catch(() => undefined);
      if (answer?.ok && (await answer.text()).includes('"loss"')) break;
      await Bun.sleep(5);
    }
    await served.end("SIGKILL");
    kill.resolve();
  })();
  const failure = await failureOf(restoreTo(served.api, path, { patience: impatient }));
  await watch;
  await kill.promise;
  expect(failure.code).toBe("io");
  expect(failure.message).toContain("can't be reached");
  await using revived = await startServed({ data, port, frontierPort });
  const info = (await (await fetch(`${revived.api}/api/v1/rest/runs/${long}/info/`)).json()) as {
    props: { name: string };
  };
  expect(info.props.name).toStartWith("being restored by matyan (");
  const { runs, failures } = await restoreTo(revived.api, path);
  expect(failures).toEqual([]);
  expect(runs).toMatchObject({ same: 1, continue: 1, create: 1 });
  await revived.end("SIGTERM");
  const [remote, local] = [carried(await contentsOfFolder(data)), carried(await localContents([path]))];
  expect(remote).toEqual(local);
}, 60_000);

test("a dry run asks and writes nothing", async () => {
  const server = await newServer();
  await restoreTo(server.address, await makeArchive([{ hash: odd }]));
  await using doors = openDoors(server.address);
  const { outcomes, entities } = await restoreTo(doors.address, await oddArchive(), { dryRun: true });
  expect(outcomes.map(({ action }) => action).sort()).toEqual(["create", "keep"]);
  expect(entities.create).toBe(1);
  // The question whether it is a frontier.
  expect(doors.asked.filter((asked) => !asked.startsWith("GET "))).toEqual(["POST /api/v1/rest/artifacts/presign"]);
  expect([...(await contentsOf(server)).runs.keys()]).toEqual([odd]);
});

test("a run that is there is kept, refused or replaced", async () => {
  const server = await newServer();
  const [before, path] = [await makeArchive([{ hash: odd, points: 50 }]), await oddArchive()];
  await restoreTo(server.address, before);
  const kept = await restoreTo(server.address, path, { skipEntities: true });
  expect(kept.outcomes.find(({ hash }) => hash === odd)).toMatchObject({
    action: "keep",
    reason: "a different run of that hash is there",
  });
  const refused = await failureOf(restoreTo(server.address, path, { onConflict: "fail" }));
  expect(refused).toMatchObject({ code: "conflict", message: expect.stringContaining(odd) });
  {
    await using doors = existingSystem(server.address);
    const unable = await failureOf(restoreTo(doors.address, path, { onConflict: "replace" }));
    expect(unable).toMatchObject({ code: "unsupported", hint: expect.stringContaining("Nothing was written") });
  }
  const replaced = await restoreTo(server.address, path, { onConflict: "replace" });
  expect(replaced.runs).toMatchObject({ replace: 2, fail: 0 });
  const [remote, local] = [carried(await contentsOf(server)), carried(await localContents([path]))];
  expect(remote.runs.get(odd)?.records).toEqual(local.runs.get(odd)!.records);
});

test("a run of which the server loses a part fails by name, and the next restore mends it", async () => {
  const server = await newServer();
  const path = await oddArchive();
  let lost = 0;
  const isLost = (name: string, step: bigint) => (name === "twice" && step === 7n) || (name === "notes" && step === 1n);
  {
    await using doors = openDoors(server.address, {
      change: (message) => {
        const isGone = isLost(String(message.get("name")), message.get("step") as bigint);
        if (isGone) lost++;
        return isGone ? undefined : message;
      },
    });
    const { failures } = await restoreTo(doors.address, path);
    expect(lost).toBeGreaterThan(1);
    expect(failures).toMatchObject([{ hash: odd }]);
    expect(failures[0]?.reason).toContain("'twice' has 9 points, not 10");
    expect(failures[0]?.reason).toContain("'notes' has 2 points, not 3");
  }
  {
    await using doors = openDoors(server.address, {
      change: (message) => (message.get("name") === "falling" ? new Map(message).set("value", 5) : message),
    });
    const { failures } = await restoreTo(doors.address, path);
    expect(failures[0]?.reason).toContain(
      'points of \'falling\' {"fold":1,"subset":"train"} differ from the archive\'s',
    );
  }
  const { runs } = await restoreTo(server.address, path);
  expect(runs).toMatchObject({ continue: 1, same: 1, fail: 0 });
  await server[Symbol.asyncDispose]();
});

test.each([
  ["log_hparams", "parameters differ: 'hparams'"],
  ["add_tag", "it lacks the tags 'baseline'"],
  ["log_custom_object", "sequences are missing"],
])("a run without its %s messages fails", async (type, reason) => {
  const server = await newServer();
  await using doors = openDoors(server.address, {
    change: (message) => (message.get("type") === type ? undefined : message),
  });
  const path = await makeArchive(
    [
      {
        hash: odd,
        write: async (run) => {
          await run.json("attrs.json", mapOf({ hparams: mapOf({ lr: 1 }) }));
          await run.extra("tags.json", [mapOf({ id: "t1", name: "baseline" })]);
          run.records().write({ contextId: 0, name: "text", step: 0n, value: mapOf({ type: "text", data: "x" }) });
        },
      },
    ],
    [["tag", mapOf({ id: "t1", name: "baseline", color: "#fff" })]],
  );
  const { failures } = await restoreTo(doors.address, path);
  expect(failures[0]?.reason).toContain(reason);
  const info = (await (await fetch(`${server.address}/api/v1/rest/runs/${odd}/info/`)).json()) as InfoProps;
  expect(info.props.name).toStartWith("being restored by matyan (");
  await server[Symbol.asyncDispose]();
});

test("messages that are taken and never applied end the restore with what to look at", async () => {
  const server = await newServer();
  await using doors = openDoors(server.address, { change: () => undefined });
  const failure = await failureOf(restoreTo(doors.address, await oddArchive(), { patience: impatient }));
  expect(failure).toMatchObject({ code: "io", hint: expect.stringContaining("ingestion worker") });
  await server[Symbol.asyncDispose]();
});

test("what is damaged in the archive is not sent, and the others are", async () => {
  const server = await newServer();
  const path = await makeArchive([{ hash: odd }, { hash: "2".repeat(32), points: 5 }]);
  const file = join(path, "runs", odd, "sequences.jsonl");
  await Bun.write(file, (await Bun.file(file).text()).replace("0.3333", "0.4444"));
  const { outcomes, failures } = await restoreTo(server.address, path);
  expect(outcomes.map(({ hash, action }) => [hash, action])).toEqual([
    [odd, "fail"],
    ["2".repeat(32), "create"],
  ]);
  expect(failures[0]?.reason).toContain("has changed since it was written");
  expect([...(await contentsOf(server)).runs.keys()]).toEqual(["2".repeat(32)]);
});

test("an address that is no server to restore into is refused by what is there", async () => {
  const server = await newServer();
  const path = await makeArchive([{ hash: odd }]);
  const codes = async (url: string, options: Partial<RestoreRemoteOptions> = {}) => {
    const { code, message, hint } = await failureOf(restoreTo(url, path, options));
    expect(hint).toBeString();
    return `${code}: ${message}`;
  };
  const page = () => new Response("<html>", { headers: { "content-type": "text/html" } });
  await using pages = openDoors(server.address, { answer: page });
  await using foreign = openDoors(server.address, { answer: () => Response.json({ a: 1 }, { status: 404 }) });
  await using api = openDoors(server.address, {
    answer: (_, { pathname }) => (pathname.includes("presign") ? new Response("", { status: 404 }) : undefined),
  });
  await using readOnly = openDoors(server.address, {
    answer: ({ method }, { pathname }) =>
      method === "GET" || pathname.includes("presign")
        ? undefined
        : Response.json({ error: { code: "forbidden", message: "read only" }, detail: "read only" }, { status: 403 }),
  });
  expect(await codes("http://127.0.0.1:1")).toContain("io: the API at http://127.0.0.1:1 can't be reached");
  expect(await codes("nowhere")).toContain("usage: 'nowhere' is no address of a server");
  expect(await codes(pages.address)).toContain("usage:");
  expect(await codes(foreign.address)).toContain("is no matyan server");
  expect(await codes(server.frontier)).toContain("of the frontier, and not the API");
  expect(await codes(api.address)).toContain("takes no messages of runs");
  expect(await codes(server.address, { frontier: foreign.address })).toContain("is no matyan server");
  const refused = await failureOf(restoreTo(readOnly.address, path));
  expect(refused.message).toContain("read only (status 403)");
  expect((await restoreTo(api.address, path, { frontier: server.frontier })).runs.create).toBe(1);
  await server[Symbol.asyncDispose]();
});

test("the command tells runs and entities as JSON lines, what stays behind, and failures by its exit code", async () => {
  const server = await newServer();
  const path = await oddArchive();
  const lines = ({ out }: { out: string }) =>
    out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const done = await matyan("restore", path, "--url", server.address, "--json");
  expect(done.code).toBe(0);
  expect(lines(done).map(({ type }) => type)).toEqual(["entity", "run", "run", "summary"]);
  expect(lines(done).at(-1)).toMatchObject({ runs: { create: 2 }, notes: [expect.stringContaining("ids and times")] });
  await using doors = openDoors(server.address, {
    change: (message) => (message.get("type") === "log_metric" ? undefined : message),
  });
  const failed = await matyan("restore", path, "--url", doors.address, "--on-conflict", "replace");
  expect(failed.code).toBe(1);
  expect(failed.errors).toContain("it is not the archive's on the server");
  const wrong = await matyan("restore", path, "--frontier", server.address);
  expect([wrong.code, wrong.errors.includes("--url")]).toEqual([2, true]);
  await server[Symbol.asyncDispose]();
}, 60_000);

test("notes, bookmarks and reports are made once, and pinned sequences are set", async () => {
  const server = await newServer();
  const entities: [string, ReturnType<typeof mapOf>][] = [
    ["experiment", mapOf({ id: "e1", name: "exp", description: "d" })],
    ["dashboard", mapOf({ id: "d1", name: "mark", description: "", app_id: "a1", is_archived: false })],
    ["dashboard", mapOf({ id: "d2", name: "gone", description: "", is_archived: true })],
    ["dashboard_app", mapOf({ id: "a1", type: "metrics", state: mapOf({ select: mapOf({ q: "x" }) }) })],
    ["report", mapOf({ id: "r1", name: "same", code: "c", description: "" })],
    ["report", mapOf({ id: "r2", name: "same", code: "c", description: "" })],
    ["note", mapOf({ id: "n1", content: "of the run", run_hash: odd })],
    ["note", mapOf({ id: "n2", content: "of the experiment", experiment_id: "e1" })],
    ["note", mapOf({ id: "n3", content: "of nobody", run_hash: "f".repeat(32) })],
  ];
  const path = await makeArchive([{ hash: odd }], entities);
  const planned = await restoreTo(server.address, path, { dryRun: true });
  const first = await restoreTo(server.address, path);
  expect(first.entities).toMatchObject({ create: 7 });
  expect([planned.entities, planned.notes]).toEqual([first.entities, first.notes]);
  expect(first.notes.join("\n")).toContain("dashboards that had been deleted");
  expect(first.notes.join("\n")).toContain("notes of runs that the server does not have");
  const again = await restoreTo(server.address, path);
  expect(again.entities).toMatchObject({ create: 0, same: 6, map: 1 });
  const list = async (name: string) =>
    (await (await fetch(`${server.address}/api/v1/rest/${name}/`)).json()) as object[];
  const [app] = (await list("apps")) as { id: string }[];
  expect(await list("dashboards")).toMatchObject([{ name: "mark", app_id: app!.id, app_type: "metrics" }]);
  expect(await list("reports")).toHaveLength(2);
  expect(await list(`runs/${odd}/note`)).toMatchObject([{ content: "of the run" }]);
  await server[Symbol.asyncDispose]();
  expect(isMap((await contentsOfFolder(server.dataDir)).runs.get(odd)?.meta)).toBe(true);
});
