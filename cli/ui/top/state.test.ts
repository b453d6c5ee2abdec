// Keys and looks at a system, and what they make of the state: no terminal, no clock.
import { describe, expect, test } from "bun:test";
import { heardOf, listed, reduce, selectedIndex, startState, type TopState } from "./state.ts";
import { key, sampleAt, samplePage, sampleRun, sampleSpark, sampleState, sampleTime } from "./testSample.ts";
import { metricKey, newestMetrics, ratesBetween, trackRuns } from "./track.ts";

function pressed(state: TopState, ...keys: readonly string[]): TopState {
  return keys.reduce((next, name) => reduce(next, key(name)), state);
}

const selectedName = (state: TopState) => listed(state)[selectedIndex(state, listed(state))]?.name;

describe("the list", () => {
  test("arrows choose a run and stop at the ends", () => {
    const state = sampleState();
    expect(selectedName(state)).toBe("resnet50 baseline");
    expect(selectedName(pressed(state, "up"))).toBe("resnet50 baseline");
    expect(selectedName(pressed(state, "down", "j", "k"))).toBe(sampleRun(1, 0n).name);
    expect(selectedName(pressed(state, "end"))).toBe("sweep 13");
    expect(selectedName(pressed(state, "end", "down"))).toBe("sweep 13");
    expect(selectedName(pressed(state, "end", "pageup"))).toBe(sampleRun(3, 0n).name);
    expect(selectedName(pressed(state, "end", "home"))).toBe("resnet50 baseline");
  });

  test("the chosen run stays chosen when others come or the order changes; one that ends gives its place on", () => {
    const chosen = pressed(sampleState(), "down", "down", "down");
    const name = selectedName(chosen);
    const more = { ...sampleAt(6), active: { runs: [sampleRun(20, 1n), ...sampleAt(6).active.runs], more: false } };
    expect(selectedName(reduce(chosen, { kind: "looked", sample: more }))).toBe(name);
    expect(selectedName(pressed(chosen, "s", "s", "r"))).toBe(name);
    const runs = sampleAt(6).active.runs.filter((run) => run.name !== name);
    const ended = reduce(chosen, { kind: "looked", sample: { ...sampleAt(6), active: { runs, more: false } } });
    expect(selectedName(ended)).toBe(sampleRun(4, 0n).name);
    const none = reduce(ended, { kind: "looked", sample: { ...sampleAt(8), active: { runs: [], more: false } } });
    expect(listed(none)).toEqual([]);
    expect(pressed(none, "down", "enter", "end").opened).toBeUndefined();
  });

  test("s goes through the orders, r turns one round", () => {
    const names = (state: TopState) => listed(state).map(({ name }) => name);
    let state = sampleState();
    const created = names(state);
    expect(names(pressed(state, "r"))).toEqual(created.toReversed());
    state = pressed(state, "s", "s");
    expect(state.sort).toBe("name");
    const byName = (a: string, b: string) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1);
    expect(names(state)).toEqual(created.toSorted(byName));
    expect(pressed(state, "r").reversed).toBe(true);
    // The next order begins the usual way round.
    expect(pressed(state, "r", "s")).toMatchObject({ sort: "experiment", reversed: false });
    expect(names(pressed(state, "s")).slice(-4)).toEqual(created.filter((_, i) => i % 3 === 2));
    // The two runs that stand still are last by speed, whichever way the rest goes.
    expect(pressed(state, "s", "s", "s").sort).toBe("speed");
    expect(names(pressed(state, "s", "s", "s")).slice(-2)).toEqual(["sweep 12", "sweep 13"]);
    expect(pressed(state, "s", "s", "s", "s").sort).toBe("created");
  });

  test("a filter is looked for while it is typed, kept by enter, dropped by escape", () => {
    const typed = pressed(sampleState(), "/", "S", "w", "e", "e", "p", " ", "1", "q");
    expect(listed(typed)).toEqual([]);
    const found = pressed(typed, "backspace");
    expect(listed(found).map(({ name }) => name)).toEqual(["sweep 10", "sweep 11", "sweep 12", "sweep 13"]);
    expect(pressed(found, "enter")).toMatchObject({ filter: "Sweep 1", typed: undefined, isOver: false });
    expect(pressed(found, "escape")).toMatchObject({ filter: "", typed: undefined });
    // Further typing begins with the filter that there is; escape in the list drops it.
    expect(pressed(found, "enter", "/", "2", "enter").filter).toBe("Sweep 12");
    expect(pressed(found, "enter", "escape").filter).toBe("");
    // Experiments, tags and hashes are looked through too, and a grapheme is deleted as a whole.
    expect(listed(pressed(sampleState(), "/", "p", "a", "p", "e", "r")).length).toBe(1);
    expect(listed(pressed(sampleState(), "/", "b", "a", "s", "e", "l")).length).toBe(5);
    expect(listed(pressed(sampleState(), "/", "4", "c", "a", "9")).length).toBe(1);
    expect(pressed(sampleState(), "/", "実", "👩‍🔬", "backspace").typed).toBe("実");
  });
});

describe("pages", () => {
  test("enter opens the chosen run, escape goes back to it", () => {
    const opened = pressed(sampleState(), "down", "enter");
    expect(opened.opened).toMatchObject({ hash: sampleRun(1, 0n).hash, page: undefined, scroll: 0 });
    const back = pressed(opened, "escape");
    expect(back.opened).toBeUndefined();
    expect(selectedName(back)).toBe(sampleRun(1, 0n).name);
  });

  test("a page that comes when another run is open, or none, changes nothing", () => {
    const opened = pressed(sampleState(), "down", "enter");
    expect(reduce(opened, samplePage(2))).toBe(opened);
    expect(reduce(opened, samplePage(1)).opened?.page?.run?.name).toBe(sampleRun(1, 0n).name);
    const back = pressed(opened, "escape");
    expect(reduce(back, samplePage(1))).toBe(back);
  });

  test("scrolling ends where the page ends", () => {
    const opened = reduce(pressed(sampleState(), "enter"), samplePage(0));
    const scroll = (state: TopState) => state.opened?.scroll;
    expect(scroll(pressed(opened, "down", "down", "up"))).toBe(1);
    expect(scroll(pressed(opened, "up"))).toBe(0);
    expect(scroll(pressed(opened, "end"))).toBe(100);
    expect(scroll(pressed(opened, "end", "down", "pageup"))).toBe(90);
    expect(scroll(pressed(opened, "pagedown", "home"))).toBe(0);
  });

  test("help is shown over every page, and any key but q goes back", () => {
    const opened = pressed(sampleState(), "enter", "?");
    expect(opened.isHelp).toBe(true);
    expect(pressed(opened, "x")).toMatchObject({ isHelp: false, isOver: false, opened: { scroll: 0 } });
    expect(pressed(opened, "q").isOver).toBe(true);
  });

  test("q and Ctrl-C end it everywhere, but q is text while a filter is typed", () => {
    expect(pressed(sampleState(), "q").isOver).toBe(true);
    expect(pressed(sampleState(), "enter", "q").isOver).toBe(true);
    expect(pressed(sampleState(), "/", "q")).toMatchObject({ isOver: false, typed: "q" });
    expect(pressed(sampleState(), "/", "ctrl-c").isOver).toBe(true);
  });

  test("p pauses and goes on", () => {
    expect(pressed(sampleState(), "p").isPaused).toBe(true);
    expect(pressed(sampleState(), "p", " ").isPaused).toBe(false);
  });
});

describe("looks", () => {
  test("rates are what two looks differ by, for each second between them", () => {
    const [before, after] = [sampleAt(0).figures, sampleAt(2).figures];
    expect(ratesBetween(before, after)).toEqual({
      received: { points: 1_020, messages: 1_020 },
      applied: { points: 1_020, messages: 1_020 },
    });
  });

  test("a server that began anew, a clock that stands and what is not counted give no rates", () => {
    const none = {
      received: { points: undefined, messages: undefined },
      applied: { points: undefined, messages: undefined },
    };
    const { figures } = sampleAt(0);
    expect(ratesBetween(sampleAt(2).figures, { ...figures, at: sampleTime + 4 })).toEqual(none);
    expect(ratesBetween(figures, figures)).toEqual(none);
    expect(ratesBetween({ at: 0, missing: {} }, { at: 1, missing: {} })).toEqual(none);
    const messages = ratesBetween(
      { at: 0, received: { messages: 5 }, missing: {} },
      { at: 2, received: { messages: 9 }, missing: {} },
    );
    expect(messages.received).toEqual({ points: undefined, messages: 2 });
  });

  test("rates are kept for drawing, no more than can be drawn", () => {
    let state = startState({});
    for (let i = 0; i < 300; i++) state = reduce(state, { kind: "looked", sample: sampleAt(i) });
    expect(state.history.received.length).toBe(120);
    expect(state.history.received.every(Number.isFinite)).toBe(true);
    const lost = { ...sampleAt(301), figures: { at: sampleTime + 301, missing: {} } };
    expect(reduce(state, { kind: "looked", sample: lost }).history.received.at(-1)).toBeNaN();
  });

  test("a look that failed leaves what was seen, and the next one takes the reason away", () => {
    const failed = reduce(sampleState(), { kind: "failed", reason: "nothing listens there" });
    expect(failed.trouble).toBe("nothing listens there");
    expect(listed(failed).length).toBe(14);
    expect(reduce(failed, { kind: "looked", sample: sampleAt(6) }).trouble).toBeUndefined();
  });

  test("runs that are not active any more are forgotten", () => {
    const state = reduce(sampleState(), { kind: "looked", sample: sampleAt(6, 3) });
    expect(state.tracks.size).toBe(3);
  });
});

describe("what moves", () => {
  const hash = sampleRun(0, 0n).hash;

  test("a run is heard when a metric of it changes, and its speed is steps for each second", () => {
    const [first, second, third] = [sampleAt(0), sampleAt(2), { ...sampleAt(2), figures: sampleAt(4).figures }];
    const seen = trackRuns(first, trackRuns(undefined, new Map(), first), second);
    expect(seen.get(hash)).toMatchObject({ heard: sampleTime + 2, step: 1_050n, speed: 25 });
    expect(trackRuns(second, seen, third).get(hash)).toMatchObject({ heard: sampleTime + 2, speed: 0 });
    expect(seen.get(sampleRun(13, 0n).hash)).toMatchObject({ heard: undefined, speed: 0 });
  });

  test("metrics that changed last come first, those of the machine not at all beside others", () => {
    const run = sampleRun(0, 1_000n);
    const changed = new Map([[metricKey(run.sequences[1]!), sampleTime]]);
    const names = newestMetrics(run, { heard: undefined, step: undefined, speed: undefined, changed });
    expect(names.map(({ name, contextId }) => `${name} ${contextId}`)).toEqual(["loss 2", "accuracy 1", "loss 1"]);
    const machine = { ...run, sequences: run.sequences.slice(3) };
    expect(newestMetrics(machine, undefined).map(({ name }) => name)).toEqual(["__system__cpu"]);
  });

  test("a run that did not move was heard when its last point was made, where that is known", () => {
    const quiet = sampleRun(13, 0n).hash;
    const state = sampleState();
    expect(heardOf(state, quiet)).toBeUndefined();
    const sparks = new Map([[quiet, new Map([["a", { ...sampleSpark(1, 3), lastTime: 77 }]])]]);
    expect(heardOf(reduce(state, { kind: "sparks", sparks }), quiet)).toBe(77);
  });
});
