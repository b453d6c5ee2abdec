// Test support: which of our entities is which of the recorded ones. Ids are random on both sides.

import { decodeValue } from "../../../formats/msgpack.ts";
import { unpack } from "../../../formats/tuple.ts";
import type { Store } from "../../store/index.ts";
import { contentsOf, type DumpEntry } from "../../store/testing.ts";
import type { Node } from "./nodes.ts";

const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

export class Identities {
  readonly #ours = new Map<string, string>();
  readonly #theirs = new Map<string, string>();

  /** Recorded ids in a text, replaced by ours. Those that are nobody's stay. */
  toOurs = (text: string): string => text.replace(uuid, (id) => this.#ours.get(id) ?? id);

  /** @throws Error when one of the two is already somebody else. */
  learn(theirs: string, ours: string): void {
    const known = this.#ours.get(theirs);
    if (known === ours) return;
    if (known !== undefined || this.#theirs.has(ours)) throw new Error(`${theirs} cannot be ${ours}: it is ${known}`);
    this.#ours.set(theirs, ours);
    this.#theirs.set(ours, theirs);
  }

  /** Learns the ids of experiments and tags by their names. */
  async learnNames(recorded: readonly DumpEntry[], store: Store): Promise<void> {
    const ours = new Map<string, string>();
    for (const [place, hex] of await contentsOf(store)) {
      const [dir, khex] = place.split(" ") as [string, string];
      const key = unpack(Uint8Array.fromHex(khex));
      if (dir === "system" && key[2] === "name")
        ours.set(`${key[0]} ${decodeValue(Uint8Array.fromHex(hex))}`, String(key[1]));
    }
    for (const { dir, key, value } of recorded) {
      const own = ours.get(`${String(key[0])} ${String(value)}`);
      if (dir === "system" && key[2] === "name" && own !== undefined) this.learn(String(key[1]), own);
    }
  }

  /** Learns the id of what a request made, from both answers to it. */
  learnCreated(theirs: Node, ours: Node): void {
    if (!(theirs instanceof Map) || !(ours instanceof Map)) return;
    for (const field of ["id", "tag_id"]) {
      const [recorded, own] = [theirs.get(field), ours.get(field)];
      if (typeof recorded !== "string" || typeof own !== "string" || this.#ours.has(recorded)) continue;
      if (recorded.match(uuid)?.[0] === recorded && own.match(uuid)?.[0] === own && !this.#theirs.has(own))
        this.learn(recorded, own);
    }
  }
}
