// The existing server's own answers, byte for byte as recorded (fixtures/exchanges), in the way of a backup: they must lead to
// what ours lead to, which backupRemote.test.ts compares with the store.
import { afterAll, expect, test } from "bun:test";
import { canonicalContext } from "../../formats/context.ts";
import { formatJson, parseJson } from "../../formats/json.ts";
import { isMap, type Value, type ValueMap } from "../../formats/value.ts";
import { type Exchange, readExchanges } from "../../server/api/exchanges/recording.ts";
import { Replay } from "../../server/api/exchanges/replay.ts";
import { newFolder, readWhole, removeFolders } from "../../server/archive/testing.ts";
import { backupRemote } from "./backupRemote.ts";
import { linesOf, standBetween } from "./backupRemoteTesting.ts";

afterAll(removeFolders);

/** From here on the recorded requests change things. */
const firstChange = 951;

/** Parameters by which a request of ours and a recorded one differ without asking for something else. */
const withoutWeight = ["skip_system", "artifact_details", "point_details", "trace_chunk_size"];

/** What a request asks for, in one form for ours and the recorded ones. */
function meaningOf(url: URL): string {
  const query = new URLSearchParams(url.searchParams);
  for (const name of withoutWeight) query.delete(name);
  const hash = /run\.hash == ['"]([0-9a-f]{32})['"]/.exec(query.get("q") ?? "")?.[1];
  if (hash !== undefined) query.set("q", hash);
  // What is all of the recorded objects: at most 50 steps of images and sounds, no lists of figures and distributions.
  const type = /search\/(\w+)/.exec(url.pathname)?.[1] ?? "";
  if (query.get("record_density") === "0" && /images|audios/.test(type)) query.delete("record_density");
  if (query.get("index_density") === "0" && /figures|distributions|audios/.test(type)) query.delete("index_density");
  query.sort();
  return `${url.pathname.replace(/\/?$/, "/")} ${query}`;
}

/** Answers to GETs about single runs, by their meaning. */
function recordedAnswers(exchanges: readonly Exchange[]): Map<string, Exchange> {
  const answers = new Map<string, Exchange>();
  for (const exchange of exchanges) {
    const { request } = exchange;
    const isOwn = /\/runs\/[0-9a-f]{32}\/|\/search\/(images|texts|audios|figures|distributions)/.test(
      request?.path ?? "",
    );
    if (request?.method === "GET" && isOwn) answers.set(meaningOf(new URL(request.path, "http://x")), exchange);
  }
  return answers;
}

/** Metrics that were recorded with all of their points, by run, name and context. */
function recordedMetrics(exchanges: readonly Exchange[]): Map<string, ValueMap> {
  const metrics = new Map<string, ValueMap>();
  for (const { request, answer } of exchanges) {
    const [, hash, density] =
      /([0-9a-f]{32})\/metric\/get-batch\/(?:\?record_density=(\S+))?$/.exec(request?.path ?? "") ?? [];
    if (hash === undefined) continue;
    for (const entry of (parseJson(new TextDecoder().decode(answer.bytes)) as Value[]).filter(isMap)) {
      const isWhole = density === "0" || density === "-1" || (entry.get("iters") as Value[]).length < 50;
      if (isWhole) metrics.set(placeOf(hash, entry), entry);
    }
  }
  return metrics;
}

function placeOf(hash: string, trace: ValueMap): string {
  return `${hash} ${trace.get("name")} ${canonicalContext(trace.get("context") ?? null)}`;
}

/** The points of a recorded metric that a request asks for. */
function asked(entry: ValueMap, query: URLSearchParams): ValueMap {
  const [from, to] = (query.get("record_range") ?? ":")
    .split(":")
    .map((side) => (side === "" ? undefined : BigInt(side)));
  const [steps, values] = [entry.get("iters") as bigint[], entry.get("values") as Value[]];
  let places = [...steps.keys()].filter(
    (i) => (from === undefined || steps[i]! >= from) && (to === undefined || steps[i]! < to),
  );
  if (query.get("record_density") === "2") places = [...new Set([places[0]!, places.at(-1)!])];
  return new Map(entry)
    .set(
      "iters",
      places.map((i) => steps[i]!),
    )
    .set(
      "values",
      places.map((i) => values[i]!),
    );
}

test("its recorded answers are read as ours are", async () => {
  await using replay = await Replay.open();
  const exchanges = (await readExchanges()).filter(({ n, answer }) => n < firstChange && answer.status === 200);
  const answers = recordedAnswers(exchanges);
  const metrics = recordedMetrics(exchanges);
  const given = new Map<string, number>();
  const standIn = (url: URL, text: string | undefined): Response | undefined => {
    if (text === undefined) {
      const answer = answers.get(meaningOf(url))?.answer;
      if (answer === undefined) return undefined;
      const type = answer.headers["content-type"] ?? "";
      return new Response(new Uint8Array(answer.bytes), { headers: { "content-type": type } });
    }
    const [, hash] = /([0-9a-f]{32})\/metric\/get-batch\/$/.exec(url.pathname) ?? [];
    if (hash === undefined) return undefined;
    const found = (parseJson(text) as ValueMap[]).map((trace) => metrics.get(placeOf(hash, trace)));
    if (found.includes(undefined)) return undefined;
    const json = formatJson(found.map((entry) => asked(entry!, url.searchParams)));
    return new Response(json, { headers: { "content-type": "application/json" } });
  };
  await using between = standBetween(replay.world.address, async (url, text, pass) => {
    const response = standIn(url, text);
    if (response === undefined) return pass(url);
    const kind = url.pathname.replace(/.*\/runs\//, "").replace(/[0-9a-f]{32}\//, "");
    given.set(kind, (given.get(kind) ?? 0) + 1);
    return response;
  });
  const archiveOf = async (url: string) => {
    const report = await backupRemote({ url, out: await newFolder(), durable: false });
    expect(report.failures).toEqual([]);
    return (await readWhole(report.path!)).runs;
  };
  const ours = await archiveOf(replay.world.address);
  for (const [hash, run] of await archiveOf(between.address))
    expect({ hash, ...linesOf(run) }).toEqual({ hash, ...linesOf(ours.get(hash)!) });
  const kinds = ["artifacts/download/", "info/", "log-records/", "logs/", "metric/get-batch/"];
  const searches = ["audios", "figures", "images", "texts"].map((type) => `search/${type}/`);
  expect([...given.keys()].sort()).toEqual([...kinds, ...searches]);
  expect(given.get("info/")).toBeGreaterThan(15);
}, 60_000);
