// Counters, gauges and histograms in the Prometheus text format 0.0.4 (prometheus.io, "Exposition formats").

type Labels = readonly string[];

interface Family {
  write(lines: string[]): void;
}

/** All families of a process, in the order in which they were made. */
export class Registry {
  readonly #families: Family[] = [];

  counter(name: string, help: string, labelNames: readonly string[] = []): Counter {
    return this.#add(new Counter(name, help, labelNames));
  }

  histogram(name: string, help: string, buckets: readonly number[], labelNames: readonly string[] = []): Histogram {
    return this.#add(new Histogram(name, help, buckets, labelNames));
  }

  /** A value that is read when it is asked for. */
  gauge(name: string, help: string, read: () => number): void {
    this.#add(new Reading("gauge", name, help, read));
  }

  /** As `gauge`, a series for each of what is read. */
  gauges(
    name: string,
    help: string,
    labelNames: readonly string[],
    read: () => Iterable<readonly [Labels, number]>,
  ): void {
    this.#add({
      write: (lines) => {
        head(lines, "gauge", name, help);
        for (const [labels, value] of read()) lines.push(`${name}${labelText(labelNames, labels)} ${value}`);
      },
    });
  }

  /** As `gauge`, for what only grows. */
  readCounter(name: string, help: string, read: () => number): void {
    this.#add(new Reading("counter", name, help, read));
  }

  render(): string {
    const lines: string[] = [];
    for (const family of this.#families) family.write(lines);
    return `${lines.join("\n")}\n`;
  }

  #add<F extends Family>(family: F): F {
    this.#families.push(family);
    return family;
  }
}

export class Counter {
  readonly #name: string;
  readonly #help: string;
  readonly #labelNames: readonly string[];
  readonly #values = new Map<string, { readonly labels: Labels; value: number }>();

  constructor(name: string, help: string, labelNames: readonly string[]) {
    this.#name = name;
    this.#help = help;
    this.#labelNames = labelNames;
    if (labelNames.length === 0) this.add([], 0);
  }

  /** Adds to the series of `labels`, given in the order of the label names. */
  add(labels: Labels, by = 1): void {
    const id = labels.join("\u0000");
    const series = this.#values.get(id);
    if (series === undefined) this.#values.set(id, { labels, value: by });
    else series.value += by;
  }

  write(lines: string[]): void {
    head(lines, "counter", this.#name, this.#help);
    for (const { labels, value } of this.#values.values())
      lines.push(`${this.#name}${labelText(this.#labelNames, labels)} ${value}`);
  }
}

export class Histogram {
  readonly #name: string;
  readonly #help: string;
  readonly #buckets: readonly number[];
  readonly #labelNames: readonly string[];
  readonly #series = new Map<string, { readonly labels: Labels; readonly counts: number[]; sum: number }>();

  constructor(name: string, help: string, buckets: readonly number[], labelNames: readonly string[]) {
    this.#name = name;
    this.#help = help;
    this.#buckets = buckets;
    this.#labelNames = labelNames;
  }

  observe(labels: Labels, value: number): void {
    const id = labels.join("\u0000");
    let series = this.#series.get(id);
    if (series === undefined) {
      series = { labels, counts: new Array<number>(this.#buckets.length + 1).fill(0), sum: 0 };
      this.#series.set(id, series);
    }
    let bucket = 0;
    while (bucket < this.#buckets.length && value > this.#buckets[bucket]!) bucket++;
    series.counts[bucket]!++;
    series.sum += value;
  }

  write(lines: string[]): void {
    head(lines, "histogram", this.#name, this.#help);
    const names = [...this.#labelNames, "le"];
    for (const { labels, counts, sum } of this.#series.values()) {
      let total = 0;
      counts.forEach((count, i) => {
        total += count;
        const bound = i < this.#buckets.length ? decimal(this.#buckets[i]!) : "+Inf";
        lines.push(`${this.#name}_bucket${labelText(names, [...labels, bound])} ${total}`);
      });
      lines.push(`${this.#name}_sum${labelText(this.#labelNames, labels)} ${sum}`);
      lines.push(`${this.#name}_count${labelText(this.#labelNames, labels)} ${total}`);
    }
  }
}

class Reading implements Family {
  readonly #kind: "gauge" | "counter";
  readonly #name: string;
  readonly #help: string;
  readonly #read: () => number;

  constructor(kind: "gauge" | "counter", name: string, help: string, read: () => number) {
    this.#kind = kind;
    this.#name = name;
    this.#help = help;
    this.#read = read;
  }

  write(lines: string[]): void {
    head(lines, this.#kind, this.#name, this.#help);
    lines.push(`${this.#name} ${this.#read()}`);
  }
}

function head(lines: string[], kind: string, name: string, help: string): void {
  lines.push(`# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`, `# TYPE ${name} ${kind}`);
}

/** Bounds as the existing services write them: `1.0`, `0.005`. */
function decimal(bound: number): string {
  return Number.isInteger(bound) ? `${bound}.0` : String(bound);
}

function labelText(names: readonly string[], values: Labels): string {
  if (names.length === 0) return "";
  const pairs = names.map((name, i) => `${name}="${escapeLabel(values[i] ?? "")}"`);
  return `{${pairs.join(",")}}`;
}

function escapeLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
