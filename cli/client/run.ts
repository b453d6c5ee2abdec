// A run that is being logged: parameters, points, objects, files, tags and records, with the Python client's vocabulary.
import { writeSync } from "node:fs";
import { basename } from "node:path";
import { MatyanError, messageOf } from "../../formats/error.ts";
import { processEnvironment } from "../../server/config.ts";
import { chooseAddresses } from "./address.ts";
import { listArtifactFiles } from "./artifactFiles.ts";
import { sequenceBlobPath } from "./blobPaths.ts";
import { callerOf } from "./caller.ts";
import { contentTypeOf } from "./contentType.ts";
import { ContextTexts } from "./contextTexts.ts";
import { nextSteps, sequenceKey } from "./continueSteps.ts";
import { Http } from "./http.ts";
import { LocalParams, namesOfPath, nested } from "./localParams.ts";
import { clientTime, Messages } from "./messages.ts";
import { Audio, blobOf, Image, isTrackedObject, type MediaSource, type TrackedObject } from "./objects.ts";
import type { Item } from "./outbox.ts";
import { type Plain, toMap, toPlain, toValue } from "./plainValues.ts";
import { Repo } from "./repo.ts";
import type { RunInfo } from "./results.ts";
import type { Closed, RunOptions, TrackOptions } from "./runOptions.ts";
import { Sender } from "./sender.ts";
import { systemParams } from "./systemParams.ts";
import { captureTerminal } from "./terminalCapture.ts";
import { Turns } from "./turns.ts";
import { type Uploaded, upload } from "./upload.ts";

const levels = { debug: 10, info: 20, warning: 30, error: 40 } as const;

export class Run implements AsyncDisposable {
  readonly hash: string;
  readonly repo: Repo;
  readonly #options: RunOptions;
  readonly #messages: Messages;
  readonly #sender: Sender | undefined;
  readonly #frontier: Http;
  readonly #now: () => number;
  readonly #turns: Turns;
  readonly #uploads = new Set<Promise<unknown>>();
  readonly #failedUploads: Error[] = [];
  readonly #steps = new Map<string, bigint>();
  readonly #contexts = new ContextTexts((context) => this.#messages.contextText(context));
  readonly #params = new LocalParams();
  readonly #properties: { name?: string; description?: string; archived?: boolean; experiment?: string } = {};
  #line = 0;
  #stopCapture: (() => void) | undefined;
  #closing: Promise<Closed> | undefined;

  /**
   * Begins at once, and connects behind the scenes: `Run.open` also waits until the server has taken the run, and is needed
   * for `forceResume`. @throws MatyanError `usage` for an address that is none.
   */
  constructor(options: RunOptions = {}) {
    const env = processEnvironment();
    const addresses = chooseAddresses(options, env);
    this.#options = options;
    this.hash = options.hash ?? crypto.randomUUID().replaceAll("-", "");
    if (this.hash === "" || this.hash.includes("/"))
      throw new MatyanError("usage", `'${this.hash}' can't be a run's hash`);
    this.repo = new Repo(addresses.api, options.http);
    this.#frontier = new Http(addresses.frontier, options.http);
    this.#messages = new Messages(this.hash);
    this.#now = options.now ?? preciseNow;
    this.#turns = new Turns(options.uploads ?? 4);
    if (options.readOnly) return;
    this.#sender = new Sender({
      ...options.sender,
      frontier: addresses.frontier,
      runId: this.hash,
      onRefused: ({ item, reason }) => this.#problem(`run ${this.hash}: a ${item.type} message was refused: ${reason}`),
      onTrouble: (reason) => this.#problem(`run ${this.hash}: no connection to ${addresses.frontier}: ${reason}`),
    });
    void this.#send(this.#messages.createRun(clientTime(this.#now()), options.forceResume ?? false));
    if (options.experiment !== undefined) this.experiment = options.experiment;
  }

  /**
   * A run that the server has taken. @throws MatyanError `io` when it can't be reached, `usage` when the address is that
   * of something else; both say what to do.
   */
  static async open(options: RunOptions = {}): Promise<Run> {
    const run = new Run(options);
    if (options.readOnly) return run;
    try {
      await run.#sender!.firstFlush(options.openMs ?? 15_000);
      const [refusal] = run.#sender!.delivery.refusals;
      if (refusal !== undefined)
        throw new MatyanError("usage", `the server refused the run ${run.hash}: ${refusal.reason}`);
      if (options.forceResume) await run.#continue();
      if (options.logSystemParams) await run.set("__system_params", await systemParams(processEnvironment()));
    } catch (error) {
      await run.#sender!.close(0);
      throw error;
    }
    if (options.captureTerminal)
      run.#stopCapture = captureTerminal((line) => void run.#send(run.#messages.terminalLine(line, run.#line++)));
    return run;
  }

  // --- what the run is ---

  /** Names and flags as they were set here; undefined when they were not. What is stored is told by `info`. */
  get name(): string | undefined {
    return this.#properties.name;
  }

  set name(name: string) {
    this.#setProperty({ name: name.toWellFormed() });
  }

  get description(): string | undefined {
    return this.#properties.description;
  }

  set description(description: string) {
    this.#setProperty({ description: description.toWellFormed() });
  }

  get archived(): boolean | undefined {
    return this.#properties.archived;
  }

  set archived(archived: boolean) {
    this.#setProperty({ archived });
  }

  get experiment(): string | undefined {
    return this.#properties.experiment;
  }

  set experiment(experiment: string) {
    this.#setProperty({ experiment: experiment.toWellFormed() });
  }

  addTag(name: string): Promise<void> {
    return this.#send(this.#messages.tag("add_tag", name));
  }

  removeTag(name: string): Promise<void> {
    return this.#send(this.#messages.tag("remove_tag", name));
  }

  /** What the server has of the run; undefined when it has none of that hash. */
  info(): Promise<RunInfo | undefined> {
    return this.repo.getRun(this.hash);
  }

  // --- parameters ---

  /** The parameters `hparams`, as they were set here. */
  get hparams(): Plain {
    return toPlain(this.#params.at(["hparams"]) ?? null);
  }

  set hparams(value: object) {
    void this.set("hparams", value);
  }

  /**
   * Sets the parameter at a path of names with dots between: `run.set("hparams.lr", 0.1)`. Whole numbers are stored as
   * integers, others as floats; `float(1)` is stored as 1.0 (`toValue`).
   * @throws MatyanError `usage` for a path with an empty name, or a value that can't be stored.
   */
  set(path: string, value: unknown): Promise<void> {
    const names = namesOfPath(path);
    const stored = toValue(value, path);
    this.#params.set(names, stored);
    // Each message has one name at its root: the existing services take several for the whole of all parameters.
    return this.#send(this.#messages.params(nested(names, stored)));
  }

  /** Sets all members of an object. */
  async update(params: Readonly<Record<string, unknown>>): Promise<void> {
    for (const [name, value] of Object.entries(params)) if (value !== undefined) await this.set(name, value);
  }

  /** The parameter at a path: as it was set here, else as it is stored; undefined when there is none. */
  async get(path: string): Promise<Plain | undefined> {
    const names = path.split(".");
    const here = this.#params.at(names);
    if (here !== undefined) return toPlain(here);
    let node: Plain | undefined = (await this.info())?.params;
    for (const name of names) {
      if (typeof node !== "object" || node === null || !Object.hasOwn(node, name)) return undefined;
      node = (node as { [name: string]: Plain })[name];
    }
    return node;
  }

  // --- points and objects ---

  /**
   * Logs a number, an object of numbers (one metric each, unless a name is given), or a text, distribution, figure, image
   * or sound. What it gives back resolves when there is room for more (images and sounds: when they are uploaded): who
   * logs much awaits it.
   * @throws MatyanError `usage` for a value that can't be tracked, or without a name.
   */
  track(
    value: number | bigint | boolean | TrackedObject | Readonly<Record<string, number | bigint | TrackedObject>>,
    options: TrackOptions = {},
  ): Promise<void> {
    if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") {
      const dtype = typeof value === "number" ? "float" : typeof value === "bigint" ? "int" : "bool";
      return this.#send(this.#messages.metric(Number(value), dtype, this.#point(options)));
    }
    if (value instanceof Image || value instanceof Audio) return this.#trackMedia(value, options);
    if (isTrackedObject(value)) {
      return this.#send(this.#messages.object(value.toMessage(), value.dtype, this.#point(options)));
    }
    if (typeof value !== "object" || value === null)
      throw new MatyanError("usage", `a ${value === null ? "null" : typeof value} can't be tracked`, {
        hint: "Track a number, or new Text(...), Image, Audio, Distribution, Figure.",
      });
    if (options.name !== undefined)
      throw new MatyanError(
        "usage",
        `an object can't be tracked as '${options.name}': its members have names of their own`,
      );
    let last = noWait;
    for (const [name, member] of Object.entries(value)) last = this.track(member, { ...options, name });
    return last;
  }

  logDebug(message: string, args?: Readonly<Record<string, unknown>>): Promise<void> {
    return this.#record(message, levels.debug, args);
  }

  logInfo(message: string, args?: Readonly<Record<string, unknown>>): Promise<void> {
    return this.#record(message, levels.info, args);
  }

  logWarning(message: string, args?: Readonly<Record<string, unknown>>): Promise<void> {
    return this.#record(message, levels.warning, args);
  }

  logError(message: string, args?: Readonly<Record<string, unknown>>): Promise<void> {
    return this.#record(message, levels.error, args);
  }

  // --- files ---

  /** Uploads a file, or bytes (then `name` is needed). Resolves when it is stored and known to the run. */
  logArtifact(source: MediaSource, name?: string): Promise<Uploaded> {
    return this.#background(async () => {
      if (typeof source !== "string" && name === undefined)
        throw new MatyanError("usage", "bytes need a name to be an artifact");
      const path = name ?? basename(String(source));
      return this.#upload(path, contentTypeOf(path), await blobOf(source));
    });
  }

  /** Uploads all files of a folder, as `name/relative path` or without a name just that (`listArtifactFiles`). */
  logArtifacts(folder: string, name?: string): Promise<readonly Uploaded[]> {
    return this.#background(async () => {
      const { files, skipped } = await listArtifactFiles(folder, name);
      for (const path of skipped) this.#problem(`run ${this.hash}: '${path}' is neither a file nor a folder: left out`);
      return Promise.all(files.map(({ file, path }) => this.#upload(path, contentTypeOf(file), Bun.file(file))));
    });
  }

  // --- the end ---

  /** Resolves when the server has stored all that was logged so far; files too. @throws MatyanError `io` when it can't. */
  async flush(timeoutMs = this.#options.closeMs ?? 60_000): Promise<void> {
    await Promise.allSettled(this.#uploads);
    await this.#sender?.flush(timeoutMs);
  }

  /**
   * Waits for uploads, ends the run, and waits until the server has stored everything. What was refused is in the answer
   * (and was told as it happened). @throws MatyanError `io` when messages could not be delivered; its cause is a `Closed`.
   */
  close(): Promise<Closed> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<Closed> {
    this.#stopCapture?.();
    if (this.#sender === undefined)
      return { delivered: 0, refused: 0, refusals: [], undelivered: [], failedUploads: [] };
    while (this.#uploads.size > 0) await Promise.allSettled(this.#uploads);
    void this.#send(this.#messages.finishRun(clientTime(this.#now())));
    const delivery = await this.#sender.close(this.#options.closeMs ?? 60_000);
    const closed: Closed = { ...delivery, failedUploads: this.#failedUploads };
    const left = delivery.undelivered.length;
    if (left === 0) return closed;
    const trouble = await this.#sender.explainTrouble();
    throw new MatyanError("io", `${left} messages of run ${this.hash} were not delivered: ${trouble.message}`, {
      cause: closed,
      ...(trouble.hint === undefined ? {} : { hint: trouble.hint }),
    });
  }

  async #continue(): Promise<void> {
    for (const [key, step] of await nextSteps(this.repo.http, this.hash)) this.#steps.set(key, step);
    if (!this.#options.captureTerminal) return;
    for await (const [step] of this.repo.logLines(this.hash)) this.#line = Math.max(this.#line, step + 1);
  }

  #send(item: Item): Promise<void> {
    if (this.#sender === undefined)
      throw new MatyanError("usage", `the run ${this.hash} was opened to be read only`, {
        hint: "Open it without readOnly.",
      });
    return this.#sender.send(item);
  }

  #setProperty(fields: { name?: string; description?: string; archived?: boolean; experiment?: string }): void {
    void this.#send(this.#messages.properties(fields));
    Object.assign(this.#properties, fields);
  }

  #record(message: string, level: number, args: Readonly<Record<string, unknown>> | undefined): Promise<void> {
    const extra = args === undefined ? undefined : toMap(args, "the arguments of a log record");
    return this.#send(this.#messages.record(message, level, this.#now(), callerOf(this.#record), extra));
  }

  #point({ name, step, epoch, context }: TrackOptions) {
    if (name === undefined || name === "")
      throw new MatyanError("usage", "what is tracked needs a name", { hint: 'run.track(0.5, { name: "loss" })' });
    const { map, text, id } = this.#contexts.of(context);
    const key = sequenceKey(name, id);
    const at = step === undefined ? (this.#steps.get(key) ?? 0n) : wholeNumber(step, "step");
    this.#steps.set(key, at + 1n);
    return {
      name,
      step: at,
      epoch: epoch === undefined ? null : wholeNumber(epoch, "epoch"),
      context: text,
      map,
      time: clientTime(this.#now()),
    };
  }

  /** The file first, then what refers to it: a sequence never points to nothing. */
  #trackMedia(object: Image | Audio, options: TrackOptions): Promise<void> {
    const point = this.#point(options);
    return this.#background(async () => {
      const media = await object.describe();
      const path = sequenceBlobPath(point.name, point.map, point.step, media.extension);
      const { key } = await this.#upload(path, contentTypeOf(path), await blobOf(media.source));
      await this.#send(this.#messages.object(media.message(key), object.dtype, point));
    });
  }

  async #upload(path: string, contentType: string, blob: Blob): Promise<Uploaded> {
    const done = await this.#turns.take(() =>
      upload(
        this.#frontier,
        { runId: this.hash, path, contentType, blob },
        { onRetry: (reason) => this.#problem(`run ${this.hash}: '${path}' is uploaded again: ${reason}`) },
      ),
    );
    await this.#send(this.#messages.blobRef(done.key, path, contentType));
    return done;
  }

  /** Work that `close` waits for. Its failure is told, and given to whoever awaits it. */
  #background<T>(work: () => Promise<T>): Promise<T> {
    if (this.#sender === undefined || this.#closing !== undefined)
      throw new MatyanError("usage", `nothing can be logged to the run ${this.hash}: it is closed or read only`);
    const promise = work();
    this.#uploads.add(promise);
    promise.catch((error: unknown) => {
      this.#failedUploads.push(error instanceof Error ? error : new Error(messageOf(error)));
      this.#problem(`run ${this.hash}: ${messageOf(error)}`);
    });
    void promise.then(
      () => this.#uploads.delete(promise),
      () => this.#uploads.delete(promise),
    );
    return promise;
  }

  #problem(text: string): void {
    if (this.#options.onProblem !== undefined) this.#options.onProblem(text);
    else writeSync(2, `matyan: ${text}\n`);
  }
}

const noWait: Promise<void> = Promise.resolve();

/** Seconds since the epoch, to the microsecond. */
function preciseNow(): number {
  return (performance.timeOrigin + performance.now()) / 1_000;
}

function wholeNumber(value: number | bigint, what: string): bigint {
  if (typeof value === "bigint") return value;
  if (Number.isSafeInteger(value)) return BigInt(value);
  throw new MatyanError("usage", `the ${what} ${value} is no whole number`);
}
