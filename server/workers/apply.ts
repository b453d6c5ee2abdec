// The face of the workers: messages in, outcomes out. `ApplyLoop` is what a process runs; `Ingest` is what senders see.
export { ApplyLoop, type ApplyLoopOptions, type ApplyLoopStats } from "./applyLoop.ts";
export { type Applied, type ApplyBounds, type ApplyOptions, applyBounds, applyMessages } from "./applyMessages.ts";
export { estimateBytes } from "./estimate.ts";
export type { Ingest, Outcome } from "./ingest.ts";
export { completeDeletes, type DeletionDuty, keepDeleting, RunFilesError, removeFiles } from "./runFiles.ts";
