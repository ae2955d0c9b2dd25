import { NAME_LENGTH_MAX } from '@soma/core'
import { invalidReference } from './errors.ts'

/** What stands after `modelscope/`. */
export interface ModelScopeReference {
  readonly repository: string
  /** Branch, tag or commit. */
  readonly revision: string
  /** Variant, format, file or glob. */
  readonly selector?: string
}

const DEFAULT_REVISION = 'master'
const part = /^[a-z0-9_][a-z0-9._-]{0,95}$/i
const revisionPattern = /^(?!\/|.*(\.\.|\/\/|\/$))[\w./-]{1,200}$/

/** @throws {SomaError} `source/invalid-reference`. */
export function parseModelScopeReference(text: string): ModelScopeReference {
  if (text.length > NAME_LENGTH_MAX) throw invalidReference(text, 'it is too long')
  const [, repository = '', revision = DEFAULT_REVISION, selector] = /^([^@:]*)(?:@([^:]*))?(?::(.*))?$/s.exec(text) ?? []
  const parts = repository.split('/')
  if (parts.length !== 2 || !parts.every((one) => part.test(one) && !one.includes('..')))
    throw invalidReference(text, `${JSON.stringify(repository)} is no name of a model`)
  if (!revisionPattern.test(revision)) throw invalidReference(text, `${JSON.stringify(revision)} is no revision`)
  if (selector === '' || selector?.startsWith('/')) throw invalidReference(text, 'after the colon a file or a variant is expected')
  return { repository, revision: revision === 'latest' ? DEFAULT_REVISION : revision, ...(selector !== undefined && { selector }) }
}

/** The reference again. */
export function formatModelScopeReference({ repository, revision, selector }: ModelScopeReference): string {
  return `modelscope/${repository}@${revision}${selector === undefined ? '' : `:${selector}`}`
}
