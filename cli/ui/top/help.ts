// The help page of `matyan top`.
import type { Style } from "../style.ts";
import { cutText, padText } from "../text.ts";

const keys: readonly (readonly [string, string])[] = [
  ["↑ ↓  k j", "choose a run, or scroll its page"],
  ["PgUp PgDn", "a page up or down; Home and End (g, G) go to the ends"],
  ["enter  →", "open the run: all metrics, parameters, the end of its log"],
  ["esc  ←", "back to the list; in the list: drop the filter"],
  ["s", "sort by created, heard, name, experiment, step, speed in turn"],
  ["r", "reverse the order"],
  ["/", "filter by name, experiment, tag or hash: type, then enter"],
  ["p  space", "pause, and go on"],
  ["?  h", "this page"],
  ["q  Ctrl-C", "quit; Ctrl-Z suspends"],
];

const words: readonly (readonly [string, string])[] = [
  ["points in", "values of metrics and objects that clients sent, each second;"],
  ["", "of a cluster all messages, as Kafka counts them"],
  ["applied", "those that are stored"],
  ["queue", "messages in the server's memory that wait to be stored"],
  ["consumer lag", "messages on Kafka that wait for a worker"],
  ["heard", "when a value of the run last came"],
  ["≥", "at least: counting goes on, or ends at a limit"],
  ["–", "not known; the line below the figures says why"],
];

export function helpLines(style: Style, width: number): string[] {
  const lines = (entries: typeof keys) =>
    entries.map(([name, text]) => {
      const left = padText(name, 14);
      return `  ${style.cyan(left)}${cutText(text, width - 16)}`;
    });
  return [style.bold("Keys"), ...lines(keys), "", style.bold("Words"), ...lines(words)];
}
