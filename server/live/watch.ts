// What a serving process remembers of its last minutes for whoever looks at it live. Bounded, whatever happens.
import { isPoint } from "../../formats/messages/index.ts";
import type { ErrorNote, LiveFigures, SlowQuery } from "./figures.ts";

/** How far back it goes, in minutes: each is forgotten as a whole. */
const minutes = 15;
const slowKept = 10;
const errorsKept = 20;
/** Characters of a query or an error. */
const longestText = 500;

interface Minute {
  readonly minute: number;
  /** The slowest first. */
  slow: SlowQuery[];
  errors: number;
}

export class LiveWatch {
  readonly #now: () => number;
  #minutes: Minute[] = [];
  #recent: ErrorNote[] = [];
  #points = 0;
  #messages = 0;

  /** @param now seconds since the epoch. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** What the frontier took. */
  get received(): { readonly points: number; readonly messages: number } {
    return { points: this.#points, messages: this.#messages };
  }

  message(type: string): void {
    this.#messages++;
    if (isPoint(type)) this.#points++;
  }

  /** A query that was answered, or was given up by who asked. */
  query({ seconds, route, text }: Omit<SlowQuery, "at">): void {
    const at = this.#now();
    const { slow } = this.#minute(at);
    const fastest = slow.at(-1);
    if (slow.length >= slowKept && fastest !== undefined && seconds <= fastest.seconds) return;
    const place = slow.findIndex((other) => other.seconds < seconds);
    slow.splice(place < 0 ? slow.length : place, 0, { at, seconds, route, text: cut(text) });
    slow.length = Math.min(slow.length, slowKept);
  }

  error(where: string, text: string): void {
    const at = this.#now();
    this.#minute(at).errors++;
    this.#recent = [{ at, where, text: cut(text) }, ...this.#recent].slice(0, errorsKept);
  }

  /** What happened in the last minutes. */
  get last(): { readonly slow: NonNullable<LiveFigures["slow"]>; readonly errors: NonNullable<LiveFigures["errors"]> } {
    const now = this.#now();
    this.#minute(now);
    const since = now - minutes * 60;
    const queries = this.#minutes
      .flatMap(({ slow }) => slow)
      .sort((a, b) => b.seconds - a.seconds)
      .slice(0, slowKept);
    const count = this.#minutes.reduce((sum, { errors }) => sum + errors, 0);
    return {
      slow: { seconds: minutes * 60, queries },
      errors: { seconds: minutes * 60, count, recent: this.#recent.filter(({ at }) => at > since) },
    };
  }

  #minute(at: number): Minute {
    const minute = Math.floor(at / 60);
    const known = this.#minutes.at(-1);
    // A clock that was set back goes on in the newest minute, until it comes there again.
    if (known !== undefined && known.minute >= minute && known.minute - minute < minutes) return known;
    const next: Minute = { minute, slow: [], errors: 0 };
    this.#minutes = [...this.#minutes.filter((other) => Math.abs(minute - other.minute) < minutes), next];
    return next;
  }
}

function cut(text: string): string {
  return text.length > longestText ? `${text.slice(0, longestText - 1)}…` : text;
}
