// What `run`, `metric`, `images`, … are in a query: storage.md 5.4 and 5.5, without the reference's weak points.
import { toNumber, type Value, type ValueMap } from "../../../formats/value.ts";
import { equals, truth } from "./compare.ts";
import { PyException, typeError } from "./exceptions.ts";
import { PyDict } from "./hashed.ts";
import type { Meter } from "./meter.ts";
import { fromStored } from "./stored.ts";
import { typeName } from "./types.ts";
import { DictProxy, type Py, PyFunction, PyTuple, RowObject } from "./values.ts";

/** One sequence of a run. */
export interface SequenceRow {
  readonly name: string;
  readonly context: ValueMap;
  readonly last?: Value | undefined;
  readonly lastStep?: Value | undefined;
}

/**
 * One run. Only what `PreparedQuery.needs` names must be there; parts may be getters that read when asked. Stored fields are
 * given as they are stored: an absent field means its default here, and must mean the same to the indexes.
 */
export interface RunRow {
  readonly hash: string;
  /** Stored run fields. */
  readonly meta: ValueMap;
  /** Name of the run's experiment, null when it has none (any more). */
  readonly experiment: string | null;
  /** Names of the tags. */
  readonly tags: readonly string[];
  /** The run's attributes, at least the paths of `needs.attrs`. */
  readonly attrs: ValueMap;
  /** The run's traces by context id, then name. */
  readonly traces: readonly SequenceRow[];
}

function seconds(value: Value | undefined): number | null {
  return toNumber(value) ?? null;
}

export class RunObject extends RowObject {
  readonly typeName = "Run";
  readonly #row: RunRow;
  readonly #meter: Meter;

  constructor(row: RunRow, meter: Meter) {
    super();
    this.#row = row;
    this.#meter = meter;
  }

  override attribute(name: string): Py {
    const row = this.#row;
    switch (name) {
      case "hash":
        return row.hash;
      case "name":
      case "description": {
        const value = row.meta.get(name);
        return value === undefined ? "" : fromStored(value);
      }
      case "experiment":
        return row.experiment;
      case "tags":
        return new TagsObject(row.tags, this.#meter);
      case "created_at":
      case "creation_time":
        return seconds(row.meta.get("created_at")) ?? 0;
      case "end_time":
        return seconds(row.meta.get("finalized_at"));
      case "duration": {
        const end = seconds(row.meta.get("finalized_at"));
        return end === null ? 0 : end - (seconds(row.meta.get("created_at")) ?? 0);
      }
      case "active":
        return row.meta.get("active") === true;
      case "archived":
      case "is_archived":
        return row.meta.get("is_archived") === true;
      case "metrics":
        return new MetricsObject(row.traces, this.#meter);
      default:
        return fromStored(row.attrs.get(name));
    }
  }

  override item(key: Py): Py {
    return typeof key === "string" ? fromStored(this.#row.attrs.get(key)) : null;
  }
}

/** `run.tags`: `in` and `.contains` as in the reference, iteration and `len` besides. */
class TagsObject extends RowObject {
  readonly typeName = "Tags";
  readonly #names: readonly string[];
  readonly #meter: Meter;

  constructor(names: readonly string[], meter: Meter) {
    super();
    this.#names = names;
    this.#meter = meter;
  }

  override attribute(name: string): Py {
    return name === "contains" ? new PyFunction(name, ([tag = null]) => this.contains(tag)) : null;
  }

  override contains(tag: Py): boolean {
    this.#meter.charge(this.#names.length);
    return typeof tag === "string" && this.#names.includes(tag);
  }

  override elements(): readonly Py[] {
    return this.#names;
  }
}

/** `run.metrics["name"]` and `run.metrics["name", {context}]`. */
class MetricsObject extends RowObject {
  readonly typeName = "Metrics";
  readonly #traces: readonly SequenceRow[];
  readonly #meter: Meter;

  constructor(traces: readonly SequenceRow[], meter: Meter) {
    super();
    this.#traces = traces;
    this.#meter = meter;
  }

  override item(key: Py): Py {
    const [name, context = null] = key instanceof PyTuple ? key.items : [key];
    if (typeof name !== "string") typeError(`metrics are looked up by name, not '${typeName(name ?? null)}'`);
    if (context !== null && !(context instanceof PyDict || context instanceof DictProxy)) {
      typeError(`a context is a dict, not '${typeName(context)}'`);
    }
    this.#meter.charge(this.#traces.length);
    const anyContext = !truth(context);
    const found = this.#traces.find(
      (trace) => trace.name === name && (anyContext || equals(new DictProxy(trace.context), context, this.#meter)),
    );
    return new MetricObject(found);
  }
}

class MetricObject extends RowObject {
  readonly typeName = "Metric";
  readonly #row: SequenceRow | undefined;

  constructor(row: SequenceRow | undefined) {
    super();
    this.#row = row;
  }

  override attribute(name: string): Py {
    if (name === "last") return fromStored(this.#row?.last);
    return name === "last_step" ? fromStored(this.#row?.lastStep) : null;
  }

  override truth(): boolean {
    return this.#row !== undefined;
  }
}

/** `metric`, `images`, … in a search for sequences. */
export class SequenceObject extends RowObject {
  readonly typeName = "Sequence";
  readonly #row: SequenceRow;
  readonly #run: RunObject;

  constructor(row: SequenceRow, run: RunObject) {
    super();
    this.#row = row;
    this.#run = run;
  }

  override attribute(name: string): Py {
    switch (name) {
      case "name":
        return this.#row.name;
      case "context":
        return new DictProxy(this.#row.context);
      case "last":
        return fromStored(this.#row.last);
      case "last_step":
        return fromStored(this.#row.lastStep);
      case "run":
        return this.#run;
      default:
        return null;
    }
  }
}

function undefinedName(): never {
  throw new PyException("NameError", "name 'metric' is not defined in a search for runs (only metric.name is)");
}

/**
 * `metric` in a search for runs. There `metric.name == "loss"` means "the run has a sequence of that name", which the
 * reference answers from its index; everything else about `metric` is an undefined name.
 */
export class AnySequence extends RowObject {
  readonly typeName = "AnySequence";
  readonly #names: () => readonly string[];

  constructor(names: () => readonly string[]) {
    super();
    this.#names = names;
  }

  override attribute(name: string): Py {
    return name === "name" ? new AnyName(this.#names()) : undefinedName();
  }

  override item(): Py {
    return undefinedName();
  }

  override truth(): boolean {
    return undefinedName();
  }
}

class AnyName extends RowObject {
  readonly typeName = "AnyName";
  readonly #names: readonly string[];

  constructor(names: readonly string[]) {
    super();
    this.#names = names;
  }

  override attribute(): Py {
    return undefinedName();
  }

  override equals(other: Py): boolean {
    return typeof other === "string" && this.#names.includes(other);
  }

  override differs(): boolean {
    return undefinedName();
  }

  override truth(): boolean {
    return undefinedName();
  }
}
