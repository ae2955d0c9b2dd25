import { NAME_LENGTH_MAX } from '@soma/core'
import { invalidReference } from './errors.ts'

/** What stands after `hf/`: a repository, a revision, and what of it. */
export interface HubReference {
  /** `org/name`, or `name` for the oldest models. */
  readonly repository: string
  /** Branch, tag, commit or `refs/pr/<n>`; absent for the head of the default branch. */
  readonly revision?: string
  /** Variant, format, file or glob. */
  readonly selector?: string
}

const part = /^\w([\w.-]{0,94}\w)?$/
/** What git allows in names of branches and tags, without what a URL or a reference would read as something else. */
const revisionPattern = /^(?!\/|.*(\.\.|\/\/|@\{|\/$|\.lock$))[^\s~^:?*[\\#%\p{Cc}]{1,200}$/u

/** @throws {SomaError} `source/invalid-reference`. */
export function parseHubReference(text: string): HubReference {
  if (text.length > NAME_LENGTH_MAX) throw invalidReference(text, 'it is too long')
  const [, repository = '', revision, selector] = /^([^@:]*)(?:@([^:]*))?(?::(.*))?$/s.exec(text) ?? []
  const parts = repository.split('/')
  if (parts.length > 2 || !parts.every((one) => part.test(one) && !/--|\.\./.test(one)))
    throw invalidReference(text, `${JSON.stringify(repository)} is no name of a model`)
  if (revision !== undefined && !revisionPattern.test(revision)) throw invalidReference(text, `${JSON.stringify(revision)} is no revision`)
  if (selector === '' || selector?.startsWith('/')) throw invalidReference(text, 'after the colon a file or a variant is expected')
  return {
    repository,
    ...(revision !== undefined && revision !== 'latest' && { revision }),
    ...(selector !== undefined && { selector }),
  }
}

/** The reference again. */
export function formatHubReference({ repository, revision, selector }: HubReference): string {
  return `hf/${repository}${revision === undefined ? '' : `@${revision}`}${selector === undefined ? '' : `:${selector}`}`
}
