// The recorded requests whose answers are JSON or files, given again over the recorded store, in order, those that change it too.
// Answers are equal but for the exchanges listed here, by the rules of fixtures/exchanges/differences.md ("REST JSON").
import { expect, test } from "bun:test";
import { gunzipSync } from "bun";
import { loadDump, readDump } from "../store/testing.ts";
import { openTestApi, type TestApi } from "./testing.ts";

const folder = new URL("../../fixtures/exchanges/", import.meta.url).pathname;

const differences: Readonly<Record<string, readonly number[]>> = {
  "sequence parameter": [82, 83, 85],
  "recreated run": [32, 76, 77, 78, 124, 986, 1086],
  ghost: [127, 1072],
  "negative limit": [55],
  "names of files": [178],
  "missing files": [179],
  "own version": [89],
  readiness: [92],
  allow: [935, 936, 939],
  documents: [941, 942],
  "no empty names": [963, 965, 983, 984, 992, 1010, 1011, 1038, 1044, 1175],
  "taken names": [975, 976],
  "tags counted once": [985],
  "unknown tags": [990, 1003],
  "descriptions stay": [1015, 1035],
  "notes of their own": [1026, 1100, 1101],
  "whole detachment": [1039],
  "resumed runs have no end": [1063],
  "unknown runs": [1082, 1083, 1084, 1085, 1164, 1165],
  "deleted at once": [1154, 1158, 1159, 1161, 1163, 1168, 1169, 1177, 1183],
  "no ghosts of experiments": [1176],
};

interface Recorded {
  readonly n: number;
  readonly group: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers?: Record<string, string>;
    readonly json?: unknown;
    readonly body?: string;
  };
  readonly response: {
    readonly status: number;
    readonly headers?: Record<string, string>;
    readonly kind: string;
    readonly json?: unknown;
    readonly raw?: string;
    readonly text?: string;
    readonly b64?: string;
  };
}

async function readRecorded(): Promise<Recorded[]> {
  const text = new TextDecoder().decode(gunzipSync(await Bun.file(`${folder}exchanges.jsonl.gz`).bytes()));
  const lines: Recorded[] = text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  return lines.filter((line) => line.request !== undefined);
}

const groups = ["lists", "errors", "project", "info", "artifacts", "metric-batch", "http"];

/** Streams, and the counts of another process, are not compared here; neither are bodies of GET, which browsers cannot send. */
function isOurs({ group, request }: Recorded): boolean {
  if (!groups.includes(group) && !group.startsWith("mut-")) return false;
  if (request.method === "GET" && (request.json ?? request.body) !== undefined) return false;
  return !/\/runs\/(search|active)|\/logs\/|^\/metrics|download-all/.test(request.path);
}

/** The clock of the first exchange that changes something, and one second more for each further one. */
const firstChange = { n: 951, clock: 1_772_900_229 };

test("recorded answers are given again, but for the listed differences", async () => {
  await using api = await openTestApi();
  await loadDump(api.store, await readDump(`${folder}dump.jsonl.gz`));
  await loadBlobs(api);
  const ids = new Map<string, string>();
  const found: number[] = [];
  const compared: number[] = [];
  for (const recorded of await readRecorded()) {
    if (recorded.n === firstChange.n) api.clock = firstChange.clock;
    else if (recorded.n > firstChange.n && recorded.request.method !== "GET") api.clock++;
    if (!isOurs(recorded)) continue;
    compared.push(recorded.n);
    if (!(await isSame(api, recorded, ids))) found.push(recorded.n);
  }
  expect(found).toEqual(
    Object.values(differences)
      .flat()
      .sort((a, b) => a - b),
  );
  expect(compared.length).toBeGreaterThan(350);
});

async function loadBlobs(api: TestApi): Promise<void> {
  const names: Record<string, string> = await Bun.file(`${folder}blobs.json`).json();
  for (const [key, name] of Object.entries(names))
    await api.blobs.put(key, await Bun.file(`${folder}blobs/${name}`).bytes());
}

const headers = [
  ...["content-type", "content-disposition", "allow"],
  ...["origin", "credentials", "methods", "headers"].map((name) => `access-control-allow-${name}`),
];

async function isSame(api: TestApi, { request, response }: Recorded, ids: Map<string, string>): Promise<boolean> {
  const own = (text: string) => [...ids].reduce((all, [theirs, ours]) => all.replaceAll(theirs, ours), text);
  const sent = request.body ?? (request.json === undefined ? undefined : JSON.stringify(request.json));
  const body = sent === undefined ? undefined : own(sent);
  const answer = await api.send(request.method, own(request.path), body, request.headers);
  const bytes = await answer.bytes();
  if (answer.status !== response.status) return false;
  // An answer without a body has no type, whatever theirs said.
  if (response.status === 204 || request.method === "HEAD") return bytes.length === 0 || request.method === "HEAD";
  if (headers.some((name) => answer.headers.get(name) !== (response.headers?.[name] ?? null))) return false;
  const text = new TextDecoder().decode(bytes);
  if (response.kind === "json") return sameJson(JSON.parse(text), response.json, ids);
  return response.kind === "text"
    ? text === response.text
    : Buffer.from(bytes).toString("base64") === (response.b64 ?? "");
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Equal, where the server's own ids are mapped one to one and lists of records are in any order. */
function sameJson(ours: unknown, theirs: unknown, ids: Map<string, string>): boolean {
  if (typeof ours === "string" && typeof theirs === "string" && ours !== theirs) {
    if (!uuid.test(ours) || !uuid.test(theirs)) return false;
    if (!ids.has(theirs)) ids.set(theirs, ours);
    return ids.get(theirs) === ours;
  }
  if (ours === null || theirs === null || typeof ours !== "object" || typeof theirs !== "object")
    return Object.is(ours, theirs);
  if (Array.isArray(ours) !== Array.isArray(theirs)) return false;
  if (Array.isArray(ours) && Array.isArray(theirs)) {
    if (ours.length !== theirs.length) return false;
    const record = new Map<unknown, unknown>(ours.map((item) => [item?.id, item]));
    return theirs.every((item, i) => sameJson(item?.id ? record.get(ids.get(item.id) ?? item.id) : ours[i], item, ids));
  }
  // Errors carry `message` besides, and those of unknown paths the envelope.
  const added = "detail" in theirs ? ["message", "error"].filter((name) => !(name in theirs)) : [];
  const names = Object.keys(ours).filter((name) => !added.includes(name));
  const members = ours as Record<string, unknown>;
  return (
    Bun.deepEquals(names, Object.keys(theirs)) &&
    Object.entries(theirs).every(([name, value]) => sameJson(members[name], value, ids))
  );
}

test("a number is written with its kind and text raw, as in the recorded bytes", async () => {
  await using api = await openTestApi();
  await loadDump(api.store, await readDump(`${folder}dump.jsonl.gz`));
  const listed = new Set(Object.values(differences).flat());
  let compared = 0;
  for (const recorded of await readRecorded()) {
    if (recorded.n >= firstChange.n || !isOurs(recorded) || listed.has(recorded.n)) continue;
    const { request, response } = recorded;
    if (response.kind !== "json" || response.status !== 200 || recorded.group === "artifacts") continue;
    const answer = await api.send(request.method, request.path, request.json, request.headers);
    expect(await answer.text()).toBe(response.raw!);
    compared++;
  }
  expect(compared).toBeGreaterThan(80);
});
