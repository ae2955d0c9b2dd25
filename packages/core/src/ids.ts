import type { Brand } from './brand.ts'
import { SomaError } from './error.ts'

/** Who calls: `owner`, `anonymous`, `token:<id>`; later `agent:<id>` and `node:<id>`. */
export type PrincipalId = Brand<string, 'PrincipalId'>
/** One entry of the kernel's capability table, `cap_` and 16 base-36 characters. */
export type CapabilityId = Brand<string, 'CapabilityId'>
/** One dispatched call, unique in the audit log, `call_` and 16 base-36 characters. */
export type CallId = Brand<string, 'CallId'>
/** A bearer token's public half, `tok_` and 16 base-36 characters. */
export type TokenId = Brand<string, 'TokenId'>
/** The address of a blob's content, `sha256:` and 64 lower-case hex digits. */
export type BlobDigest = Brand<string, 'BlobDigest'>

const idBody = /^[0-9a-z]{16}$/

/** The principals that always exist. */
export const OWNER = 'owner' as PrincipalId
export const ANONYMOUS = 'anonymous' as PrincipalId

/**
 * @returns `text` as a blob digest.
 * @throws {SomaError} `call/invalid-input` when it is not `sha256:` and 64 hex digits.
 */
export function parseBlobDigest(text: string): BlobDigest {
  if (isBlobDigest(text)) return text
  throw new SomaError('call/invalid-input', `"${text.slice(0, 80)}" is not a digest; expected sha256: and 64 hex digits`)
}

export function isBlobDigest(text: string): text is BlobDigest {
  return /^sha256:[0-9a-f]{64}$/.test(text)
}

export function isCapabilityId(text: string): text is CapabilityId {
  return hasPrefix(text, 'cap_')
}

export function isTokenId(text: string): text is TokenId {
  return hasPrefix(text, 'tok_')
}

export function isCallId(text: string): text is CallId {
  return hasPrefix(text, 'call_')
}

function hasPrefix(text: string, prefix: string): boolean {
  return text.startsWith(prefix) && idBody.test(text.slice(prefix.length))
}
