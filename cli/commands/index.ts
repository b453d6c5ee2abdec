// All commands by what people want to do. A command's own file is read only when it is asked for, so that help is instant.
import type { Define } from "../runtime.ts";

export interface CommandEntry {
  /** The words typed, e.g. `["runs", "ls"]`. */
  readonly path: readonly [string] | readonly [string, string];
  readonly summary: string;
  readonly group: string;
  load(): Promise<Define>;
}

/** What the first word of a two-word command stands for. */
export const families: Readonly<Record<string, string>> = {
  convert: "make archives of other tools' logs",
  runs: "list, show and plot runs",
};

export const commands: readonly CommandEntry[] = [
  {
    path: ["convert", "tensorboard"],
    summary: "make an archive of a folder of TensorBoard logs",
    group: "Archives",
    load: async () => (await import("./convert-tensorboard.ts")).define,
  },
  {
    path: ["verify"],
    summary: "check an archive: structure, counts, checksums, references",
    group: "Archives",
    load: async () => (await import("./verify.ts")).define,
  },
  {
    path: ["restore"],
    summary: "put an archive's runs into the store",
    group: "Archives",
    load: async () => (await import("./restore.ts")).define,
  },
  {
    path: ["backup"],
    summary: "write runs of the store to an archive",
    group: "Archives",
    load: async () => (await import("./backup.ts")).define,
  },
  {
    path: ["runs", "ls"],
    summary: "list runs with their metrics",
    group: "Runs",
    load: async () => (await import("./runs-ls.ts")).define,
  },
  {
    path: ["runs", "show"],
    summary: "show one run: parameters, metrics, tags",
    group: "Runs",
    load: async () => (await import("./runs-show.ts")).define,
  },
  {
    path: ["runs", "plot"],
    summary: "draw a metric of one or more runs in the terminal",
    group: "Runs",
    load: async () => (await import("./runs-plot.ts")).define,
  },
  {
    path: ["inspect"],
    summary: "print the store's keys and values, decoded",
    group: "Store",
    load: async () => (await import("./inspect.ts")).define,
  },
];
