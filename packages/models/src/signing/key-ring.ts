import { isSomaError } from '@soma/core'
import type { KeySummary } from '@soma/spec'
import type { Store } from '@soma/store'
import { z } from 'zod'
import { type PublicHalf, type PublicKeys, readPublicKeys } from './public-keys.ts'

/** Kind of the records that keys are; their keys are the names. */
export const KEY_KIND = 'key'

const RecordSchema = z.object({ publicPem: z.string(), canSign: z.boolean(), trusted: z.boolean(), createdAt: z.number() })

/** What is kept of a key. Its private halves are in a file of their own. */
export type KeyRecord = z.output<typeof RecordSchema>

/** A key that this machine knows. */
export interface KnownKey extends PublicKeys, Omit<KeyRecord, 'publicPem'> {
  readonly name: string
}

/** The keys that this machine knows. */
export interface KeyRing {
  readonly keys: readonly KnownKey[]
  /** By name, else by id. */
  find(reference: string): KnownKey | undefined
  /** The half of a key that a bundle's hint names. */
  byHint(hint: string): { readonly key: KnownKey; readonly half: PublicHalf } | undefined
}

/** The keys as they are now. They are few, and read anew each time; a damaged record is no key. */
export function readKeyRing(store: Pick<Store, 'records'>): KeyRing {
  return createKeyRing(store.records.scan(KEY_KIND).flatMap((row) => ('value' in row ? readKey(row.key, row.value) : [])))
}

export function createKeyRing(keys: readonly KnownKey[]): KeyRing {
  const byHint = new Map(keys.flatMap((key) => key.halves.flatMap((half) => half.hints.map((hint) => [hint, { key, half }] as const))))
  return {
    keys,
    find: (reference) => keys.find(({ name }) => name === reference) ?? keys.find(({ id }) => id === reference),
    byHint: (hint) => byHint.get(hint),
  }
}

/** A key as the calls show it. */
export function summariseKey({ id, name, halves, canSign, trusted, createdAt }: KnownKey): KeySummary {
  return { id, name, algorithms: halves.map(({ algorithm }) => algorithm), canSign, trusted, createdAt }
}

function readKey(name: string, value: unknown): KnownKey[] {
  const parsed = RecordSchema.safeParse(value)
  if (!parsed.success) return []
  const { publicPem, ...record } = parsed.data
  try {
    return [{ name, ...record, ...readPublicKeys(publicPem) }]
  } catch (error) {
    if (isSomaError(error)) return []
    throw error
  }
}
