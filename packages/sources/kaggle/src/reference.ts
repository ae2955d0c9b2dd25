import { invalidReference } from './errors.ts'
import { REFERENCE_LENGTH_MAX } from './limits.ts'

/** A variation of a model, as Kaggle names it. */
export interface KaggleReference {
  readonly owner: string
  readonly model: string
  /** `tensorFlow2`, `pyTorch`, `gemmaCpp`: as it was written. */
  readonly framework: string
  readonly variation: string
  readonly version?: number
}

const PART = /^[a-z0-9][a-z0-9._-]*$/i

/** Reads `owner/model/framework/variation`, `…@3`, `…/3`, and addresses of Kaggle's pages. @throws {SomaError} `source/invalid-reference`. */
export function parseKaggleReference(text: string): KaggleReference {
  if (text.length > REFERENCE_LENGTH_MAX) throw invalidReference(`the reference is longer than ${REFERENCE_LENGTH_MAX} characters`)
  const fromPage = parsePage(text)
  if (fromPage) return fromPage
  const [path = '', ...versions] = text.split('@')
  if (versions.length > 1) throw invalidReference(`${JSON.stringify(text)} has two versions`)
  const parts = path.split('/')
  if (parts.length === 5 && versions.length === 0) return fromParts(parts.slice(0, 4), parts[4])
  return fromParts(parts, versions[0])
}

/** `https://www.kaggle.com/models/owner/model/framework/variation/3`, and the older form with the words between. */
export function parsePage(text: string): KaggleReference | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:') return undefined
  const [models, owner, model, ...rest] = url.pathname.split('/').filter((part) => part !== '')
  if (models !== 'models' || owner === undefined || model === undefined) return undefined
  const [framework, variation, version] = rest.filter(
    (part, at) => !(at % 2 === 0 && ['frameworks', 'variations', 'versions'].includes(part)),
  )
  if (framework === undefined || variation === undefined) return undefined
  return fromParts([owner, model, framework, variation], version)
}

function fromParts(parts: readonly string[], version: string | undefined): KaggleReference {
  const [owner = '', model = '', framework = '', variation = ''] = parts
  if (parts.length !== 4 || !parts.every((part) => PART.test(part)))
    throw invalidReference(`${JSON.stringify(parts.join('/'))} is no variation of a model`)
  if (version !== undefined && version !== 'latest' && !/^[1-9]\d{0,8}$/.test(version))
    throw invalidReference(`${JSON.stringify(version)} is no version; they are numbers`)
  return { owner, model, framework, variation, ...(version !== undefined && version !== 'latest' && { version: Number(version) }) }
}

/** `owner/model/framework/variation`. */
export function pathOf({ owner, model, framework, variation }: KaggleReference): string {
  return [owner, model, framework, variation].join('/')
}

export function pageOf(reference: KaggleReference, endpoint: URL): string {
  return new URL(`models/${pathOf(reference)}`, endpoint).href
}
