// The face of the workers: messages in, outcomes out. `ApplyLoop` is what a process runs; `Ingest` is what senders see.
export type { Ingest, Outcome } from "./ingest.ts";
