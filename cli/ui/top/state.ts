// All that `matyan top` shows, and what keys and looks at the system make of it. No clock and no terminal in here.
import type { RunSummary } from "../../../server/listing/summary.ts";
import type { Totals } from "../../../server/live/figures.ts";
import type { Spark } from "../../../server/live/source.ts";
import { type Listing, listedRuns, type SortName, sortNames } from "./order.ts";
import { noRates, type Rates, ratesBetween, type Sample, type Tracks, trackRuns } from "./track.ts";

/** A run that was opened. */
export interface Opened {
  readonly hash: string;
  /** What was read of it; undefined until it came. */
  readonly page: OpenedPage | undefined;
  /** Lines that are scrolled past. */
  readonly scroll: number;
}

export interface OpenedPage {
  /** With parameters; undefined when the run is gone. */
  readonly run: RunSummary | undefined;
  /** By `metricKey`. */
  readonly sparks: ReadonlyMap<string, Spark>;
  /** The last lines of its log. */
  readonly log: readonly string[];
}

export interface TopState extends Listing {
  readonly isHelp: boolean;
  readonly opened: Opened | undefined;
  /** The filter that is being typed. */
  readonly typed: string | undefined;
  /** A run's hash; undefined for the first. */
  readonly selected: string | undefined;
  readonly isPaused: boolean;
  readonly isOver: boolean;
  readonly sample: Sample | undefined;
  readonly rates: Rates;
  /** Rates of the last looks, the newest last; NaN where one could not be told. */
  readonly history: { readonly received: readonly number[]; readonly applied: readonly number[] };
  readonly tracks: Tracks;
  /** By run, then by `metricKey`: of runs on the screen. */
  readonly sparks: ReadonlyMap<string, ReadonlyMap<string, Spark>>;
  /** Why the last look failed. */
  readonly trouble: string | undefined;
}

export type Action =
  /** A key by its name (`up`, `enter`, `escape`, ...), or what was typed. `page` is how many lines a page has, `furthest` how far can be scrolled. */
  | { readonly kind: "key"; readonly key: string; readonly page: number; readonly furthest: number }
  | { readonly kind: "looked"; readonly sample: Sample }
  | { readonly kind: "failed"; readonly reason: string }
  | { readonly kind: "sparks"; readonly sparks: TopState["sparks"] }
  | { readonly kind: "page"; readonly hash: string; readonly page: OpenedPage };

/** Rates that are kept for drawing. */
const historyKept = 120;

export function startState(listing: Partial<Listing>): TopState {
  return {
    sort: "created",
    reversed: false,
    filter: "",
    ...listing,
    isHelp: false,
    opened: undefined,
    typed: undefined,
    selected: undefined,
    isPaused: false,
    isOver: false,
    sample: undefined,
    rates: noRates,
    history: { received: [], applied: [] },
    tracks: new Map(),
    sparks: new Map(),
    trouble: undefined,
  };
}

export function reduce(state: TopState, action: Action): TopState {
  switch (action.kind) {
    case "key":
      return press(state, action);
    case "looked":
      return look(state, action.sample);
    case "failed":
      return { ...state, trouble: action.reason };
    case "sparks":
      return { ...state, sparks: action.sparks };
    case "page":
      // A page may come when the run was left already.
      return state.opened?.hash === action.hash ? { ...state, opened: { ...state.opened, page: action.page } } : state;
  }
}

/** The runs that are listed, in order. */
export function listed(state: TopState): RunSummary[] {
  const filter = state.typed ?? state.filter;
  return listedRuns(state.sample?.active.runs ?? [], state.tracks, (hash) => heardOf(state, hash), {
    ...state,
    filter,
  });
}

/** When a run was last heard of; undefined where nobody knows. */
export function heardOf({ tracks, sparks }: TopState, hash: string): number | undefined {
  const seen = tracks.get(hash)?.heard;
  if (seen !== undefined) return seen;
  let latest: number | undefined;
  for (const { lastTime } of sparks.get(hash)?.values() ?? [])
    if (lastTime !== undefined && (latest === undefined || lastTime > latest)) latest = lastTime;
  return latest;
}

/** Where the selected run is in the list; 0 where none is. */
export function selectedIndex({ selected }: TopState, runs: readonly RunSummary[]): number {
  return Math.max(
    0,
    runs.findIndex(({ hash }) => hash === selected),
  );
}

/** The part of the list that `rows` lines show: the selected run is in it. */
export function windowOf(state: TopState, runs: readonly RunSummary[], rows: number): readonly RunSummary[] {
  const index = selectedIndex(state, runs);
  const first = Math.max(0, Math.min(index - Math.floor(rows / 2), runs.length - rows));
  return runs.slice(first, first + rows);
}

/** What is shown of totals: points where they are known, else messages. */
export function unitOf(totals: Totals | undefined): "points" | "messages" {
  return totals?.points === undefined && totals?.messages !== undefined ? "messages" : "points";
}

function look(state: TopState, sample: Sample): TopState {
  const before = state.sample;
  const rates = before === undefined ? noRates : ratesBetween(before.figures, sample.figures);
  const add = (values: readonly number[], totals: Totals | undefined, rate: Totals) =>
    before === undefined ? values : [...values, rate[unitOf(totals)] ?? Number.NaN].slice(-historyKept);
  const next: TopState = {
    ...state,
    sample,
    rates,
    history: {
      received: add(state.history.received, sample.figures.received, rates.received),
      applied: add(state.history.applied, sample.figures.applied, rates.applied),
    },
    tracks: trackRuns(before, state.tracks, sample),
    trouble: undefined,
  };
  // The run under the cursor stays under it; one that ended gives its place to the next.
  if (state.selected === undefined) return next;
  const runs = listed(next);
  if (runs.some(({ hash }) => hash === state.selected)) return next;
  const place = Math.min(selectedIndex(state, listed(state)), runs.length - 1);
  return { ...next, selected: runs[place]?.hash };
}

type KeyPress = Extract<Action, { readonly kind: "key" }>;

function press(state: TopState, action: KeyPress): TopState {
  const { key, page } = action;
  if (key === "ctrl-c") return { ...state, isOver: true };
  if (state.typed !== undefined) return type(state, state.typed, key);
  if (state.isHelp) return key === "q" ? { ...state, isOver: true } : { ...state, isHelp: false };
  switch (key) {
    case "q":
      return { ...state, isOver: true };
    case "?":
    case "h":
      return { ...state, isHelp: true };
    case "p":
    case " ":
      return { ...state, isPaused: !state.isPaused };
  }
  return state.opened === undefined ? inList(state, key, page) : inRun(state, state.opened, action);
}

function type(state: TopState, typed: string, key: string): TopState {
  switch (key) {
    case "enter":
      return { ...state, filter: typed, typed: undefined };
    case "escape":
      return { ...state, typed: undefined };
    case "backspace":
      return { ...state, typed: withoutLast(typed) };
  }
  return isName(key) ? state : { ...state, typed: typed + key };
}

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

function withoutLast(text: string): string {
  const last = [...graphemes.segment(text)].at(-1);
  return last === undefined ? text : text.slice(0, last.index);
}

/** Names of keys that are no text. */
const keyNames = ["up", "down", "left", "right", "pageup", "pagedown", "home", "end", "tab"];

function isName(key: string): boolean {
  return keyNames.includes(key);
}

function inList(state: TopState, key: string, page: number): TopState {
  const runs = listed(state);
  const index = selectedIndex(state, runs);
  const select = (place: number): TopState => ({
    ...state,
    selected: runs[Math.max(0, Math.min(place, runs.length - 1))]?.hash,
  });
  switch (key) {
    case "up":
    case "k":
      return select(index - 1);
    case "down":
    case "j":
      return select(index + 1);
    case "pageup":
      return select(index - page);
    case "pagedown":
      return select(index + page);
    case "home":
    case "g":
      return select(0);
    case "end":
    case "G":
      return select(runs.length - 1);
    case "s":
      return { ...state, sort: nextSort(state.sort), reversed: false };
    case "r":
      return { ...state, reversed: !state.reversed };
    case "/":
      return { ...state, typed: state.filter };
    case "escape":
      return { ...state, filter: "" };
    case "enter":
    case "right":
    case "l": {
      const run = runs[index];
      if (run === undefined) return state;
      return { ...state, selected: run.hash, opened: { hash: run.hash, page: undefined, scroll: 0 } };
    }
  }
  return state;
}

function inRun(state: TopState, opened: Opened, { key, page, furthest }: KeyPress): TopState {
  const scrollBy = (lines: number): TopState => ({
    ...state,
    opened: { ...opened, scroll: Math.max(0, Math.min(opened.scroll + lines, furthest)) },
  });
  switch (key) {
    case "escape":
    case "enter":
    case "left":
    case "backspace":
    case "b":
      return { ...state, opened: undefined };
    case "up":
    case "k":
      return scrollBy(-1);
    case "down":
    case "j":
      return scrollBy(1);
    case "pageup":
      return scrollBy(-page);
    case "pagedown":
      return scrollBy(page);
    case "home":
    case "g":
      return scrollBy(-opened.scroll);
    case "end":
    case "G":
      return scrollBy(furthest);
  }
  return state;
}

function nextSort(sort: SortName): SortName {
  return sortNames[(sortNames.indexOf(sort) + 1) % sortNames.length]!;
}
