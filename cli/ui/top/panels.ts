// The panels below the runs: slowest queries and errors.
import type { LiveFigures } from "../../../server/live/figures.ts";
import type { Style } from "../style.ts";
import { cutText, padText, safeText } from "../text.ts";
import { milliseconds, minutes } from "./figureLines.ts";
import { ago } from "./runTable.ts";

/** At most `rows` queries below a title; nothing where no server tells them. */
export function slowPanel({ slow }: LiveFigures, rows: number, width: number, now: number, style: Style): string[] {
  if (slow === undefined || rows <= 0) return [];
  const title = style.bold(cutText(`Slowest queries of the last ${minutes(slow.seconds)}`, width));
  if (slow.queries.length === 0) return [title, style.dim("  none")];
  const lines = slow.queries.slice(0, rows).map(({ at, seconds, route, text }) => {
    const took = padText(milliseconds(seconds), 8, "right");
    const what = safeText(`${shortRoute(route)}${text === "" ? "" : `  ${text}`}`);
    return `  ${took}  ${style.dim(padText(ago(at, now), 10))}  ${cutText(what, width - 24)}`;
  });
  return [title, ...lines];
}

export function errorPanel({ errors }: LiveFigures, rows: number, width: number, now: number, style: Style): string[] {
  if (errors === undefined || errors.recent.length === 0 || rows <= 0) return [];
  const title = `Errors of the last ${minutes(errors.seconds)}`;
  const lines = errors.recent.slice(0, rows).map(({ at, where, text }) => {
    const what = safeText(`${shortRoute(where)}: ${text}`);
    return `  ${style.dim(padText(ago(at, now), 10))}  ${style.red(cutText(what, width - 14))}`;
  });
  return [style.bold(cutText(title, width)), ...lines];
}

/** Routes without what they all begin with. */
function shortRoute(route: string): string {
  return route.replace("/api/v1/rest", "").replace(/(?<=.)\/$/, "");
}
