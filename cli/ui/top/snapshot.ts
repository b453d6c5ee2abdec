// One look without a terminal that is drawn on: as plain lines, and as the object of `--json`.
import type { Totals } from "../../../server/live/figures.ts";
import { Stored } from "../../json.ts";
import { isoTime } from "../numbers.ts";
import type { Style } from "../style.ts";
import { cutText, safeText } from "../text.ts";
import { figureGrid, missingReasons } from "./figureLines.ts";
import { errorPanel, slowPanel } from "./panels.ts";
import { runLine, runTitle } from "./runTable.ts";
import { fitted, limitText } from "./screen.ts";
import { heardOf, listed, type TopState } from "./state.ts";
import { metricKey, newestMetrics } from "./track.ts";

export interface SnapshotView {
  readonly width: number;
  readonly style: Style;
  readonly place: string;
  /** Seconds since the epoch. */
  readonly now: number;
}

/** Newest metrics of each run in `--json`, and values of their sparklines. */
export const documentSparks = { metrics: 4, values: 24 } as const;

const panelRows = 5;

/** `state` has a sample. */
export function snapshotLines(state: TopState, { width, style, place, now }: SnapshotView): string[] {
  const { figures } = state.sample!;
  const runs = listed(state);
  const rest = limitText(state, runs.length, runs.length);
  const panels = [slowPanel(figures, panelRows, width, now, style), errorPanel(figures, panelRows, width, now, style)];
  const lines = [
    `${style.bold("matyan top")}  ${safeText(place)}  ${isoTime(Math.floor(now)) ?? ""}`,
    ...figureGrid(state, width, style),
    ...missingReasons(figures).map((reason) => style.dim(cutText(`– ${reason}`, width))),
    "",
    ...(runs.length === 0
      ? [style.dim(state.filter === "" ? "No run is active." : "No active run has this text.")]
      : [
          runTitle(state, width, style),
          ...runs.map((run) => runLine(state, run, { width, style, now, isSelected: false })),
        ]),
    ...(rest === "" ? [] : [style.dim(cutText(rest, width))]),
    ...panels.filter((lines) => lines.length > 0).flatMap((lines) => ["", ...lines]),
  ];
  return lines.map((line) => fitted(line, width));
}

/** The object of `--json`: docs/json.md. `state` has a sample. */
export function snapshotDocument(state: TopState, place: string): object {
  const { figures, active } = state.sample!;
  const { at, missing, ...parts } = figures;
  const { received, applied, queue, lag, letters, store, blobs, runs, connections, memory, slow, errors } = parts;
  const perSecond = ({ points, messages }: Totals) => ({ points: points ?? null, messages: messages ?? null });
  return {
    at,
    place,
    rates: { received: perSecond(state.rates.received), applied: perSecond(state.rates.applied) },
    figures: {
      received: received === undefined ? null : perSecond(received),
      applied: applied === undefined ? null : perSecond(applied),
      ...{ queue, lag, letters, store, blobs, runs, connections, memory, slow, errors },
    },
    missing,
    runs: listed(state).map((run) => {
      const track = state.tracks.get(run.hash);
      const sparks = state.sparks.get(run.hash);
      return {
        hash: run.hash,
        name: run.name,
        experiment: run.experiment ?? null,
        tags: run.tags,
        created_at: run.createdAt ?? null,
        heard_at: heardOf(state, run.hash) ?? null,
        step: track?.step ?? null,
        steps_per_second: track?.speed ?? null,
        metrics: newestMetrics(run, track)
          .slice(0, documentSparks.metrics)
          .map((metric) => ({
            name: metric.name,
            context: metric.context,
            last: new Stored(metric.last),
            last_step: metric.lastStep ?? null,
            spark: sparks?.get(metricKey(metric))?.values ?? [],
          })),
      };
    }),
    more: active.more,
  };
}
