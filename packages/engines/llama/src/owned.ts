import type { MemoryUsage } from '@soma/spec'

/** What every loaded model has, whatever it is used for. */
export interface Owned {
  readonly device: string
  readonly dispose: () => Promise<void>
  /** @param contextBytes of the device's own memory, beside the weights. */
  readonly usage: (contextBytes: number) => MemoryUsage
}
