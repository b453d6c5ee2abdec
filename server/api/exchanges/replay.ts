// Test support: asks the recorded requests in their order, and finds what the answers differ in from what was recorded, or
// from what is right where the recorded answer is not.
import type { Value } from "../../../formats/value.ts";
import { readDump } from "../../store/testing.ts";
import type { Difference } from "./compare.ts";
import { type Amendment, amendments, followUps } from "./differences.ts";
import { Facts } from "./facts.ts";
import { Identities } from "./identities.ts";
import { modelDifferences, modelOfOurs, modelOfRecorded } from "./model.ts";
import { jsonNode } from "./nodes.ts";
import { type Exchange, fixtures, type RecordedRequest, readExchanges, readLines } from "./recording.ts";
import { type Answer, type Fed, World } from "./world.ts";

/**
 * The recording had more requests than it holds (`n` has gaps), each POST of which moved the clock. All are before the first
 * that changes something, so that times given by the server are known exactly.
 */
const requestsLeftOut = 112;
const firstChange = 951;

export class Replay implements AsyncDisposable {
  readonly world: World;
  readonly exchanges: readonly Exchange[];
  readonly ids = new Identities();
  /** What was not taken of the messages. */
  readonly refused: readonly Fed[];
  /** How often each amendment was needed. */
  readonly used = new Map<string, number>(amendments.map(({ name }) => [name, 0]));
  readonly #facts: Facts;
  #isAhead = false;

  private constructor(world: World, exchanges: readonly Exchange[], fed: readonly Fed[]) {
    this.world = world;
    this.exchanges = exchanges;
    this.refused = fed.filter(({ outcome }) => !outcome.ok);
    this.#facts = new Facts(exchanges, fed, this.ids);
  }

  /** The recorded messages applied to an empty store, with the recorded blobs. */
  static async open(): Promise<Replay> {
    const world = await World.open();
    await world.loadBlobs();
    const fed: Fed[] = [];
    const lines = await readLines("messages.jsonl.gz");
    // A few at a time: only a run's own messages keep their order, and what several runs share is made by the first.
    for (let at = 0; at < lines.length; at += 100) fed.push(...(await world.feed(lines.slice(at, at + 100))));
    const replay = new Replay(world, await readExchanges(), fed);
    await replay.ids.learnNames(await readDump(`${fixtures}dump.jsonl.gz`), world.store);
    return replay;
  }

  async step(exchange: Exchange): Promise<Difference[]> {
    if (exchange.request === undefined) {
      await this.world.loop.drain();
      return [];
    }
    if (exchange.n >= firstChange && !this.#isAhead) {
      this.world.clock += requestsLeftOut;
      this.#isAhead = true;
    }
    const answer = await this.world.ask(this.requestOf(exchange.request));
    this.#learn(exchange, answer);
    const found = await this.differences(exchange, answer);
    const next = followUps.get(exchange.n);
    if (next !== undefined) {
      this.world.clock--;
      await this.world.ask(this.requestOf({ ...exchange.request, ...next }));
    }
    return found;
  }

  /** What our answer has other than the right one. */
  async differences(exchange: Exchange, answer: Answer): Promise<Difference[]> {
    const right = modelOfRecorded(exchange, this.ids.toOurs);
    for (const amendment of amendments)
      if (this.#amend(amendment, right, exchange)) this.used.set(amendment.name, this.used.get(amendment.name)! + 1);
    return modelDifferences(right, await modelOfOurs(exchange, answer));
  }

  #amend(amendment: Amendment, right: ReturnType<typeof modelOfRecorded>, exchange: Exchange): boolean {
    const { amend, only } = amendment;
    return only?.includes(exchange.n) !== false && amend(right, exchange, this.#facts);
  }

  /** A recorded request with our ids. */
  requestOf(request: RecordedRequest): RecordedRequest {
    const { path, json, text } = request;
    return {
      ...request,
      path: this.ids.toOurs(path),
      json: json === undefined ? undefined : renamed(json, this.ids.toOurs),
      text: text === undefined ? undefined : this.ids.toOurs(text),
    };
  }

  #learn({ request, answer: theirs }: Exchange, ours: Answer): void {
    if (request?.method !== "POST" || theirs.kind !== "json" || !isMade(theirs) || !isMade(ours)) return;
    this.ids.learnCreated(jsonNode(theirs.bytes, same), jsonNode(ours.bytes, same));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world[Symbol.asyncDispose]();
  }
}

const same = (text: string) => text;
const isMade = (answer: { readonly status: number }) => answer.status === 200 || answer.status === 201;

function renamed(value: Value, rename: (text: string) => string): Value {
  if (typeof value === "string") return rename(value);
  if (Array.isArray(value)) return value.map((item) => renamed(item, rename));
  if (value instanceof Map) return new Map(Array.from(value, ([key, item]) => [key, renamed(item, rename)]));
  return value;
}
