// `matyan top` on a terminal: looks every now and then, takes keys, and draws what the state is.
import { messageOf } from "../../../formats/error.ts";
import type { Style } from "../style.ts";
import type { Listing } from "./order.ts";
import { sparksShown } from "./runTable.ts";
import type { Sampler } from "./sampler.ts";
import { pagesOf, runsOnScreen, type Screen, screenLines } from "./screen.ts";
import { type Action, listed, reduce, startState, type TopState } from "./state.ts";
import { mountTop } from "./topView.tsx";
import type { Sample } from "./track.ts";

export interface WatchOptions {
  /** What is looked at, as people call it. */
  readonly place: string;
  readonly listing: Partial<Listing>;
  /** Between two looks, seconds. */
  readonly interval: number;
  /** Looks, after which it ends by itself; undefined: when it is told to. */
  readonly count: number | undefined;
  readonly style: Style;
  /** Seconds since the epoch. */
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** Told as soon as the user quits: what is still being read need not be waited for. */
  readonly onQuit: () => void;
}

/** Between the first two looks at most, milliseconds. */
const firstMs = 1_000;
/** How often the ages on the screen are drawn anew, milliseconds. */
const redrawMs = 1_000;

/** Goes on from the first look. Resolves when the user quits. */
export async function watch(sampler: Sampler, first: Sample, options: WatchOptions): Promise<void> {
  await using terminal = new Terminal(options);
  terminal.dispatch({ kind: "looked", sample: first });
  await Promise.all([keepLooking(terminal, sampler, options), keepReading(terminal, sampler)]);
}

async function keepLooking(
  terminal: Terminal,
  sampler: Sampler,
  { interval, count }: Pick<WatchOptions, "interval" | "count">,
): Promise<void> {
  for (let looks = 1; count === undefined || looks < count; looks++) {
    // The first rates are wanted soon.
    await terminal.pause(looks === 1 ? Math.min(interval * 1_000, firstMs) : interval * 1_000);
    if (terminal.isOver) return;
    if (terminal.state.isPaused) continue;
    try {
      terminal.dispatch({ kind: "looked", sample: await sampler.look() });
    } catch (error) {
      terminal.dispatch({ kind: "failed", reason: `the last look failed: ${messageOf(error)}` });
    }
  }
  terminal.end();
}

/** Reads what the screen needs beyond the look, whenever one or the other changed. */
async function keepReading(terminal: Terminal, sampler: Sampler): Promise<void> {
  while (!terminal.isOver) {
    const wanted = terminal.wanted();
    const { state } = terminal;
    try {
      if (state.opened !== undefined) {
        const { hash } = state.opened;
        terminal.dispatch({ kind: "page", hash, page: await sampler.page(hash) });
      } else if (!state.isHelp) {
        const screen = terminal.screen();
        // To sort by it, one has to know it of all.
        const runs = state.sort === "heard" && sampler.tellsTimes ? listed(state) : runsOnScreen(state, screen);
        const sparks = await sampler.sparks(runs, state.tracks, sparksShown(screen.columns));
        terminal.dispatch({ kind: "sparks", sparks });
      }
    } catch (error) {
      terminal.dispatch({ kind: "failed", reason: messageOf(error) });
    }
    await terminal.until(() => !Bun.deepEquals(terminal.wanted(), wanted));
  }
}

class Terminal implements AsyncDisposable {
  state: TopState;
  readonly #options: WatchOptions;
  readonly #view = mountTop((key) => this.#press(key));
  readonly #timer = setInterval(() => this.draw(), redrawMs);
  readonly #resized = () => {
    this.draw();
    this.#wake();
  };
  #waiting: (() => void)[] = [];

  constructor(options: WatchOptions) {
    this.#options = options;
    this.state = startState(options.listing);
    process.stdout.on("resize", this.#resized);
    options.signal.addEventListener("abort", () => this.end(), { once: true });
    if (options.signal.aborted) this.end();
  }

  get isOver(): boolean {
    return this.state.isOver;
  }

  screen(): Screen {
    const { style, interval, now, place } = this.#options;
    const { columns = 80, rows = 24 } = process.stdout;
    return { columns, rows, style, now: now(), place, interval };
  }

  dispatch(action: Action): void {
    if (this.isOver) return;
    this.state = reduce(this.state, action);
    if (this.isOver) this.end();
    this.draw();
    if (action.kind === "key" || action.kind === "looked") this.#wake();
  }

  draw(): void {
    if (!this.isOver) this.#view.draw(screenLines(this.state, this.screen()));
  }

  end(): void {
    this.state = { ...this.state, isOver: true };
    this.#options.onQuit();
    this.#wake();
  }

  /** Resolves after `ms`, or when all is over. */
  async pause(ms: number): Promise<void> {
    const end = performance.now() + ms;
    while (!this.isOver && performance.now() < end) {
      const timer = setTimeout(() => this.#wake(), end - performance.now());
      await this.#woken();
      clearTimeout(timer);
    }
  }

  /** What has to be read for the screen: another list means to read again. */
  wanted(): readonly unknown[] {
    const { sample, opened, isHelp, sort } = this.state;
    const screen = this.screen();
    const runs = runsOnScreen(this.state, screen).map(({ hash }) => hash);
    return [sample?.figures.at, opened?.hash, isHelp, sort, screen.columns, ...runs];
  }

  /** Resolves when it is true, or when all is over. */
  async until(isSo: () => boolean): Promise<void> {
    while (!this.isOver && !isSo()) await this.#woken();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end();
    clearInterval(this.#timer);
    process.stdout.off("resize", this.#resized);
    await this.#view.unmount();
  }

  #press(key: string): void {
    this.dispatch({ kind: "key", key, ...pagesOf(this.state, this.screen()) });
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
