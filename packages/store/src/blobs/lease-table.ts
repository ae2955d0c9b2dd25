import type { BlobDigest } from '@soma/core'
import type { BlobLease } from './blob-store.ts'

/** Counts who holds which blob. */
export class LeaseTable {
  readonly #holders = new Map<BlobDigest, number>()

  lease(digests: readonly BlobDigest[]): BlobLease {
    const held: BlobDigest[] = []
    const lease = {
      add: (digest: BlobDigest) => {
        held.push(digest)
        this.#holders.set(digest, (this.#holders.get(digest) ?? 0) + 1)
      },
      [Symbol.dispose]: () => {
        for (const digest of held.splice(0)) this.#release(digest)
      },
    }
    for (const digest of digests) lease.add(digest)
    return lease
  }

  #release(digest: BlobDigest): void {
    const others = (this.#holders.get(digest) ?? 0) - 1
    if (others > 0) this.#holders.set(digest, others)
    else this.#holders.delete(digest)
  }

  isHeld(digest: BlobDigest): boolean {
    return this.#holders.has(digest)
  }
}
