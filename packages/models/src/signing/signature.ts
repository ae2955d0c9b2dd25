import { verify } from 'node:crypto'
import type { KeyAlgorithm, PublicHalf } from './public-keys.ts'

/** As Sigstore pairs curves and hashes; Ed25519 and ML-DSA hash by themselves. */
const digestNames: Readonly<Record<KeyAlgorithm, string | null>> = {
  ed25519: null,
  'ml-dsa-65': null,
  'ecdsa-p256': 'sha256',
  'ecdsa-p384': 'sha384',
  'ecdsa-p521': 'sha512',
  rsa: 'sha256',
}

/** The hash that a signature of this algorithm is made over, as node:crypto names it. */
export function digestNameOf(algorithm: KeyAlgorithm): string | null {
  return digestNames[algorithm]
}

/** Whether a signature holds: ECDSA in DER, RSA as PKCS #1 v1.5. */
export function holds({ algorithm, key }: PublicHalf, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    return verify(digestNameOf(algorithm), message, key, signature)
  } catch {
    // OpenSSL throws for some signatures that are no such thing at all.
    return false
  }
}
