import type { Clock, Log } from '@soma/core'
import type { Store } from '@soma/store'
import type { InstallSettings } from '../install/deps.ts'
import type { Running } from '../ports.ts'
import type { ModelRegistry } from '../registry/registry.ts'

/** What changing the versions of models needs of the rest of the system. */
export interface VersionDeps {
  readonly store: Store
  readonly registry: ModelRegistry
  readonly running: Running
  readonly clock: Clock
  readonly log: Log
  readonly settings: () => VersionSettings
  /** Work that goes on after the call; waited for when the daemon stops. */
  readonly background: (work: Promise<void>) => void
}

/** Those of `install.*` that matter here. */
export interface VersionSettings extends Pick<InstallSettings, 'signatures' | 'licencesRefused'> {
  /** Earlier versions kept of each model. */
  readonly keepVersions: number
  /** Never use the network. */
  readonly offline: boolean
}
