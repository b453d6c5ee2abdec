// What long work reports. Who draws it, if anybody, is decided at the top.

export interface Progress {
  /** Begins a stage of the work. `total` in `unit`s when it is known in advance. */
  stage(name: string, total?: number, unit?: string): void;
  /** `count` more units of the current stage are done. */
  advance(count: number): void;
  /** Names the thing being worked on now (a run, a file). */
  item(name: string): void;
  /** A line that must stay readable after the progress display is gone: a warning, a skipped thing. */
  note(message: string): void;
}

export const silentProgress: Progress = { stage() {}, advance() {}, item() {}, note() {} };
