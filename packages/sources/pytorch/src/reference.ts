import { NAME_LENGTH_MAX } from '@soma/core'
import { invalidReference } from './errors.ts'
import { fileNameOf, hashPrefixOf, isWeightsFile } from './weights-url.ts'

/** An entry of a repository's `hubconf.py`, as `torch.hub.load('owner/repo:ref', 'entry')` names it. */
export interface HubReference {
  /** `owner/repo`. */
  readonly repository: string
  /** Branch, tag or commit; absent for the default branch. */
  readonly ref?: string
  readonly entry: string
  /** Member of the entry's weights enum, name of a weights file, or the beginning of its hash. */
  readonly weights?: string
}

const DEFAULT_OWNER = 'pytorch'
const part = /^(?!\.)[\w.-]{1,100}$/
const refPattern = /^(?!\/|.*(\.\.|\/\/|\/$))[\w./-]{1,200}$/
const entryPattern = /^[A-Za-z]\w{0,127}$/

/** @throws {SomaError} `source/invalid-reference`. */
export function parseHubReference(text: string): HubReference {
  if (text.length > NAME_LENGTH_MAX) throw invalidReference(text, 'it is too long')
  // The ref may hold slashes, the entry holds none: the last slash before @ is what divides them.
  const at = text.indexOf('@')
  const path = at < 0 ? text : text.slice(0, at)
  const last = path.lastIndexOf('/')
  const entry = path.slice(last + 1)
  const [named = '', ...refs] = path.slice(0, Math.max(last, 0)).split(':')
  const repository = named.includes('/') ? named : `${DEFAULT_OWNER}/${named}`
  if (repository.split('/').length !== 2 || !repository.split('/').every((one) => part.test(one)))
    throw invalidReference(text, `${JSON.stringify(named)} is no repository`)
  if (!entryPattern.test(entry)) throw invalidReference(text, `${JSON.stringify(entry)} is no name of an entry`)
  const ref = refs.length === 0 ? undefined : refs.join(':')
  return { repository, entry, ...readSuffix(text, ref, at < 0 ? undefined : text.slice(at + 1)) }
}

/** What stands after `@` is weights when it is written as weights are, and a ref otherwise. */
function readSuffix(text: string, ref: string | undefined, suffix: string | undefined): Pick<HubReference, 'ref' | 'weights'> {
  const weights = suffix !== undefined && isWeightsName(suffix)
  const latest = suffix === undefined || suffix === 'latest' || weights
  if (!latest && ref !== undefined) throw invalidReference(text, 'it has two refs')
  const wanted = latest ? ref : suffix
  if (wanted !== undefined && !refPattern.test(wanted))
    throw invalidReference(text, `${JSON.stringify(wanted)} is no branch, tag or commit`)
  return { ...(wanted !== undefined && { ref: wanted }), ...(weights && { weights: suffix }) }
}

/** `IMAGENET1K_V2`, `resnet50-0676ba61.pth`, `0676ba61`. */
function isWeightsName(text: string): boolean {
  return /^[A-Z][A-Z0-9_]*$/.test(text) || /^[0-9a-f]{8,39}$/.test(text) || (isWeightsFile(text) && /^[\w.+-]+$/.test(text))
}

/** @throws {SomaError} `source/invalid-reference`, also for weights that could be others tomorrow: `url/` takes those. */
export function parseWeightsAddress(text: string): string {
  if (!URL.canParse(text) || text.length > NAME_LENGTH_MAX) throw invalidReference(text, 'it is no web address')
  const url = new URL(text)
  url.hash = ''
  if (hashPrefixOf(fileNameOf(url.href)) === undefined)
    throw invalidReference(text, 'the name of the weights holds no hash (name-<hex digits>.pth); url/ takes any address')
  return url.href
}

/** The reference again. */
export function formatHubReference({ repository, ref, entry, weights }: HubReference): string {
  const short = repository.startsWith(`${DEFAULT_OWNER}/`) ? repository.slice(DEFAULT_OWNER.length + 1) : repository
  return `pytorch/${short}${ref === undefined ? '' : `:${ref}`}/${entry}${weights === undefined ? '' : `@${weights}`}`
}
