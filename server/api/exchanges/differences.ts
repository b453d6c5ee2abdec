// Every difference between the recorded answers and ours, as what the right answer is: fixtures/exchanges/differences.md says
// of each, by its name, why theirs is not.
import type { Amendment } from "./amendment.ts";
import { changeDifferences } from "./changeDifferences.ts";
import { errorDifferences } from "./errorDifferences.ts";
import { projectDifferences } from "./projectDifferences.ts";
import { runDifferences } from "./runDifferences.ts";
import { streamDifferences } from "./streamDifferences.ts";

export type { Amendment } from "./amendment.ts";
export { followUps } from "./changeDifferences.ts";

/** In the order in which they are applied. */
export const amendments: readonly Amendment[] = [
  ...projectDifferences,
  ...changeDifferences,
  ...runDifferences,
  ...streamDifferences,
  ...errorDifferences,
];
