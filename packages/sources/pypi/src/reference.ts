import { NAME_LENGTH_MAX } from '@soma/core'
import { invalidReference } from './errors.ts'

/** A project, and which version of it. */
export interface PypiReference {
  /** Normalised: lower case, one dash for each run of `-_.`. */
  readonly project: string
  /** A version, or specifiers such as `>=1.2,<2` or `~=1.2`. */
  readonly wanted?: string
}

/** @throws {SomaError} `source/invalid-reference`. */
export async function parsePypiReference(text: string): Promise<PypiReference> {
  if (text.length > NAME_LENGTH_MAX) throw invalidReference('the name is too long')
  const [name = '', ...versions] = text.split('@')
  if (!/^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/i.test(name)) throw invalidReference(`${JSON.stringify(name)} is not a project’s name`)
  if (versions.length === 0) return { project: normaliseName(name) }
  const wanted = versions.join('@').trim()
  const { valid, validRange } = await import('@renovatebot/pep440')
  if (wanted === '' || (valid(wanted) === null && !validRange(wanted))) throw invalidReference(`${JSON.stringify(wanted)} is not a version`)
  return { project: normaliseName(name), wanted }
}

/** PEP 503. */
export function normaliseName(name: string): string {
  return name.toLowerCase().replaceAll(/[-_.]+/g, '-')
}
