// All commands by what people want to do. A command's own file is read only when it is asked for, so that help is instant.
import type { Define } from "../runtime.ts";

export interface CommandEntry {
  /** The words typed, e.g. `["runs", "ls"]`. */
  readonly path: readonly [string] | readonly [string, string];
  /** The arguments, as help shows them behind the words. */
  readonly usage: string;
  readonly summary: string;
  /** What people want to do, as a heading. */
  readonly group: string;
  /** Another name of a command, which help does not list. */
  readonly hidden?: boolean;
  load(): Promise<Define>;
}

/** What the first word of a two-word command stands for. */
export const families: Readonly<Record<string, string>> = {
  convert: "Make archives of other tools' logs.",
  dlq: "Messages that a cluster's workers could not apply.",
  artifacts: "Files of runs: store them, list them, get them.",
  locks: "The locks of maintenance jobs.",
  runs: "List, show, plot and change the runs of the store.",
  ui: "The web UI.",
  worker: "The workers of a cluster.",
};

export const commands: readonly CommandEntry[] = [
  {
    path: ["serve"],
    usage: "",
    summary: "run the server: clients log to it, browsers look at it",
    group: "Serve",
    load: async () => (await import("./serve.ts")).define,
  },
  {
    path: ["start"],
    usage: "",
    summary: "the same as serve",
    group: "Serve",
    hidden: true,
    load: async () => (await import("./serve.ts")).define,
  },
  {
    path: ["frontier"],
    usage: "",
    summary: "run the part of the server that clients log to, alone",
    group: "Serve",
    load: async () => (await import("./frontier.ts")).define,
  },
  {
    path: ["worker", "ingest"],
    usage: "",
    summary: "store the messages of Kafka, as one of a cluster's workers",
    group: "Serve",
    load: async () => (await import("./worker.ts")).defineIngest,
  },
  {
    path: ["worker", "control"],
    usage: "",
    summary: "remove the files of deleted runs, as one of a cluster's workers",
    group: "Serve",
    load: async () => (await import("./worker.ts")).defineControl,
  },
  {
    path: ["ingest-worker"],
    usage: "",
    summary: "the same as worker ingest",
    group: "Serve",
    hidden: true,
    load: async () => (await import("./worker.ts")).defineIngest,
  },
  {
    path: ["control-worker"],
    usage: "",
    summary: "the same as worker control",
    group: "Serve",
    hidden: true,
    load: async () => (await import("./worker.ts")).defineControl,
  },
  {
    path: ["ui", "install"],
    usage: "[WHEEL]",
    summary: "get the web UI, for serve to show",
    group: "Serve",
    load: async () => (await import("./ui-install.ts")).define,
  },
  {
    path: ["convert", "tensorboard"],
    usage: "LOGDIR OUT",
    summary: "make an archive of a folder of TensorBoard logs",
    group: "Bring runs in",
    load: async () => (await import("./convert-tensorboard.ts")).define,
  },
  {
    path: ["verify"],
    usage: "ARCHIVE",
    summary: "check an archive: structure, counts, checksums, references",
    group: "Bring runs in",
    load: async () => (await import("./verify.ts")).define,
  },
  {
    path: ["restore"],
    usage: "ARCHIVE",
    summary: "put an archive's runs into the store",
    group: "Bring runs in",
    load: async () => (await import("./restore.ts")).define,
  },
  {
    path: ["ingest"],
    usage: "[FILE]",
    summary: "apply messages of the ingestion topic, one a line",
    group: "Bring runs in",
    load: async () => (await import("./ingest.ts")).define,
  },
  {
    path: ["runs", "ls"],
    usage: "",
    summary: "list runs with their metrics",
    group: "Look at runs",
    load: async () => (await import("./runs-ls.ts")).define,
  },
  {
    path: ["runs", "show"],
    usage: "HASH",
    summary: "show one run: parameters, metrics, artifacts",
    group: "Look at runs",
    load: async () => (await import("./runs-show.ts")).define,
  },
  {
    path: ["runs", "plot"],
    usage: "HASH... --metric NAME",
    summary: "draw a metric of one or more runs",
    group: "Look at runs",
    load: async () => (await import("./runs-plot.ts")).define,
  },
  {
    path: ["query"],
    usage: "EXPR",
    summary: "list runs or metrics for which an expression is true",
    group: "Look at runs",
    load: async () => (await import("./query.ts")).define,
  },
  {
    path: ["runs", "archive"],
    usage: "HASH...|--query EXPR",
    summary: "hide runs from lists",
    group: "Change runs",
    load: async () => (await import("./runs-edit.ts")).defineArchive,
  },
  {
    path: ["runs", "unarchive"],
    usage: "HASH...|--query EXPR",
    summary: "show archived runs in lists again",
    group: "Change runs",
    load: async () => (await import("./runs-edit.ts")).defineUnarchive,
  },
  {
    path: ["runs", "finish"],
    usage: "HASH...|--query EXPR",
    summary: "end runs that are still shown as active",
    group: "Change runs",
    load: async () => (await import("./runs-edit.ts")).defineFinish,
  },
  {
    path: ["runs", "tag"],
    usage: "TAG HASH...|--query EXPR",
    summary: "put a tag on runs",
    group: "Change runs",
    load: async () => (await import("./runs-edit.ts")).defineTag,
  },
  {
    path: ["runs", "untag"],
    usage: "TAG HASH...|--query EXPR",
    summary: "take a tag off runs",
    group: "Change runs",
    load: async () => (await import("./runs-edit.ts")).defineUntag,
  },
  {
    path: ["runs", "rename"],
    usage: "NAME HASH",
    summary: "give a run another name",
    group: "Change runs",
    load: async () => (await import("./runs-edit.ts")).defineRename,
  },
  {
    path: ["runs", "delete"],
    usage: "HASH...|--query EXPR",
    summary: "delete runs with their data and files",
    group: "Change runs",
    load: async () => (await import("./runs-edit.ts")).defineDelete,
  },
  {
    path: ["artifacts", "log"],
    usage: "RUN PATH...",
    summary: "store files and folders in a run",
    group: "Files of runs",
    load: async () => (await import("./artifacts-log.ts")).define,
  },
  {
    path: ["artifacts", "ls"],
    usage: "RUN",
    summary: "list the files of a run",
    group: "Files of runs",
    load: async () => (await import("./artifacts-ls.ts")).define,
  },
  {
    path: ["artifacts", "get"],
    usage: "RUN [PATH...]",
    summary: "write files of a run to a folder",
    group: "Files of runs",
    load: async () => (await import("./artifacts-get.ts")).define,
  },
  {
    path: ["backup"],
    usage: "OUT",
    summary: "write runs of the store to an archive",
    group: "Keep them safe",
    load: async () => (await import("./backup.ts")).define,
  },
  {
    path: ["dlq", "ls"],
    usage: "",
    summary: "list the messages that workers could not apply",
    group: "Keep them safe",
    load: async () => (await import("./dlq.ts")).defineList,
  },
  {
    path: ["dlq", "show"],
    usage: "ID",
    summary: "show one of them, with the reason",
    group: "Keep them safe",
    load: async () => (await import("./dlq.ts")).defineShow,
  },
  {
    path: ["dlq", "retry"],
    usage: "[ID...]",
    summary: "put them on their topic again, once",
    group: "Keep them safe",
    load: async () => (await import("./dlq.ts")).defineRetry,
  },
  {
    path: ["dlq", "drop"],
    usage: "[ID...]",
    summary: "note that nothing is to be done about them",
    group: "Keep them safe",
    load: async () => (await import("./dlq.ts")).defineDrop,
  },
  {
    path: ["reindex"],
    usage: "",
    summary: "compare the indexes with the runs, and repair them",
    group: "Keep it tidy",
    load: async () => (await import("./reindex.ts")).define,
  },
  {
    path: ["finish-stale"],
    usage: "",
    summary: "end the runs that nobody logs to any more",
    group: "Keep it tidy",
    load: async () => (await import("./finish-stale.ts")).define,
  },
  {
    path: ["cleanup-orphan-blobs"],
    usage: "",
    summary: "delete files of deleted runs, and files that nothing names",
    group: "Keep it tidy",
    load: async () => (await import("./cleanup-orphan-blobs.ts")).define,
  },
  {
    path: ["cleanup-tombstones"],
    usage: "",
    summary: "forget deletions that no message can undo any more",
    group: "Keep it tidy",
    load: async () => (await import("./cleanup-tombstones.ts")).define,
  },
  {
    path: ["locks", "ls"],
    usage: "",
    summary: "list the locks of these jobs, and who holds them",
    group: "Keep it tidy",
    load: async () => (await import("./locks.ts")).defineList,
  },
  {
    path: ["locks", "release"],
    usage: "NAME",
    summary: "take a lock from a job that is gone",
    group: "Keep it tidy",
    load: async () => (await import("./locks.ts")).defineRelease,
  },
  {
    path: ["doctor"],
    usage: "",
    summary: "check every part that the settings name, and say what to do",
    group: "Look under the hood",
    load: async () => (await import("./doctor.ts")).define,
  },
  {
    path: ["inspect"],
    usage: "[DIRECTORY]",
    summary: "print the store's keys and values, decoded",
    group: "Look under the hood",
    load: async () => (await import("./inspect.ts")).define,
  },
  {
    path: ["config", "check"],
    usage: "",
    summary: "say whether services can start with the settings, and in production",
    group: "Look under the hood",
    load: async () => (await import("./config-check.ts")).define,
  },
  {
    path: ["config"],
    usage: "",
    summary: "print the settings in effect, and where each comes from",
    group: "Look under the hood",
    load: async () => (await import("./config.ts")).define,
  },
];
