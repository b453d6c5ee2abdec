// What a query is asked over: runs alone, or the sequences of one type within runs.

/** `run` for run search; otherwise the endpoint's name, which is the name of the sequence variable. */
export type Scope = "run" | "metric" | "images" | "texts" | "distributions" | "audios" | "figures";

/** Names that the rows bind. In run search `metric` exists too, for `metric.name` only. */
export function rowNames(scope: Scope): readonly string[] {
  return scope === "run" ? ["run", "metric"] : ["run", scope];
}
