import { hash } from 'node:crypto'

/** A place on the chain: the entry's position and hash. */
export interface Link {
  readonly seq: number
  readonly hash: string
}

/** Hex digits of a sha256. */
export const HASH_LENGTH = 64
/** What the first entry follows. */
export const GENESIS: Link = { seq: 0, hash: '0'.repeat(HASH_LENGTH) }

/** The hash of the entry that follows `previousHash` with `body`: sha256 over the 64 hex digits and the body's UTF-8. */
export function chainHash(previousHash: string, body: string): string {
  return hash('sha256', previousHash + body)
}

/** Ties a stored head together, so that a damaged one is told from one that was left behind. */
export function linkChecksum(link: Link): string {
  return hash('sha256', `head ${link.seq} ${link.hash}`)
}

/** @returns the link that was stored as `seq`, `hash` and `checksum`, or undefined when it is damaged. */
export function readLink(seq: unknown, storedHash: unknown, checksum: unknown): Link | undefined {
  if (typeof seq !== 'number' || !Number.isSafeInteger(seq) || typeof storedHash !== 'string') return undefined
  const link = { seq, hash: storedHash }
  return linkChecksum(link) === checksum ? link : undefined
}

export function sameLink(a: Link, b: Link): boolean {
  return a.seq === b.seq && a.hash === b.hash
}
