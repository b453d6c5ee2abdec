// A suite that every engine must pass: each test gets an empty database of each engine that this machine can run.
import { afterEach, beforeEach, describe, test } from "bun:test";
import { type Database, limits } from "../index.ts";
import { bytes, scan } from "./bytes.ts";
import { engines, missingEngines, type OpenEngine } from "./engines.ts";

export class TestedStore {
  #opened: OpenEngine | undefined;

  get database(): Database {
    if (this.#opened === undefined) throw new Error("the store is open only inside of a test");
    return this.#opened.database;
  }

  /** The longest key that the store takes. */
  get keyBytes(): number {
    return limits.keyBytes - this.prefixBytes;
  }

  /** What the store puts before each key. */
  get prefixBytes(): number {
    return this.#opened?.prefixBytes ?? 0;
  }

  /** One transaction that sets pairs, a character a byte. */
  put(pairs: Readonly<Record<string, string>>): Promise<void> {
    return this.database.transact(async (tx) => {
      for (const [key, value] of Object.entries(pairs)) tx.set(bytes(key), bytes(value));
    });
  }

  /** Sets `n00000`, `n00001` and so on. */
  putNumbered(count: number, value = "v"): Promise<void> {
    const keys = Array.from({ length: count }, (_, index) => `n${String(index).padStart(5, "0")}`);
    return this.put(Object.fromEntries(keys.map((key) => [key, value])));
  }

  /** All pairs, as text. */
  all(): Promise<[string, string][]> {
    return this.database.snapshot((tx) => scan(tx));
  }

  /** Called around each test. */
  async open(engine: (typeof engines)[number]): Promise<void> {
    this.#opened = await engine.open();
  }

  async dispose(): Promise<void> {
    await this.#opened?.dispose();
    this.#opened = undefined;
  }
}

export function describeEveryEngine(tests: (store: TestedStore) => void): void {
  for (const { name, reason } of missingEngines) test.skip(`${name}: ${reason}`, () => undefined);
  describe.each(engines.map((engine) => [engine.name, engine] as const))("%s", (_, engine) => {
    const store = new TestedStore();
    beforeEach(() => store.open(engine));
    afterEach(() => store.dispose());
    tests(store);
  });
}
