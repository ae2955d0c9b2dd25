import { type KeyObject, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { join } from 'node:path'
import type { Checkpoint } from '@soma/spec'
import type { Database } from '../database/database.ts'
import { corruptError } from '../database/sqlite-error.ts'
import { readSmallFile, writeFileDurably } from '../files.ts'
import { KEY_FILE_BYTES_MAX } from '../limits.ts'
import { type CheckpointStatement, type LogPublicKeys, signCheckpoint } from './checkpoint-signature.ts'

type Algorithm = 'ed25519' | 'ml-dsa-65'

export interface SigningKeys {
  readonly publicKeys: LogPublicKeys
  sign(statement: CheckpointStatement): Checkpoint
}

/**
 * The log's two keys. Two signatures by unlike mathematics: a forger must break elliptic curves and lattices both. Ed25519 is
 * what every tool can check today; ML-DSA-65 (FIPS 204) is what a quantum computer does not break.
 *
 * They are made when the database is new and pinned in it, so that keys that were exchanged later are found.
 * @throws {SomaError} `store/corrupt` naming the file that is missing, unreadable or not the pinned one.
 */
export function openSigningKeys(database: Database, folders: { readonly keys: string; readonly temporary: string }): SigningKeys {
  const pinned = new Map(
    database
      .guard(() => database.prepare('SELECT algorithm, public_key FROM signing_keys').all())
      .map((row) => [row['algorithm'], row['public_key']]),
  )
  const open = (algorithm: Algorithm): { privateKey: KeyObject; publicKey: string } => {
    const path = join(folders.keys, `${algorithm}.pem`)
    const privateKey = readKey(path, algorithm) ?? (pinned.size === 0 ? createKey(path, algorithm, folders.temporary) : undefined)
    if (!privateKey) throw corruptError(path, 'the key that signed the log’s checkpoints is missing')
    const publicKey = createPublicKey(privateKey).export({ format: 'raw-public' }).toString('base64url')
    if (pinned.size > 0 && pinned.get(algorithm) !== publicKey)
      throw corruptError(path, 'it is not the key that signed the log’s checkpoints')
    return { privateKey, publicKey }
  }
  const ed25519 = open('ed25519')
  const mlDsa65 = open('ml-dsa-65')
  if (pinned.size === 0) pin(database, { ed25519: ed25519.publicKey, 'ml-dsa-65': mlDsa65.publicKey })
  return {
    publicKeys: { ed25519: ed25519.publicKey, mlDsa65: mlDsa65.publicKey },
    sign: (statement) => signCheckpoint(statement, { ed25519: ed25519.privateKey, mlDsa65: mlDsa65.privateKey }),
  }
}

function readKey(path: string, algorithm: Algorithm): KeyObject | undefined {
  const pem = readSmallFile(path, KEY_FILE_BYTES_MAX)
  if (pem === undefined) return undefined
  try {
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyType === algorithm) return key
  } catch (cause) {
    throw corruptError(path, 'it is not a private key in PEM', cause)
  }
  throw corruptError(path, `it holds no ${algorithm} key`)
}

function createKey(path: string, algorithm: Algorithm, temporary: string): KeyObject {
  // Two calls, because the overloads are one for each algorithm.
  const { privateKey } = algorithm === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ml-dsa-65')
  writeFileDurably(path, privateKey.export({ type: 'pkcs8', format: 'pem' }), { temporary })
  return privateKey
}

function pin(database: Database, publicKeys: Readonly<Record<Algorithm, string>>): void {
  const insert = database.prepare('INSERT INTO signing_keys (algorithm, public_key) VALUES (?, ?)')
  database.transaction(() => {
    for (const [algorithm, publicKey] of Object.entries(publicKeys)) insert.run(algorithm, publicKey)
  })
}
