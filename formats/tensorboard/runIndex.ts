// Pass 1 over a run's events: which tags there are and of what kind, what restarts made obsolete, and what belongs to the run itself.
import { createHash } from "node:crypto";
import { mapOf, type Value, type ValueMap } from "../value.ts";
import { EventReader, ValueField, ValueReader, What, Wire } from "./event.ts";
import { describeSession, nestKeys, plainMessage, readHyperparameters } from "./hparams.ts";
import { decodeMessage, type MetadataMessage } from "./messages.ts";
import { planRun, type RunPlan } from "./plan.ts";
import { RestartRule } from "./restart.ts";
import { ScalarEvent } from "./scalarEvent.ts";
import type { Arena } from "./source.ts";
import { TagTable } from "./tags.ts";
import { Shape, TensorReader } from "./tensor.ts";
import { stringDtype } from "./tensorDtypes.ts";

const sessionStartTag = "_hparams_/session_start_info";

/** Collects facts of one run, event by event, files in the order TensorBoard reads them. */
export class RunIndex {
  readonly tags = new TagTable();
  readonly restarts = new RestartRule();
  /** Events and values that have no place in an archive, by kind. */
  readonly unconverted = new Map<string, number>();
  /** Sound events so far: the position of the next one. */
  events = 0;

  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #scalar = new ScalarEvent();
  readonly #event: EventReader;
  readonly #values: ValueReader;
  readonly #tensor: TensorReader;
  readonly #wire: Wire;
  /** Values of the current event, five numbers each: tag start and end, shape, metadata start and end. */
  readonly #pending: number[] = [];
  /** Per tag: bits of the shapes met, and the shapes in order. */
  readonly #shapeBits: number[] = [];
  readonly #shapes: number[][] = [];
  readonly #metadata: (MetadataMessage | undefined)[] = [];
  readonly #identity = createHash("sha256");
  #identityRecords = 0;
  #files = 0;
  #startSeenInFile = false;
  readonly #hyperparameters: ValueMap = new Map();
  readonly #session: ValueMap = new Map();
  readonly #layouts: Value[] = [];

  /** Events are read from `arena`. `identity` are the texts that, with the first two records, make the run's hash. */
  constructor(arena: Arena, identity: readonly string[]) {
    this.#bytes = arena.bytes;
    this.#view = arena.view;
    this.#event = new EventReader(arena.bytes, arena.view);
    this.#values = new ValueReader(arena.bytes, arena.view);
    this.#tensor = new TensorReader(arena.bytes, arena.view);
    this.#wire = new Wire(arena.bytes, arena.view);
    for (const text of identity) this.#identify(Buffer.from(text));
  }

  beginFile(): void {
    this.#files++;
    this.#startSeenInFile = false;
  }

  /** Takes in the event at [start, end) of the arena. Returns why it cannot be used, or undefined. */
  add(start: number, end: number): string | undefined {
    const event = this.#event;
    if (this.#files === 1 && this.#identityRecords < 2) {
      this.#identityRecords++;
      this.#identify(this.#bytes.subarray(start, end));
    }
    if (this.#scalar.match(this.#bytes, this.#view, start, end) && this.#takeScalar()) return undefined;
    if (!event.read(start, end)) return "the record is no event (protobuf)";
    const position = this.events;
    switch (event.what) {
      case What.summary: {
        this.#pending.length = 0;
        if (!this.#readValues(event.whatStart, event.whatEnd)) return "the record is no event (protobuf)";
        const more = event.moreSummaries;
        for (let index = 0; index < more.length; index += 2)
          if (!this.#readValues(more[index]!, more[index + 1]!)) return "the record is no event (protobuf)";
        this.#takeValues(position, event.step);
        break;
      }
      case What.fileVersion:
        this.restarts.fileVersion(Buffer.from(this.#bytes.subarray(event.whatStart, event.whatEnd)).toString());
        break;
      case What.sessionLog: {
        const status = this.#sessionStatus(event.whatStart, event.whatEnd);
        if (status < 0) return "the record is no event (protobuf)";
        if (status === 1) this.restarts.start(position, event.step);
        break;
      }
      case What.graphDef:
        this.count("graph");
        break;
      case What.metaGraph:
        this.count("meta graph");
        break;
      case What.runMetadata:
        this.count("run metadata");
        break;
      case What.logMessage:
        this.count("log message");
        break;
    }
    this.events++;
    return undefined;
  }

  /** The short way of the commonest events; false if this one has something to say about its tag. */
  #takeScalar(): boolean {
    const { tagStart, tagEnd, step, shape, metadataStart, metadataEnd } = this.#scalar;
    if (metadataStart >= 0) {
      const metadata = this.#metadata[this.tags.find(this.#bytes, this.#view, tagStart, tagEnd)];
      if (metadata === undefined || metadata.plugin_data?.plugin_name === "hparams") return false;
      if (!this.#wellFormed(metadataStart, metadataEnd)) return false;
    }
    this.#takeValue(tagStart, tagEnd, shape, this.events, step, this.restarts.summary(step));
    this.events++;
    return true;
  }

  count(kind: string, count = 1): void {
    this.unconverted.set(kind, (this.unconverted.get(kind) ?? 0) + count);
  }

  /** Names sequences and decides kinds; call it when all files are read. */
  plan(): RunPlan {
    const facts = this.#shapes.map((shapes, tag) => ({
      bytes: this.tags.bytes(tag).slice(),
      plugin: this.#plugin(tag),
      shapes,
    }));
    return planRun(this.#identity.digest("hex").slice(0, 32), facts);
  }

  /** The run's attribute tree: `hparams`, and `tensorboard` for all else that is not a point. */
  attributes(): ValueMap {
    const attributes: ValueMap = new Map();
    if (this.#hyperparameters.size > 0) attributes.set("hparams", nestKeys(this.#hyperparameters));
    const described: ValueMap = new Map();
    for (const [tag, metadata] of this.#metadata.entries()) {
      if (metadata === undefined) continue;
      const name = new TextDecoder().decode(this.tags.bytes(tag));
      const display = metadata.display_name;
      const fields = mapOf({
        display_name: display && display !== name ? display : undefined,
        description: metadata.summary_description || undefined,
      });
      if (fields.size > 0) described.set(name, fields);
    }
    const own = mapOf({
      tags: described.size > 0 ? described : undefined,
      hparams: this.#session.size > 0 ? this.#session : undefined,
      custom_scalars: this.#layouts.length > 0 ? this.#layouts : undefined,
    });
    if (own.size > 0) attributes.set("tensorboard", own);
    return attributes;
  }

  #identify(part: Uint8Array): void {
    const length = new Uint8Array(8);
    new DataView(length.buffer).setFloat64(0, part.length);
    this.#identity.update(length).update(part);
  }

  #plugin(tag: number): string {
    return this.#metadata[tag]?.plugin_data?.plugin_name ?? "";
  }

  #sessionStatus(start: number, end: number): number {
    const wire = this.#wire.open(start, end);
    let status = 0;
    while (wire.at < wire.end) {
      const key = wire.varint();
      if (key === 8) status = wire.varint();
      else if (key < 8) return -1;
      else wire.skip(key & 7);
    }
    return wire.ok ? status : -1;
  }

  /** Checks the values of a summary and notes them; nothing is taken in before all of the event is known to be sound. */
  #readValues(start: number, end: number): boolean {
    const values = this.#values;
    values.open(start, end);
    while (values.next()) {
      const shape = this.#shape();
      if (shape < 0) return false;
      if (values.metadataStart >= 0 && !this.#wellFormed(values.metadataStart, values.metadataEnd)) return false;
      const named = values.tagEnd > values.tagStart || values.field !== ValueField.tensor;
      this.#pending.push(
        named ? values.tagStart : values.nodeStart,
        named ? values.tagEnd : values.nodeEnd,
        shape,
        values.metadataStart,
        values.metadataEnd,
      );
    }
    return values.ok;
  }

  /** The shape of the current value; -1 if its bytes are malformed. */
  #shape(): number {
    const { field, start, end } = this.#values;
    switch (field) {
      case ValueField.simple:
        return Shape.simple;
      case ValueField.tensor:
        return this.#tensor.read(start, end) ? this.#tensor.classify() : -1;
      case ValueField.image:
        return this.#wellFormed(start, end) ? Shape.image : -1;
      case ValueField.audio:
        return this.#wellFormed(start, end) ? Shape.audio : -1;
      case ValueField.histo:
        return this.#wellFormed(start, end) ? Shape.histo : -1;
      case ValueField.oldHisto:
        return Shape.oldHisto;
      default:
        return Shape.none;
    }
  }

  #wellFormed(start: number, end: number): boolean {
    const wire = this.#wire.open(start, end);
    while (wire.at < wire.end) {
      const key = wire.varint();
      if (key < 8 || wire.high !== 0) return false;
      wire.skip(key & 7);
    }
    return wire.ok;
  }

  #takeValues(position: number, step: number | bigint): void {
    const pending = this.#pending;
    const outOfOrder = this.restarts.summary(step);
    for (let index = 0; index < pending.length; index += 5) {
      const shape = pending[index + 2]!;
      const tag = this.#takeValue(pending[index]!, pending[index + 1]!, shape, position, step, outOfOrder);
      const metadataStart = pending[index + 3]!;
      if (metadataStart >= 0) this.#takeMetadata(tag, metadataStart, pending[index + 4]!);
    }
  }

  /** Notes a value's tag, kind and step; returns the tag's id. */
  #takeValue(
    tagStart: number,
    tagEnd: number,
    shape: number,
    position: number,
    step: number | bigint,
    outOfOrder: boolean,
  ): number {
    const tag = this.tags.intern(this.#bytes, this.#view, tagStart, tagEnd);
    if (tag === this.#shapes.length) {
      this.#shapes.push([]);
      this.#shapeBits.push(0);
      this.#metadata.push(undefined);
    }
    if (outOfOrder) this.restarts.outOfOrder(tag, position, step);
    this.restarts.value(tag, step);
    const bits = this.#shapeBits[tag]!;
    if ((bits & (1 << shape)) === 0) {
      this.#shapeBits[tag] = bits | (1 << shape);
      this.#shapes[tag]!.push(shape);
    }
    return tag;
  }

  /** Only the first metadata of a tag counts, as in TensorBoard; of hyperparameters the first of each file. */
  #takeMetadata(tag: number, start: number, end: number): void {
    const known = this.#metadata[tag];
    if (known !== undefined && known.plugin_data?.plugin_name !== "hparams") return;
    const metadata = decodeMessage("Metadata", this.#bytes.slice(start, end));
    if (metadata === undefined) {
      this.count("metadata that cannot be read");
      return;
    }
    this.#metadata[tag] ??= metadata;
    const content = metadata.plugin_data?.content ?? new Uint8Array();
    if (metadata.plugin_data?.plugin_name === "hparams") this.#takeHyperparameters(tag, content);
    if (metadata.plugin_data?.plugin_name === "custom_scalars" && known === undefined) this.#takeLayout(content, start);
  }

  #takeHyperparameters(tag: number, content: Uint8Array): void {
    const isStart = Buffer.from(this.tags.bytes(tag)).toString() === sessionStartTag;
    if (isStart && this.#startSeenInFile) return;
    if (isStart) this.#startSeenInFile = true;
    const message = decodeMessage("HParams", content);
    if (message === undefined) {
      this.count("hyperparameters that cannot be read");
      return;
    }
    const entries = message.session_start_info?.hparams ?? [];
    for (const [key, value] of readHyperparameters(entries)) this.#hyperparameters.set(key, value);
    for (const [key, value] of describeSession(message)) this.#session.set(key, value);
  }

  /** A layout is in the value's string tensor, and in older writers also in the metadata. */
  #takeLayout(content: Uint8Array, metadataStart: number): void {
    const tensor = this.#tensor;
    const values = this.#values;
    const event = this.#event;
    values.open(event.whatStart, event.whatEnd);
    let bytes = content;
    while (values.next()) {
      if (values.metadataStart !== metadataStart || values.field !== ValueField.tensor) continue;
      if (!tensor.read(values.start, values.end)) continue;
      const [from, to] = tensor.strings();
      if (tensor.dtype === stringDtype && from !== undefined && to !== undefined && to > from)
        bytes = this.#bytes.slice(from, to);
    }
    const layout = decodeMessage("Layout", bytes);
    if (layout === undefined) {
      this.count("custom scalar layout that cannot be read");
      return;
    }
    this.#layouts.push(plainMessage(layout, new Set(["version"])));
  }
}
