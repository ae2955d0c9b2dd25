import type { VersionDeps } from './deps.ts'

/** Frees, behind the call, what no record names any more. The bytes go after the record is gone for good, and not before. */
export function collectLater(
  deps: Pick<VersionDeps, 'store' | 'log' | 'background'>,
  options: { readonly partialAgeMs?: number } = {},
): void {
  const { store, log } = deps
  const collect = async (): Promise<void> => {
    try {
      const { freedBytes } = await store.blobs.collect(options)
      if (freedBytes > 0) log.debug('freed what no model needs any more', { freedBytes })
    } catch (error) {
      log.warn('what no model needs any more could not be freed; it will be with the next collection', { error })
    }
  }
  deps.background(collect())
}
