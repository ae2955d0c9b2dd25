import { invalidReference } from './errors.ts'
import { REFERENCE_LENGTH_MAX } from './limits.ts'

export interface AxonReference {
  readonly namespace: string
  /** May have parts: `EleutherAI/gpt-neo-1.3B`. */
  readonly name: string
  /** `latest` where none was given. */
  readonly version: string
  /** What the archive must hash to, lower-case hex. */
  readonly sha256?: string
}

const PART = /^[a-z0-9][a-z0-9._+-]*$/i

/** @throws {SomaError} `source/invalid-reference`. */
export function parseAxonReference(text: string): AxonReference {
  if (text.length > REFERENCE_LENGTH_MAX) throw invalidReference(`the reference is longer than ${REFERENCE_LENGTH_MAX} characters`)
  const { path, version, sha256 } = /^(?<path>[^@#]*)(@(?<version>[^@#]*))?(#sha256=(?<sha256>[0-9a-f]{64}))?$/i.exec(text)?.groups ?? {}
  const [namespace = '', ...rest] = (path ?? '').split('/')
  if (rest.length === 0 || ![namespace, ...rest].every((part) => PART.test(part)))
    throw invalidReference(`${JSON.stringify(text)} is no model’s namespace and name`)
  if (version !== undefined && !PART.test(version)) throw invalidReference(`${JSON.stringify(version)} is no version`)
  return { namespace, name: rest.join('/'), version: version ?? 'latest', ...(sha256 !== undefined && { sha256: sha256.toLowerCase() }) }
}

export function formatAxonReference({ namespace, name, version, sha256 }: AxonReference): string {
  return `axon/${namespace}/${name}@${version}${sha256 === undefined ? '' : `#sha256=${sha256}`}`
}
