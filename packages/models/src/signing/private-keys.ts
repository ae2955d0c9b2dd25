import { type KeyObject, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { SomaError } from '@soma/core'
import { type Store, readSmallFile, writeFileDurably } from '@soma/store'
import { KEY_FILE_BYTES_MAX } from './limits.ts'
import { type PublicHalf, type PublicKeys, publicKeysOf } from './public-keys.ts'
import { digestNameOf } from './signature.ts'

/** `hybrid` is Ed25519 and ML-DSA-65 together. */
export type NewKeyAlgorithm = 'hybrid' | 'ecdsa-p256'

/** A key that signs. The private halves never leave this. */
export interface SigningKey {
  readonly publicKeys: PublicKeys
  /** One signature for each half, in their order. */
  sign(message: Uint8Array): Array<{ readonly half: PublicHalf; readonly signature: Buffer }>
}

/**
 * Makes a key and writes its private halves to a file that only this user may read (0600), like the log's own keys.
 * @returns the public halves. Only the file knows the others.
 */
export function createPrivateKeys(store: Pick<Store, 'directory'>, algorithm: NewKeyAlgorithm): PublicKeys {
  const pairs =
    algorithm === 'hybrid'
      ? [generateKeyPairSync('ed25519'), generateKeyPairSync('ml-dsa-65')]
      : [generateKeyPairSync('ec', { namedCurve: 'P-256' })]
  const publicKeys = publicKeysOf(pairs.map(({ publicKey }) => publicKey))
  const pem = pairs.map(({ privateKey }) => privateKey.export({ type: 'pkcs8', format: 'pem' })).join('')
  writeFileDurably(keyFile(store, publicKeys.id), pem, { temporary: join(store.directory, 'tmp') })
  return publicKeys
}

/**
 * Opens the key that signs as `id`.
 * @throws {SomaError} `key/not-found` when its file is gone; `store/corrupt` when it is not the key it was.
 */
export function openSigningKey(store: Pick<Store, 'directory'>, { id, name }: { readonly id: string; readonly name: string }): SigningKey {
  const path = keyFile(store, id)
  const pem = readSmallFile(path, KEY_FILE_BYTES_MAX)
  if (pem === undefined)
    throw new SomaError('key/not-found', `the private half of key ${name} is not on this machine; sign with another key`, {
      details: { key: name },
    })
  const found = parsePrivateKeys(pem)
  if (found?.publicKeys.id !== id)
    throw new SomaError('store/corrupt', `${path} is not the key that ${name} was; restore the file, or remove the key and make another`, {
      details: { path, key: name },
    })
  const { keys, publicKeys } = found
  const byType = new Map(keys.map((key) => [key.asymmetricKeyType, key]))
  return {
    publicKeys,
    sign: (message) =>
      publicKeys.halves.flatMap((half) => {
        const key = byType.get(half.key.asymmetricKeyType)
        return key ? [{ half, signature: sign(digestNameOf(half.algorithm), message, key) }] : []
      }),
  }
}

export function removePrivateKeys(store: Pick<Store, 'directory'>, id: string): void {
  rmSync(keyFile(store, id), { force: true })
}

function keyFile({ directory }: Pick<Store, 'directory'>, id: string): string {
  return join(directory, 'keys', `${id}.pem`)
}

function parsePrivateKeys(pem: string): { readonly keys: readonly KeyObject[]; readonly publicKeys: PublicKeys } | undefined {
  try {
    const keys = [...pem.matchAll(/-----BEGIN [A-Z ]+-----[^-]*-----END [A-Z ]+-----/g)].map(([text]) => createPrivateKey(text))
    return { keys, publicKeys: publicKeysOf(keys.map((key) => createPublicKey(key))) }
  } catch {
    return undefined
  }
}
