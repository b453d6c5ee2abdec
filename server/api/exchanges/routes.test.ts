// The 85 pairs of method and path that clients of the existing backend call (rest-api.md 1): each is served in both forms,
// and each has been asked with success among the recorded exchanges.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mapAt } from "./facts.ts";
import { jsonNode } from "./nodes.ts";
import { readExchanges } from "./recording.ts";
import { World } from "./world.ts";

const objects = ["images", "texts", "distributions", "audios", "figures"];

/** Methods by path below `/api/v1/rest`; `*` stands for an id. */
const table: readonly (readonly [methods: string, path: string])[] = [
  ["GET", "runs/*/info"],
  ["PUT DELETE", "runs/*"],
  ["POST", "runs/delete-batch"],
  ["POST", "runs/finish-batch"],
  ["POST", "runs/archive-batch"],
  ["POST", "runs/*/clear-tombstone"],
  ["POST", "runs/*/tags/new"],
  ["DELETE", "runs/*/tags/*"],
  ["GET POST", "runs/*/note"],
  ["GET PUT DELETE", "runs/*/note/*"],
  ["GET", "runs/*/artifacts/download"],
  ["GET", "runs/*/artifacts/download-all"],
  ["POST", "runs/*/metric/get-batch"],
  ["GET", "runs/search/run"],
  ["GET", "runs/search/metric"],
  ["GET", "runs/active"],
  ["POST", "runs/search/metric/align"],
  ["GET", "runs/*/logs"],
  ["GET", "runs/*/log-records"],
  ...objects.map((kind) => ["GET", `runs/search/${kind}`] as const),
  ...objects.map((kind) => ["POST", `runs/*/${kind}/get-batch`] as const),
  ...objects.map((kind) => ["POST", `runs/*/${kind}/get-step`] as const),
  ["POST", "runs/images/get-batch"],
  ["POST", "runs/audios/get-batch"],
  ["GET POST", "experiments"],
  ["GET", "experiments/search"],
  ["GET PUT DELETE", "experiments/*"],
  ["GET", "experiments/*/runs"],
  ["GET POST", "experiments/*/note"],
  ["GET PUT DELETE", "experiments/*/note/*"],
  ["GET", "experiments/*/activity"],
  ["GET POST", "tags"],
  ["GET", "tags/search"],
  ["GET PUT DELETE", "tags/*"],
  ["GET", "tags/*/runs"],
  ["GET", "projects"],
  ["GET", "projects/activity"],
  ["GET", "projects/params"],
  ["GET POST", "projects/pinned-sequences"],
  ["GET", "projects/status"],
  ...["dashboards", "apps", "reports"].flatMap((kind) => [
    ["GET POST", kind] as const,
    ["GET PUT DELETE", `${kind}/*`] as const,
  ]),
  ["GET", "version"],
  ["GET", "/health/live"],
  ["GET", "/health/ready"],
  ["GET", "/metrics"],
];
const pairs = table.flatMap(([methods, path]) =>
  methods.split(" ").map((method) => ({ method, path: path.startsWith("/") ? path : `/api/v1/rest/${path}` })),
);

let world: World;
beforeAll(async () => {
  world = await World.open();
});
afterAll(() => world[Symbol.asyncDispose]());

async function statusAndMessage(method: string, path: string): Promise<[number, unknown]> {
  const { status, headers, bytes } = await world.ask({ method, path, headers: {}, json: undefined, text: undefined });
  const isJson = headers.get("content-type") === "application/json" && bytes.length > 0;
  return [status, isJson ? mapAt(jsonNode(bytes, (text) => text))?.get("message") : undefined];
}

test("all 85 pairs are served, with and without trailing slash, and without a redirect", async () => {
  expect(pairs.length).toBe(85);
  for (const { method, path } of pairs) {
    const asked = path.replaceAll("*", "0".repeat(32));
    const [status, message] = await statusAndMessage(method, asked);
    // Of a path that is none only this is said; of a thing that is not there, which one.
    expect([method, path, status, message]).not.toEqual([method, path, 404, "Not Found"]);
    expect([method, path, [200, 204, 404, 422].includes(status)]).toEqual([method, path, true]);
    expect([method, path, ...(await statusAndMessage(method, `${asked}/`))]).toEqual([method, path, status, message]);
  }
});

test("other methods of these paths are refused with those that there are", async () => {
  for (const path of new Set(pairs.map((pair) => pair.path))) {
    const methods = pairs.filter((pair) => pair.path === path).map(({ method }) => method);
    for (const method of ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"]) {
      // `runs/active` and the like are also the id of a run.
      if (methods.includes(method) || overlaps(method, path)) continue;
      const asked = path.replaceAll("*", "0".repeat(32));
      const { status, headers } = await world.ask({
        method,
        path: asked,
        headers: {},
        json: undefined,
        text: undefined,
      });
      expect([method, path, status]).toEqual([method, path, 405]);
      for (const known of methods) expect(headers.get("allow")).toContain(known);
    }
  }
});

/** Whether another pair answers this method at a path that this one is an example of. */
function overlaps(method: string, path: string): boolean {
  return pairs.some(
    (pair) => pair.method === method && pair.path !== path && patternOf(pair.path).test(path.replaceAll("*", "0")),
  );
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll("*", "[^/]+")}$`);
}

test("each pair is among the recorded exchanges with an answer that is no error", async () => {
  const answered = new Set<string>();
  for (const { request, answer } of await readExchanges()) {
    if (request === undefined || answer.status >= 300) continue;
    const path = request.path.replace(/\?.*/, "").replace(/\/$/, "");
    const matching = pairs.filter((pair) => pair.method === request.method && patternOf(pair.path).test(path));
    // The one with the fewest ids is the one that answers.
    const [pair] = matching.sort((a, b) => a.path.split("*").length - b.path.split("*").length);
    if (pair !== undefined) answered.add(`${pair.method} ${pair.path}`);
  }
  expect(pairs.map(({ method, path }) => `${method} ${path}`).filter((pair) => !answered.has(pair))).toEqual([]);
});
