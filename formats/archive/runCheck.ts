// Checks one run of an archive: its documents, its points, and whether they agree with each other and with its blobs.
import { contextId } from "../context.ts";
import { isMap, toNumber, type Value, type ValueMap } from "../value.ts";
import type { FaultList } from "./faults.ts";
import { DocumentCheck, type FileCheck } from "./fileCheck.ts";
import { type FileTable, seen } from "./fileTable.ts";
import { runDocuments, sequencesName } from "./layout.ts";
import type { Links } from "./links.ts";
import { checkShapes, SequenceCheck, type SequenceFacts } from "./sequenceCheck.ts";
import type { RunDocument } from "./types.ts";

export interface RunCheckOptions {
  readonly hash: string;
  readonly faults: FaultList;
  /** Faults that count only when the archive is to hold blobs, which the manifest may say later. */
  readonly blobFaults: FaultList;
  readonly files: FileTable;
  readonly links: Links;
}

/** References that come before their blobs are remembered up to this number; no writer known needs many. */
const maxPending = 200_000;

interface TraceFacts {
  readonly contextId: number;
  readonly name: string;
  readonly dtypes: string[];
  readonly lastStep: bigint | undefined;
}

export class RunCheck {
  readonly hash: string;
  readonly #options: RunCheckOptions;
  readonly #folder: string;
  readonly #documents = new Set<string>();
  readonly #pending = new Map<string, { file: string; line: number | undefined }>();
  #unchecked = 0;
  #contexts: Set<number> | undefined;
  #traces: Map<string, TraceFacts> | undefined;
  #sequences: SequenceCheck | undefined;

  constructor(options: RunCheckOptions) {
    this.hash = options.hash;
    this.#options = options;
    this.#folder = `runs/${options.hash}`;
  }

  /** The check for a file directly in the run's folder; undefined for one that nothing is known about. */
  file(name: string): FileCheck | undefined {
    const file = `${this.#folder}/${name}`;
    const { faults } = this.#options;
    this.#documents.add(name);
    const object = (use: (value: ValueMap) => void) =>
      new DocumentCheck(file, faults, (value) => {
        if (isMap(value)) use(value);
        else faults.error(file, "shape", "not a JSON object");
      });
    const list = (use: (value: Value[]) => void) =>
      new DocumentCheck(file, faults, (value) => {
        if (Array.isArray(value)) use(value);
        else faults.error(file, "shape", "not a JSON array");
      });
    switch (name) {
      case "run.json":
        return object((value) => this.#run(value, file));
      case "attrs.json":
        return object((value) => this.#attrs(value, file));
      case "contexts.json":
        return object((value) => this.#readContexts(value, file));
      case "traces.json":
        return list((value) => this.#readTraces(value, file));
      case "tags.json":
        return list((value) => this.#tags(value, file));
      case sequencesName:
        this.#sequences = new SequenceCheck({ file, faults, onBlobKey: (key, line) => this.#refer(key, file, line) });
        return this.#sequences;
      default:
        return undefined;
    }
  }

  /** All of the run has been seen. Returns the required files that it lacks, for the manifest to explain. */
  close(): RunDocument[] {
    this.#checkPending();
    this.#checkContexts();
    this.#checkTraces();
    return runDocuments.filter((file) => !this.#documents.has(file));
  }

  #run(value: ValueMap, file: string): void {
    const { faults, links, hash } = this.#options;
    if (value.size === 0) faults.warning(file, "empty-run", "no metadata: the run did not exist when it was backed up");
    for (const field of ["name", "description", "experiment_id", "experiment_name"]) {
      expect(value, field, "a string", (each) => typeof each === "string", file, faults);
    }
    for (const field of ["created_at", "updated_at", "finalized_at", "client_start_ts", "duration"]) {
      expect(value, field, "a number", (each) => toNumber(each) !== undefined, file, faults);
    }
    for (const field of ["active", "is_archived", "archived"]) {
      expect(value, field, "true or false", (each) => typeof each === "boolean", file, faults);
    }
    const own = value.get("hash");
    if (own !== undefined && own !== hash) faults.warning(file, "hash", "hash is not the name of the run's folder");
    const experiment = value.get("experiment_id");
    if (typeof experiment === "string" && experiment !== "") links.refer("experiment", experiment, file);
  }

  #attrs(value: ValueMap, file: string): void {
    const { faults } = this.#options;
    const blobs = value.get("__blobs__") ?? new Map();
    if (!isMap(blobs)) {
      faults.warning(file, "shape", "__blobs__ is not an object");
      return;
    }
    for (const [path, entry] of blobs) {
      const key = isMap(entry) ? entry.get("s3_key") : undefined;
      if (typeof key === "string") this.#refer(key, file);
      else faults.warning(file, "no-blob-key", `__blobs__ entry ${JSON.stringify(path)} has no s3_key`);
    }
  }

  #readContexts(value: ValueMap, file: string): void {
    const { faults } = this.#options;
    const contexts = new Set<number>();
    for (const [key, context] of value) {
      const id = /^(0|[1-9]\d{0,9})$/.test(key) ? Number(key) : Number.NaN;
      if (!(id <= 0xffff_ffff)) {
        faults.error(file, "context-id", `${JSON.stringify(key)} is not a context id`);
        continue;
      }
      contexts.add(id);
      if (!isMap(context)) {
        faults.error(file, "shape", `context ${key} is not an object`);
        continue;
      }
      const own = contextId(context);
      // Restore keeps ids as they are, but a run that goes on would get another id for the same context (1.9).
      if (own !== id)
        faults.warning(file, "context-id", `context ${key} has an id that is not its own, which is ${own}`);
    }
    this.#contexts = contexts;
  }

  #readTraces(value: readonly Value[], file: string): void {
    const { faults } = this.#options;
    const traces = new Map<string, TraceFacts>();
    for (const [index, item] of value.entries()) {
      const trace = isMap(item) ? readTrace(item) : "is not an object";
      if (typeof trace === "string") {
        faults.error(file, "trace", `entry ${index + 1} ${trace}`);
        continue;
      }
      const key = `${trace.contextId} ${trace.name}`;
      const other = traces.get(key);
      if (other === undefined) {
        traces.set(key, trace);
        continue;
      }
      other.dtypes.push(...trace.dtypes);
      // The existing converter does so for a tag of two kinds; storage keeps the later (1.10).
      faults.warning(file, "duplicate-trace", `${describe(trace)} is listed twice, as ${other.dtypes.join(" and ")}`);
      traces.set(key, { ...trace, dtypes: other.dtypes });
    }
    this.#traces = traces;
  }

  #tags(value: readonly Value[], file: string): void {
    const { faults, links } = this.#options;
    for (const tag of value) {
      const id = isMap(tag) ? tag.get("id") : undefined;
      if (typeof id === "string") links.refer("tag", id, file);
      else faults.warning(file, "shape", "a tag without an id");
    }
  }

  #refer(key: string, file: string, line?: number): void {
    const prefix = `${this.hash}/`;
    if (!key.startsWith(prefix)) {
      const message = `s3_key ${JSON.stringify(key)} does not begin with the run's hash`;
      this.#options.blobFaults.error(file, "blob-key", message, line);
    } else if (!this.#hasBlob(key) && !this.#pending.has(key)) {
      if (this.#pending.size < maxPending) this.#pending.set(key, { file, line });
      else this.#unchecked++;
    }
  }

  #hasBlob(key: string): boolean {
    const { files } = this.#options;
    const number = files.find(`${this.#folder}/blobs/${key.slice(this.hash.length + 1)}`);
    return number >= 0 && (files.flags(number) & seen) !== 0;
  }

  #checkPending(): void {
    const { blobFaults } = this.#options;
    for (const [key, { file, line }] of this.#pending) {
      if (!this.#hasBlob(key)) blobFaults.error(file, "blob-missing", `no blob for ${JSON.stringify(key)}`, line);
    }
    if (this.#unchecked === 0) return;
    const message = `${this.#unchecked} references to blobs that are missing or come later were not checked`;
    blobFaults.warning(`${this.#folder}/${sequencesName}`, "not-checked", message);
  }

  #checkContexts(): void {
    const contexts = this.#contexts;
    if (contexts === undefined) return;
    const { faults } = this.#options;
    const reported = new Set<number>();
    const check = (id: number, file: string, what: string, line?: number) => {
      // The empty context is the same everywhere, listed or not.
      if (id === 0 || contexts.has(id) || reported.has(id)) return;
      reported.add(id);
      faults.error(file, "context-missing", `${what} has context ${id}, which contexts.json does not list`, line);
    };
    for (const { contextId: id, name, firstLine } of this.#sequences?.sequences() ?? []) {
      check(id, `${this.#folder}/${sequencesName}`, `sequence ${JSON.stringify(name)}`, firstLine);
    }
    for (const { contextId: id, name } of this.#traces?.values() ?? []) {
      check(id, `${this.#folder}/traces.json`, `trace ${JSON.stringify(name)}`);
    }
  }

  #checkTraces(): void {
    const traces = this.#traces;
    if (traces === undefined) return;
    const { faults } = this.#options;
    const file = `${this.#folder}/${sequencesName}`;
    for (const sequence of this.#sequences?.sequences() ?? []) {
      const trace = traces.get(`${sequence.contextId} ${sequence.name}`);
      if (trace === undefined) {
        const message = `${describe(sequence)} has points but no entry in traces.json`;
        faults.error(file, "trace-missing", message, sequence.firstLine);
      } else checkShapes(sequence, trace.dtypes, file, faults);
    }
    for (const trace of traces.values()) this.#checkLastStep(trace);
  }

  #checkLastStep(trace: TraceFacts): void {
    if (trace.lastStep === undefined) return;
    const { faults } = this.#options;
    const file = `${this.#folder}/traces.json`;
    const sequence: SequenceFacts | undefined = this.#sequences?.find(trace.contextId, trace.name);
    if (sequence === undefined) {
      faults.warning(file, "last-step", `${describe(trace)} has last_step ${trace.lastStep} but no points`);
    } else if (sequence.maxStep !== trace.lastStep) {
      const message = `${describe(trace)} has last_step ${trace.lastStep}, its points end at ${sequence.maxStep}`;
      faults.warning(file, "last-step", message);
    }
  }
}

function readTrace(item: ValueMap): TraceFacts | string {
  const name = item.get("name");
  if (typeof name !== "string") return "has no name";
  const id = item.get("context_id");
  if (typeof id !== "bigint" || id < 0n || id > 0xffff_ffffn)
    return `(${JSON.stringify(name)}) has no valid context_id`;
  const dtype = item.get("dtype") ?? "float";
  if (typeof dtype !== "string") return `(${JSON.stringify(name)}) has a dtype that is not a string`;
  const lastStep = item.get("last_step") ?? undefined;
  if (lastStep !== undefined && typeof lastStep !== "bigint") {
    return `(${JSON.stringify(name)}) has a last_step that is not an integer`;
  }
  return { contextId: Number(id), name, dtypes: [dtype], lastStep };
}

function describe(trace: { readonly contextId: number; readonly name: string }): string {
  return `trace ${JSON.stringify(trace.name)} of context ${trace.contextId}`;
}

function expect(
  map: ValueMap,
  field: string,
  what: string,
  test: (value: Value) => boolean,
  file: string,
  faults: FaultList,
): void {
  const value = map.get(field) ?? null;
  if (value !== null && !test(value)) faults.warning(file, "field", `${field} is not ${what}`);
}
