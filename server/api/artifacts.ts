// Downloads of a run's files, one or all: rest-api.md 1.4, P7, S4, S5.
import { makeZip } from "client-zip";
import type { Value } from "../../formats/value.ts";
import { type ArtifactEntry, artifactsName, artifactsOf, blobKeyOf } from "../store/artifactEntries.ts";
import { readAttrs } from "../store/attrs.ts";
import { attachment, contentType } from "./attachment.ts";
import { notFound } from "./errors.ts";
import type { ApiRequest } from "./request.ts";
import { streamOf } from "./respond.ts";
import type { ApiContext, Route } from "./route.ts";
import { missingRun, runExists } from "./runAccess.ts";
import { zipNames } from "./zipNames.ts";

/** Up to this a file is read before it is sent, since Bun tells no length of a stream; larger ones go out in chunks. */
const wholeBytes = 4 * 1024 * 1024;

/** The text in a ZIP that says which files it lacks. */
const missingName = "MISSING FILES.txt";

export function artifactRoutes(context: ApiContext): Route[] {
  const { store, blobs } = context;

  /** The entries of the run's artifacts: all, or the one of a path. */
  const read = async (hash: string, path?: string): Promise<ArtifactEntry[]> =>
    store.database.snapshot(async (tx) => {
      const under = path === undefined ? [artifactsName] : [artifactsName, path];
      const [exists, stored] = await Promise.all([runExists(tx, store, hash), readAttrs(tx, store, hash, under)]);
      if (!exists) throw missingRun(hash);
      const entries = path === undefined || stored === undefined ? stored : new Map<string, Value>([[path, stored]]);
      return artifactsOf(entries);
    });

  /**
   * The artifacts whose blobs are there, opened one after another. Those that are missing do not spoil the others: they are
   * named in a text at the end.
   */
  async function* members(hash: string, artifacts: readonly ArtifactEntry[], date: Date) {
    const names = zipNames([...artifacts.map(({ path }) => path), missingName]);
    const missing: string[] = [];
    for (const [i, artifact] of artifacts.entries()) {
      const key = blobKeyOf(hash, artifact);
      const info = key === undefined ? undefined : await blobs.head(key);
      const input = key === undefined || info === undefined ? undefined : await blobs.get(key);
      if (input === undefined || info === undefined) missing.push(artifact.path);
      else yield { name: names[i]!, input: zipInput(input), lastModified: date, mode: 0o600, size: info.size };
    }
    if (missing.length === 0) return;
    const text = `Logged, but not stored (${missing.length}):\n\n${missing.join("\n")}\n`;
    yield { name: names.at(-1)!, input: text, lastModified: date, mode: 0o600 };
  }

  const download = async (request: ApiRequest): Promise<Response> => {
    const hash = request.param("run_id");
    const path = request.query.required("path");
    const [artifact] = await read(hash, path);
    if (artifact === undefined) throw notFound(`The run '${hash}' has no artifact '${path}'`);
    const key = blobKeyOf(hash, artifact);
    const info = key === undefined ? undefined : await blobs.head(key);
    const bytes = key === undefined || info === undefined ? undefined : await blobs.get(key);
    if (bytes === undefined || info === undefined) throw notFound(`The file of the artifact '${path}' is not stored`);
    return new Response(info.size <= wholeBytes ? await collect(bytes) : streamOf(bytes, request), {
      headers: {
        "content-type": contentType(artifact.contentType),
        "content-disposition": attachment(artifact.name),
        "content-length": String(info.size),
        // The type is what whoever logged the file said: a browser must not make a page of something else.
        "x-content-type-options": "nosniff",
      },
    });
  };

  return [
    {
      method: "GET",
      path: "/runs/:run_id/artifacts/download",
      summary: "One file of a run",
      query: { path: { type: "string", description: "The artifact's path.", required: true } },
      answer: { description: "The file.", type: "application/octet-stream" },
      errors: [404],
      handle: download,
    },
    {
      method: "GET",
      path: "/runs/:run_id/artifacts/download-all",
      summary: "All files of a run as a ZIP",
      answer: {
        description: "A ZIP of the files, stored; files that are missing are named in a text of its own.",
        type: "application/zip",
      },
      errors: [404],
      handle: async (request) => {
        const hash = request.param("run_id");
        const artifacts = await read(hash);
        if (artifacts.length === 0) throw notFound(`The run '${hash}' has no artifacts`);
        const zip = makeZip(members(hash, artifacts, new Date(context.now() * 1_000)));
        return new Response(streamOf(zip, request), {
          headers: {
            "content-type": "application/zip",
            "content-disposition": attachment(`${hash}-artifacts.zip`),
          },
        });
      },
    },
  ];
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer<ArrayBuffer>> {
  return Buffer.concat(await Array.fromAsync(chunks));
}

/** Copies of the chunks, in buffers of their own: what the ZIP writer's types ask for. */
async function* zipInput(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for await (const chunk of chunks) yield new Uint8Array(chunk);
}
