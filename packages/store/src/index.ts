export type {
  AdoptedBlob,
  BlobLease,
  BlobStore,
  BlobWriteOptions,
  Collected,
  HashAlgorithm,
  Partial,
  PartialOptions,
  StoredBlob,
} from './blobs/blob-store.ts'
export { readSmallFile, writeFileDurably } from './files.ts'
export type { AuditLog, LogEntry, LogProblem, LogVerdict } from './log/audit-log.ts'
export {
  type CheckpointStatement,
  type CheckpointVerifier,
  type LogPublicKeys,
  createCheckpointVerifier,
} from './log/checkpoint-signature.ts'
export { type StoreOptions, openStore } from './open-store.ts'
export type { EventLog, EventWrite } from './records/event-log.ts'
export { recordDigest } from './records/record-row.ts'
export { LEARNED_KIND, QUOTA_KIND, unauditedKinds } from './records/unaudited.ts'
export type { RecordDigest, Records, ScannedRecord, StoredRecord } from './records/records.ts'
export type { Batch, Committed, RecordWrite, Store, StoreDeps } from './store.ts'
