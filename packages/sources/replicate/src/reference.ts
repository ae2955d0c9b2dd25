import { invalidReference } from './errors.ts'
import { REFERENCE_LENGTH_MAX } from './limits.ts'

export interface ReplicateReference {
  readonly owner: string
  readonly name: string
  /** 64 hex digits. */
  readonly version?: string
}

const PART = /^[a-z0-9][a-z0-9._-]*$/i

/** Reads `owner/name`, `owner/name@version` and Replicate's own `owner/name:version`. @throws {SomaError} `source/invalid-reference`. */
export function parseReplicateReference(text: string): ReplicateReference {
  if (text.length > REFERENCE_LENGTH_MAX) throw invalidReference(`the reference is longer than ${REFERENCE_LENGTH_MAX} characters`)
  const [, owner = '', name = '', version] = /^([^/@:]+)\/([^/@:]+)(?:[@:]([^/@:]*))?$/.exec(text) ?? []
  if (!PART.test(owner) || !PART.test(name)) throw invalidReference(`${JSON.stringify(text)} is no model’s owner and name`)
  if (version === undefined || version === 'latest') return { owner, name }
  if (!/^[0-9a-f]{64}$/.test(version)) throw invalidReference(`${JSON.stringify(version)} is no version`)
  return { owner, name, version }
}
