// The archive: what backups and conversions write, and restore, verify and people read (backup-convert.md 1; docs/archive.md).

export type { VerifyResult } from "./archiveCheck.ts";
export type { Fault } from "./faults.ts";
export { openArchive } from "./reader.ts";
export { formatRecord, recordPrefix } from "./recordText.ts";
export type {
  ArchiveBlob,
  ArchiveEntity,
  ArchiveKind,
  ArchiveOptions,
  ArchiveReader,
  ArchiveSummary,
  ArchiveWriter,
  LineRecord,
  ManifestFields,
  OpenOptions,
  RecordSink,
  RunCounts,
  RunDocument,
  RunReader,
  RunWriter,
  SequenceRecord,
} from "./types.ts";
export { type VerifyOptions, verifyArchive } from "./verify.ts";
export { createArchive } from "./writer.ts";
