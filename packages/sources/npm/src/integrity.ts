import type { Integrity } from '@soma/spec'

/** Strongest first. sha384 is allowed by the format, but no registry writes it. */
const algorithms = ['sha512', 'sha256', 'sha1'] as const

/** The strongest hash of a subresource-integrity string (`sha512-<base64> …`), else the old hexadecimal sha1. */
export function parseIntegrity(integrity: string | undefined, shasum: string | undefined): Integrity | undefined {
  const hashes = (integrity ?? '').split(/\s+/)
  for (const algorithm of algorithms) {
    const hash = hashes.find((entry) => entry.startsWith(`${algorithm}-`))
    const base64 = hash?.slice(algorithm.length + 1).replace(/\?.*$/, '')
    if (base64 !== undefined && base64 !== '') return { algorithm, digest: Buffer.from(base64, 'base64').toString('hex') }
  }
  return shasum !== undefined && /^[0-9a-f]{40}$/i.test(shasum) ? { algorithm: 'sha1', digest: shasum.toLowerCase() } : undefined
}
