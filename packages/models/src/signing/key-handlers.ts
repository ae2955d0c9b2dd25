import { type Clock, SomaError } from '@soma/core'
import { type CallContext, type CallOutput, type Handlers, type ValidInput, nearestOf } from '@soma/spec'
import type { Store } from '@soma/store'
import { KEY_KIND, type KeyRecord, type KeyRing, type KnownKey, readKeyRing, summariseKey } from './key-ring.ts'
import { KEYS_MAX } from './limits.ts'
import { createPrivateKeys, removePrivateKeys } from './private-keys.ts'
import { type PublicKeys, readPublicKeys } from './public-keys.ts'

export interface KeyDeps {
  readonly store: Store
  readonly clock: Clock
}

type KeyCall = 'key.list' | 'key.create' | 'key.show' | 'key.import' | 'key.trust' | 'key.remove'

/** The calls on keys. No output, event, log line or record ever holds a private half. */
export function createKeyHandlers(deps: KeyDeps): Required<Pick<Handlers, KeyCall>> {
  const ring = (): KeyRing => readKeyRing(deps.store)
  return {
    'key.list': (_input, ctx) => ({
      keys: ring()
        .keys.filter(({ name }) => ctx.allows(`key/${name}`, 'list'))
        .map(summariseKey),
    }),
    'key.show': ({ key }) => shown(findKey(ring(), key)),
    'key.create': (input, ctx) => createKey(deps, input, ctx),
    'key.import': (input, ctx) => importKey(deps, input, ctx),
    'key.trust': ({ key, trusted }, ctx) => {
      const known = { ...findKey(ring(), key), trusted }
      putKey(ctx, known)
      return { key: summariseKey(known) }
    },
    'key.remove': ({ key }, ctx) => {
      const known = findKey(ring(), key)
      ctx.effects.delete(KEY_KIND, known.name)
      ctx.effects.committed(() => removePrivateKeys(deps.store, known.id))
      return { key: summariseKey(known) }
    },
  }
}

/** @throws {SomaError} `key/not-found` with the nearest names in `details.nearest`. */
export function findKey(ring: KeyRing, reference: string): KnownKey {
  const found = ring.find(reference)
  if (found) return found
  const nearest = nearestOf(
    reference,
    ring.keys.map(({ name }) => name),
  )
  const hint = nearest.length > 0 ? `did you mean ${nearest.join(', ')}?` : 'soma key list shows those that there are'
  throw new SomaError('key/not-found', `no key is called ${JSON.stringify(reference)}; ${hint}`, { details: { key: reference, nearest } })
}

/** The private halves are on disk before the record says so, and gone again when there will be no record. */
function createKey(deps: KeyDeps, { name, algorithm }: ValidInput<'key.create'>, ctx: CallContext): CallOutput<'key.create'> {
  checkRoom(readKeyRing(deps.store), name)
  const publicKeys = createPrivateKeys(deps.store, algorithm)
  let kept = false
  ctx.effects.committed(() => void (kept = true))
  ctx.effects.settled(() => {
    if (!kept) removePrivateKeys(deps.store, publicKeys.id)
  })
  ctx.effects.require(() => checkRoom(readKeyRing(deps.store), name))
  const key: KnownKey = { ...publicKeys, name, canSign: true, trusted: true, createdAt: deps.clock.now() }
  putKey(ctx, key)
  return shown(key)
}

/** Importing what is here already changes nothing but whether it is trusted. */
function importKey(deps: KeyDeps, { name, publicPem, trusted }: ValidInput<'key.import'>, ctx: CallContext): CallOutput<'key.import'> {
  const publicKeys = readPublicKeys(publicPem)
  const same = checkRoom(readKeyRing(deps.store), name, publicKeys)
  ctx.effects.require(() => void checkRoom(readKeyRing(deps.store), name, publicKeys))
  const key: KnownKey = { ...publicKeys, name, canSign: same?.canSign ?? false, trusted, createdAt: same?.createdAt ?? deps.clock.now() }
  putKey(ctx, key)
  return { key: summariseKey(key) }
}

/** @returns the key of that name if it is this very one. */
function checkRoom(ring: KeyRing, name: string, wanted?: PublicKeys): KnownKey | undefined {
  const named = ring.keys.find((key) => key.name === name)
  if (named && named.id !== wanted?.id)
    throw new SomaError('key/exists', `another key is called ${name} (${named.id}); choose another name, or remove it first`, {
      details: { name, id: named.id },
    })
  const here = ring.keys.find(({ id }) => id === wanted?.id)
  if (here && here.name !== name)
    throw new SomaError('key/exists', `this key is here already, as ${here.name}`, { details: { name: here.name, id: here.id } })
  if (!named && ring.keys.length >= KEYS_MAX)
    throw new SomaError('resource/exhausted', `there are ${KEYS_MAX} keys; remove one first`, {
      details: { keysMax: KEYS_MAX },
      retryable: false,
    })
  return named
}

function putKey({ effects }: CallContext, { name, id, pem, canSign, trusted, createdAt }: KnownKey): void {
  effects.put(KEY_KIND, name, { publicPem: pem, canSign, trusted, createdAt } satisfies KeyRecord)
  effects.emit({ name: 'key.changed', resource: `key/${name}`, data: { name, id, trusted } })
}

function shown(key: KnownKey): CallOutput<'key.show'> {
  return { key: summariseKey(key), publicPem: key.pem }
}
