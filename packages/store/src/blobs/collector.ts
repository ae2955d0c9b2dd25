import { rmSync, statSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { BlobDigest, Clock } from '@soma/core'
import { COLLECT_PAGE_BLOBS } from '../limits.ts'
import { diskBytes } from '../files.ts'
import type { BlobPlacer } from './blob-placer.ts'
import { PARTIAL_SUFFIX, JOURNAL_SUFFIX } from './disk-partial.ts'
import type { LeaseTable } from './lease-table.ts'

export interface CollectorDeps {
  readonly placer: BlobPlacer
  readonly leases: LeaseTable
  /** Every blob some record refers to, as of now. */
  readonly referenced: () => ReadonlySet<string>
}

/**
 * Removes the blobs that nobody references or holds. Asking and removing happen in one turn, page by page: nobody can commit a
 * reference or take a lease in between.
 */
export async function collectBlobs(deps: CollectorDeps, dryRun: boolean): Promise<{ blobs: BlobDigest[]; freedBytes: number }> {
  const blobs: BlobDigest[] = []
  let freedBytes = 0
  const candidates = [...deps.placer.list()]
  for (let begin = 0; begin < candidates.length; begin += COLLECT_PAGE_BLOBS) {
    const referenced = deps.referenced()
    for (const digest of candidates.slice(begin, begin + COLLECT_PAGE_BLOBS)) {
      if (referenced.has(digest) || deps.leases.isHeld(digest)) continue
      const sizeBytes = dryRun ? deps.placer.sizeBytes(digest) : deps.placer.remove(digest)
      if (sizeBytes === undefined) continue
      blobs.push(digest)
      freedBytes += sizeBytes
    }
    await nextTurn()
  }
  return { blobs, freedBytes }
}

export interface PartialCollection {
  readonly directory: string
  readonly ageMs: number
  readonly dryRun: boolean
  /** Names of the partials somebody holds. */
  readonly open: ReadonlySet<string>
}

/** Removes partials that nobody holds or has touched for a time. @returns the bytes freed. */
export async function collectPartials(clock: Clock, { directory, ageMs, dryRun, open }: PartialCollection): Promise<number> {
  const names = new Set((await readdir(directory)).map((name) => name.replace(/\.(part|journal)$/, '')))
  let freedBytes = 0
  for (const name of names) {
    if (open.has(name)) continue
    const files = [PARTIAL_SUFFIX, JOURNAL_SUFFIX].map((suffix) => join(directory, name + suffix))
    const stats = files.map((path) => statSync(path, { throwIfNoEntry: false }))
    // Files know fractions of a millisecond, and the clock does not.
    const touchedAt = Math.floor(Math.max(...stats.map((stat) => stat?.mtimeMs ?? 0)))
    if (touchedAt > clock.now() - ageMs) continue
    freedBytes += stats.reduce((sum, stat) => sum + diskBytes(stat), 0)
    if (!dryRun) for (const path of files) rmSync(path, { force: true })
  }
  return freedBytes
}
