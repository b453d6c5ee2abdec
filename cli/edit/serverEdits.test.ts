// Edits through a server's API, with something between that refuses, forgets or ends: what is told of each run then.
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { RunEdit } from "../../server/runEdits.ts";
import { Http } from "../client/http.ts";
import { Run } from "../client/index.ts";
import { openTestServer, type TestServer } from "../client/testing.ts";
import { serverEdits } from "./serverEdits.ts";

let server: TestServer;
const [first, second] = ["0a1", "0b2"].map((start) => start.padEnd(32, "0")) as [string, string];

beforeAll(async () => {
  server = await openTestServer();
  for (const hash of [first, second]) await (await Run.open({ repo: server.address, hash })).close();
});
afterAll(() => server[Symbol.asyncDispose]());

type Between = (request: Request, path: string) => Response | undefined;

/** Makes the edits one after the other through `between`, which answers in the place of the server where it wants to. */
async function editThrough(between: Between, edits: readonly (readonly [hash: string, edit: RunEdit])[]) {
  const proxy = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) => {
      const { pathname, search } = new URL(request.url);
      const answer = between(request, pathname);
      if (answer !== undefined) return answer;
      const { method, headers } = request;
      return fetch(`${server.address}${pathname}${search}`, { method, headers, body: await request.arrayBuffer() });
    },
  });
  try {
    const http = new Http(`http://127.0.0.1:${proxy.port}`, { attempts: 1 });
    await using place = serverEdits(http, new AbortController().signal);
    const edited = [];
    for (const [hash, edit] of edits) edited.push(await place.edit(hash, edit));
    return edited;
  } finally {
    await proxy.stop(true);
  }
}

test.each([
  ["a wrong method", () => Response.json({ detail: "Method Not Allowed" }, { status: 405 })],
  ["an unknown path", () => Response.json({ detail: "Not Found" }, { status: 404 })],
  ["a page of a proxy", () => new Response("<h1>Not Implemented</h1>", { status: 501 })],
])("a server that answers %s is told to know no such edit, which ends the work", async (_, refusal) => {
  const [refused] = await editThrough(
    ({ method }) => (method === "PUT" ? refusal() : undefined),
    [[first, { kind: "rename", name: "other" }]],
  );
  expect(refused).toMatchObject({ changed: false, isLast: true, error: { code: "unsupported" } });
  expect(refused!.error!.message).toContain("can't rename runs");
  expect(refused!.error!.hint).toContain("without --url");
});

test("a failure with one run is of that run alone, and one with the server ends the work", async () => {
  const broken = { error: { code: "internal_error", message: "broken" } };
  const refusing = (status: number): Between => {
    return ({ method }, path) =>
      method === "PUT" && path.includes(first) ? Response.json(broken, { status }) : undefined;
  };
  const archive = { kind: "archive" } as const;
  const [failed, archived] = await editThrough(refusing(500), [
    [first, archive],
    [second, archive],
  ]);
  expect(failed).toMatchObject({ changed: false, isLast: false, error: { message: "broken (status 500)" } });
  expect(archived).toEqual({ changed: true });
  for (const status of [401, 503]) {
    const [stopped] = await editThrough(refusing(status), [[first, archive]]);
    expect(stopped).toMatchObject({ changed: false, isLast: true });
  }
});

test("a run that went meanwhile is missing, except for a delete, and one that is still there was not deleted yet", async () => {
  const gone = "0c3".padEnd(32, "0");
  await (await Run.open({ repo: server.address, hash: gone })).close();
  const ok = () => Response.json({ id: gone, status: "OK" });
  const remove = { kind: "delete" } as const;
  const [asked] = await editThrough(({ method }) => (method === "DELETE" ? ok() : undefined), [[gone, remove]]);
  expect(asked).toEqual({ changed: true, pending: true });
  const [missed, again] = await editThrough(
    () => undefined,
    [
      ["0d4", { kind: "archive" }],
      [gone, remove],
    ],
  );
  expect(missed).toMatchObject({ changed: false, isLast: false, error: { code: "not_found" } });
  expect(again).toEqual({ changed: true });
});

test("a tag is found by its name whatever it holds, and put on and taken off once", async () => {
  const tag = 'a "b" é\n#/?';
  const edits = (["tag", "tag", "untag", "untag"] as const).map((kind) => [second, { kind, tag }] as const);
  const changes: string[] = [];
  const edited = await editThrough(({ method }) => {
    if (method !== "GET") changes.push(method);
    return undefined;
  }, edits);
  expect(edited.map(({ changed }) => changed)).toEqual([true, false, true, false]);
  expect(changes).toEqual(["POST", "DELETE"]);
});
