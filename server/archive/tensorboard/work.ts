// A unit of pass 2 as it is handed to whoever does it, and doing it.
import { MatyanError } from "../../../formats/error.ts";
import type { Blob, Emitter, Tally } from "../../../formats/tensorboard/emit.ts";
import { type Purges, purgesFor, type RestartRule } from "../../../formats/tensorboard/restart.ts";
import type { Arena } from "../../../formats/tensorboard/source.ts";
import type { Unit } from "./indexRun.ts";
import { openFile } from "./openFile.ts";

/** Plain data: it also goes to worker threads. */
export interface Task {
  readonly unit: Unit;
  readonly purges: Purges;
  readonly purgesOfTag: ReadonlyMap<number, Purges>;
}

export interface Outcome {
  /** Whole lines of `sequences.jsonl`. */
  readonly lines: Uint8Array;
  readonly tally: Tally;
  readonly blobs: readonly Blob[];
}

export function taskOf(unit: Unit, restarts: RestartRule): Task {
  const purgesOfTag = new Map<number, Purges>();
  for (const [tag, purges] of restarts.byTag) {
    const relevant = purgesFor(purges, unit.first, unit.end);
    if (relevant.positions.length > 0) purgesOfTag.set(tag, relevant);
  }
  return { unit, purges: purgesFor(restarts.all, unit.first, unit.end), purgesOfTag };
}

/** Reads the unit into the arena and writes its lines. The outcome is good until the arena or the emitter is used again. */
export function perform(task: Task, emitter: Emitter, arena: Arena): Outcome {
  const { path, offset, length, spans, first } = task.unit;
  using source = openFile(path);
  const complete = source.read(offset, arena.bytes.subarray(0, length)) === length;
  const { purges, purgesOfTag } = task;
  if (!complete || !emitter.emit({ spans, position: first, purges, purgesOfTag })) throw changedError(path);
  return emitter.take();
}

export function changedError(path: string): MatyanError {
  return new MatyanError("conflict", `${path} was changed while it was being converted`, {
    hint: "Appending to a log is fine; replacing or cutting it is not. Run the conversion again.",
  });
}
