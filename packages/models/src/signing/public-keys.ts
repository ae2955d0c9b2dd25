import { type KeyObject, createHash, createPublicKey } from 'node:crypto'
import { SomaError } from '@soma/core'
import { RSA_BITS_MIN } from './limits.ts'

/** As `key.list` names them. */
export type KeyAlgorithm = 'ed25519' | 'ml-dsa-65' | 'ecdsa-p256' | 'ecdsa-p384' | 'ecdsa-p521' | 'rsa'

/** One public key of one algorithm. */
export interface PublicHalf {
  readonly algorithm: KeyAlgorithm
  readonly key: KeyObject
  /** What a bundle's hint may call it; the first is what ours do. */
  readonly hints: readonly [string, ...string[]]
}

/** A public key as people exchange it: one half, or the two of a hybrid key. */
export interface PublicKeys {
  /** sha256 over the DER of the halves' SubjectPublicKeyInfo, hex. */
  readonly id: string
  readonly halves: readonly PublicHalf[]
  /** The halves as PEM blocks, one after the other. */
  readonly pem: string
}

const curves: Readonly<Record<string, KeyAlgorithm>> = { prime256v1: 'ecdsa-p256', secp384r1: 'ecdsa-p384', secp521r1: 'ecdsa-p521' }
const block = /-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g

/**
 * Reads public keys from PEM: one of Ed25519, ECDSA (P-256, P-384, P-521) or RSA, or Ed25519 with ML-DSA-65.
 * @throws {SomaError} `call/invalid-input`; the text is never repeated, because it may be a private key.
 */
export function readPublicKeys(pem: string): PublicKeys {
  const blocks = [...pem.matchAll(block)]
  if (blocks.some(([, label = '']) => label.includes('PRIVATE')))
    throw invalid('it holds a private key; give only the public half away, as soma key show prints it')
  // Half of a hybrid key would be a key, too: a weaker one than was given.
  if (pem.split('-----BEGIN ').length - 1 !== blocks.length) throw invalid('a block in it is cut short; get the key anew')
  return publicKeysOf(blocks.map(([text]) => parseBlock(text)))
}

/** @throws {SomaError} `call/invalid-input` for halves that do not go together. */
export function publicKeysOf(keys: readonly KeyObject[]): PublicKeys {
  const halves = keys.map(toHalf).sort((a, b) => (a.algorithm < b.algorithm ? -1 : 1))
  const names = halves.map(({ algorithm }) => algorithm).join('+')
  if (halves.length !== 1 && names !== 'ed25519+ml-dsa-65')
    throw invalid(`expected one public key, or Ed25519 and ML-DSA-65 together; found ${names || 'none'}`)
  const id = createHash('sha256')
  for (const { key } of halves) id.update(key.export({ type: 'spki', format: 'der' }))
  return { id: id.digest('hex'), halves, pem: halves.map(({ key }) => key.export({ type: 'spki', format: 'pem' })).join('') }
}

function parseBlock(text: string): KeyObject {
  try {
    return createPublicKey(text)
  } catch {
    throw invalid('a block in it cannot be read')
  }
}

function toHalf(key: KeyObject): PublicHalf {
  return { algorithm: algorithmOf(key), key, hints: hintsOf(key) }
}

function algorithmOf(key: KeyObject): KeyAlgorithm {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  if (type === 'ed25519' || type === 'ml-dsa-65') return type
  const curve = type === 'ec' ? curves[details?.namedCurve ?? ''] : undefined
  if (curve) return curve
  if (type === 'rsa' && (details?.modulusLength ?? 0) >= RSA_BITS_MIN) return 'rsa'
  throw invalid(`${type ?? 'unknown'} keys${type === 'rsa' ? ' this short' : ''} are not taken`)
}

/** OpenSSF Model Signing names a key by the hash of its PEM, and ML-DSA keys by that of their raw bytes; older bundles hold the key itself. */
function hintsOf(key: KeyObject): [string, ...string[]] {
  const hints: [string, string] = [sha256(key.export({ type: 'spki', format: 'pem' })), sha256(key.export({ type: 'spki', format: 'der' }))]
  return key.asymmetricKeyType === 'ml-dsa-65' ? [`ML_DSA_65:${sha256(key.export({ format: 'raw-public' }))}`, ...hints] : hints
}

function sha256(bytes: string | Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function invalid(reason: string): SomaError {
  return new SomaError('call/invalid-input', `the text is not a public key in PEM that can be used: ${reason}`, { details: { reason } })
}
