// The contexts of a run's points as text and number: programs pass the same few objects again and again.
import { contextId } from "../../formats/context.ts";
import type { ValueMap } from "../../formats/value.ts";
import { toMap } from "./plainValues.ts";

/** Contexts whose text is kept. */
const kept = 1_000;

export interface ContextText {
  readonly map: ValueMap | null;
  /** JSON, as a message holds it. */
  readonly text: string;
  /** The context's number in the store (`contextId`). */
  readonly id: number;
}

const none: ContextText = { map: null, text: "null", id: 0 };

export class ContextTexts {
  readonly #format: (context: ValueMap) => string;
  readonly #known = new Map<string, ContextText>();

  constructor(format: (context: ValueMap) => string) {
    this.#format = format;
  }

  /** @throws MatyanError `usage` for a context that can't be stored. */
  of(context: Readonly<Record<string, unknown>> | undefined): ContextText {
    if (context === undefined) return none;
    const map = toMap(context, "the context");
    if (map.size === 0) return none;
    const text = this.#format(map);
    let known = this.#known.get(text);
    if (known === undefined) {
      if (this.#known.size >= kept) this.#known.clear();
      known = { map, text, id: contextId(map) };
      this.#known.set(text, known);
    }
    return known;
  }
}
