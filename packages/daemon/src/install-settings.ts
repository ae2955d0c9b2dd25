import type { Config } from '@soma/spec'

/** `install.*` as it is now: unlike the other settings it may change while the daemon runs. */
export class InstallSettings {
  readonly #alwaysOffline: boolean
  #now: Config['install']

  constructor(settings: Config['install'], env: Readonly<Record<string, string | undefined>>) {
    this.#alwaysOffline = env['SOMA_OFFLINE'] === '1'
    this.#now = settings
  }

  get now(): Config['install'] {
    return this.#alwaysOffline ? { ...this.#now, offline: true } : this.#now
  }

  change(settings: Config['install']): void {
    this.#now = settings
  }
}
