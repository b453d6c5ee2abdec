// Draws the progress of long work on stderr, when anybody is there to see it.
import { type Progress, silentProgress } from "../../formats/progress.ts";
import type { Output } from "../output.ts";

export interface ProgressDisplay extends Progress {
  /** Takes the display off the screen. Safe to call twice. */
  stop(): Promise<void>;
}

export function createProgress(_out: Output): ProgressDisplay {
  return { ...silentProgress, async stop() {} };
}
