// Consumers of one process that share the partitions of a topic, with the hand-over that a broker's groups have.
import { messageOf } from "../../formats/error.ts";
import type { Batch, BusRecord, ConsumeOptions, Consumer, PartitionLag } from "./index.ts";

export interface EmbeddedPartition {
  readonly index: number;
  /** Those that are kept, by offset. */
  readonly records: BusRecord[];
  /** Offset of the next record. */
  end: bigint;
}

export interface GroupSettings {
  readonly batchRecords: number;
  readonly againMs: number;
  readonly warn: (text: string) => void;
}

export class EmbeddedGroup {
  readonly topic: { readonly name: string; readonly partitions: readonly EmbeddedPartition[] };
  readonly settings: GroupSettings;
  readonly #committed = new Map<number, bigint>();
  readonly #members = new Set<EmbeddedMember>();
  readonly #onCommit: () => void;
  /** One change of the membership at a time. */
  #changing: Promise<void> = Promise.resolve();

  constructor(topic: EmbeddedGroup["topic"], settings: GroupSettings, onCommit: () => void) {
    this.topic = topic;
    this.settings = settings;
    this.#onCommit = onCommit;
    for (const { index, records, end } of topic.partitions) this.#committed.set(index, records[0]?.offset ?? end);
  }

  async join(options: ConsumeOptions): Promise<Consumer> {
    const member = new EmbeddedMember(this, options);
    await this.#change(() => this.#members.add(member));
    return member;
  }

  leave(member: EmbeddedMember): Promise<void> {
    return this.#change(() => this.#members.delete(member));
  }

  committed(partition: number): bigint {
    return this.#committed.get(partition) ?? 0n;
  }

  commit(partition: number, offset: bigint): void {
    if (offset <= this.committed(partition)) return;
    this.#committed.set(partition, offset);
    this.#onCommit();
  }

  wake(): void {
    for (const member of this.#members) member.wake();
  }

  async close(): Promise<void> {
    for (const member of [...this.#members]) await member.close();
  }

  /** All stop, then all go on with their new share: nobody has a partition that another still works on. */
  #change(change: () => void): Promise<void> {
    this.#changing = this.#changing.then(async () => {
      await Promise.all([...this.#members].map((member) => member.stop()));
      change();
      const members = [...this.#members];
      const shares = members.map((): number[] => []);
      for (const { index } of this.topic.partitions) shares[index % members.length]?.push(index);
      members.forEach((member, i) => {
        member.start(shares[i]!);
      });
    });
    return this.#changing;
  }
}

class EmbeddedMember implements Consumer {
  readonly trouble = undefined;
  #assigned: readonly number[] = [];
  readonly #group: EmbeddedGroup;
  readonly #options: ConsumeOptions;
  #abort = new AbortController();
  #work: Promise<unknown> = Promise.resolve();
  #sleeping: (() => void)[] = [];
  #isPaused = false;
  #closing: Promise<void> | undefined;

  constructor(group: EmbeddedGroup, options: ConsumeOptions) {
    this.#group = group;
    this.#options = options;
  }

  get assigned(): readonly number[] {
    return this.#assigned;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.wake();
  }

  async lags(): Promise<PartitionLag[]> {
    return this.#assigned.map((partition) => {
      const { end } = this.#group.topic.partitions[partition]!;
      return { partition, lag: Number(end - this.#group.committed(partition)) };
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#group.leave(this);
    return this.#closing;
  }

  wake(): void {
    for (const resolve of this.#sleeping.splice(0)) resolve();
  }

  start(partitions: readonly number[]): void {
    this.#assigned = partitions;
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    this.#work = Promise.all(partitions.map((partition) => this.#consume(partition, signal)));
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    this.wake();
    await this.#work;
    this.#assigned = [];
  }

  async #consume(index: number, signal: AbortSignal): Promise<void> {
    const group = this.#group;
    const { records } = group.topic.partitions[index]!;
    while (!signal.aborted) {
      const from = group.committed(index);
      const first = this.#isPaused ? -1 : records.findIndex(({ offset }) => offset >= from);
      if (first < 0) {
        await new Promise<void>((resolve) => this.#sleeping.push(resolve));
        continue;
      }
      const batch: Batch = {
        topic: group.topic.name,
        partition: index,
        records: records.slice(first, first + group.settings.batchRecords),
      };
      const turn = { signal, commit: async (offset: bigint) => group.commit(index, offset) };
      try {
        await this.#options.handle(batch, turn);
      } catch (error) {
        if (signal.aborted) return;
        group.settings.warn(`a batch of ${batch.topic}/${index} comes again: ${messageOf(error)}`);
        await Bun.sleep(group.settings.againMs);
      }
    }
  }
}
