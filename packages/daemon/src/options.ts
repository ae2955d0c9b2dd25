import type { Log } from '@soma/core'
import type { SomaPaths } from '@soma/host'
import type { Config } from '@soma/spec'
import type { InstalledEngine } from './engines.ts'

/** Everything a daemon is made from. */
export interface SomaOptions {
  readonly paths: SomaPaths
  readonly config: Config
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: Log
  /** The engines that come with Soma when absent. */
  readonly engines?: readonly InstalledEngine[]
}

/** Calls under way at a stop get this long to finish by themselves. */
export const DRAIN_MS = 10_000
