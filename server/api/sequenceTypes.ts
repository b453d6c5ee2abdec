// The types that sequences are listed under, by what they hold (rest-api.md 1.4).
import { isMetric, type Trace } from "../store/traces.ts";

/** In the order of `info`. */
export const sequenceTypes = ["metric", "images", "texts", "distributions", "audios", "figures"] as const;
export type SequenceType = (typeof sequenceTypes)[number];

const byDtype: Readonly<Record<string, SequenceType>> = {
  image: "images",
  text: "texts",
  distribution: "distributions",
  audio: "audios",
  figure: "figures",
};

/** Undefined for terminal lines and log records, which have places of their own. */
export function typeOf(trace: Trace): SequenceType | undefined {
  if (isMetric(trace)) return "metric";
  return Object.hasOwn(byDtype, trace.dtype) ? byDtype[trace.dtype] : undefined;
}
