import type { Clock, Log, Rng } from '@soma/core'
import type { CallContext, EngineDescriptor, InstallEvent, Source, ValidInput } from '@soma/spec'
import type { BlobLease, Store, StoredBlob } from '@soma/store'
import type { Running } from '../ports.ts'
import type { ModelRegistry } from '../registry/registry.ts'
import type { SignaturePolicy } from '../signing/policy.ts'
import type { Downloads } from './downloads.ts'
import type { Target } from './resolve.ts'

/** What installing needs of the rest of the system. */
export interface InstallDeps {
  readonly store: Store
  readonly registry: ModelRegistry
  readonly running: Running
  /** In the order that help texts show them. */
  readonly sources: readonly Source[]
  /** In the order in which their layouts are tried. */
  readonly engines: () => readonly EngineDescriptor[]
  readonly clock: Clock
  readonly rng: Rng
  readonly log: Log
  /** Bytes that may still be written to the store's disk; asked before the first one is fetched. */
  readonly freeBytes: () => Promise<number>
  readonly settings: () => InstallSettings
  /** Size of the pieces in which files are fetched and recorded; the store's default when absent. */
  readonly chunkBytes?: number | undefined
  /** Work that goes on after the call; waited for when the daemon stops. */
  readonly background: (work: Promise<void>) => void
}

/** `install.*` of the configuration. */
export interface InstallSettings {
  /** Files fetched at once, by all installs together. */
  readonly parallel: number
  /** Attempts after the first, per file. */
  readonly retries: number
  /** Connections at once for one large file. */
  readonly connections: number
  /** Bandwidth of all downloads together; 0 for no limit. */
  readonly bytesPerSecondMax: number
  /** Earlier versions kept of each model. */
  readonly keepVersions: number
  /** Never use the network. */
  readonly offline: boolean
  /** Models that run on other people's machines may be installed; not when absent. */
  readonly cloud?: boolean
  /** Whether packages must be signed; `off` when absent. */
  readonly signatures?: SignaturePolicy
  /** Licences that are not installed: SPDX identifiers, or patterns with `*`; none when absent. */
  readonly licencesRefused?: readonly string[]
}

/** One install on its way through the steps. */
export interface InstallContext {
  readonly deps: InstallDeps
  readonly downloads: Downloads
  readonly input: ValidInput<'model.install'>
  /** What the reference means, where the caller has asked that already. */
  readonly target?: Target | undefined
  readonly effects: CallContext['effects']
  readonly log: Log
  readonly signal: AbortSignal
  readonly report: (event: InstallEvent) => void
  /** Transfers and the lease: let go when the record is committed, or will not be. */
  readonly held: AsyncDisposableStack
  /** Keeps the package's blobs from being collected before the record names them. */
  readonly lease: BlobLease
}

/** The files of a package by path, as blobs that are leased. */
export type StagedFiles = ReadonlyMap<string, StoredBlob>
