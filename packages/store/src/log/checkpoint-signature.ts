import { type KeyObject, createPublicKey, sign, verify } from 'node:crypto'
import { SomaError, canonicalJson } from '@soma/core'
import type { Checkpoint } from '@soma/spec'

/** base64url of the raw public keys. */
export interface LogPublicKeys {
  readonly ed25519: string
  readonly mlDsa65: string
}

/** What a checkpoint says, without its signatures. */
export type CheckpointStatement = Pick<Checkpoint, 'seq' | 'hash' | 'at'>

/** The prefix keeps these signatures from being taken for ones of anything else. */
function statementBytes({ seq, hash, at }: CheckpointStatement): Buffer {
  return Buffer.from(`soma-log-checkpoint-v1\n${canonicalJson({ at, hash, seq })}`)
}

/** Signs a statement with both keys. */
export function signCheckpoint(
  { seq, hash, at }: CheckpointStatement,
  keys: { readonly ed25519: KeyObject; readonly mlDsa65: KeyObject },
): Checkpoint {
  const message = statementBytes({ seq, hash, at })
  const signature = (key: KeyObject) => sign(null, message, key).toString('base64url')
  return { seq, hash, at, ed25519: signature(keys.ed25519), mlDsa65: signature(keys.mlDsa65) }
}

/** Tells which signatures of a checkpoint do not hold; none for a genuine one. */
export type CheckpointVerifier = (checkpoint: Checkpoint) => Array<'Ed25519' | 'ML-DSA-65'>

/**
 * Checks checkpoints, wherever they were kept, against the public keys of the log that made them.
 * @throws {SomaError} `call/malformed` when a key is not one.
 */
export function createCheckpointVerifier(publicKeys: LogPublicKeys): CheckpointVerifier {
  const ed25519 = publicKey('ed25519', publicKeys.ed25519)
  const mlDsa65 = publicKey('ml-dsa-65', publicKeys.mlDsa65)
  return (checkpoint) => {
    const message = statementBytes(checkpoint)
    const holds = (key: KeyObject, signature: string) => verify(null, message, key, Buffer.from(signature, 'base64url'))
    return [
      ...(holds(ed25519, checkpoint.ed25519) ? [] : (['Ed25519'] as const)),
      ...(holds(mlDsa65, checkpoint.mlDsa65) ? [] : (['ML-DSA-65'] as const)),
    ]
  }
}

function publicKey(algorithm: 'ed25519' | 'ml-dsa-65', text: string): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(text, 'base64url'), format: 'raw-public', asymmetricKeyType: algorithm })
  } catch (cause) {
    throw new SomaError('call/malformed', `"${text.slice(0, 16)}…" is not the base64url of an ${algorithm} public key`, { cause })
  }
}
