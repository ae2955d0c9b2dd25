import { parseJson } from '@soma/core'
import { publicUrl } from '@soma/spec'
import { z } from 'zod'
import { badPage } from './errors.ts'
import { parseLinks } from './html.ts'

/** One file of a project, as its index lists it. */
export interface IndexFile {
  readonly fileName: string
  /** Absolute, without fragment. */
  readonly url: string
  readonly sizeBytes?: number
  /** Algorithm → hexadecimal digest. */
  readonly hashes: Readonly<Record<string, string>>
  readonly requiresPython?: string
  /** Withdrawn by its author; the reason, which may be empty. */
  readonly yanked?: string
  /** The wheel's METADATA lies beside it (PEP 658). */
  readonly hasMetadata: boolean
}

const MetadataMark = z.union([z.boolean(), z.record(z.string(), z.string())]).optional()

/** PEP 691 and 700. */
const Page = z.object({
  files: z.array(
    z.object({
      filename: z.string(),
      url: z.string(),
      size: z.number().int().nonnegative().optional(),
      hashes: z.record(z.string(), z.string()).default({}),
      'requires-python': z.string().nullish(),
      yanked: z.union([z.boolean(), z.string()]).optional(),
      'core-metadata': MetadataMark,
      'dist-info-metadata': MetadataMark,
    }),
  ),
})

/** Reads a project's page: JSON (PEP 691), or HTML (PEP 503) of an index that has only that. */
export function parsePage(bytes: Uint8Array, contentType: string, pageUrl: string): IndexFile[] {
  try {
    return /json/i.test(contentType) ? parseJsonPage(bytes, pageUrl) : parseHtmlPage(new TextDecoder().decode(bytes), pageUrl)
  } catch (cause) {
    throw badPage(publicUrl(pageUrl), cause)
  }
}

function parseJsonPage(bytes: Uint8Array, pageUrl: string): IndexFile[] {
  return Page.parse(parseJson(bytes)).files.map((file) => {
    const mark = file['core-metadata'] ?? file['dist-info-metadata'] ?? false
    const requiresPython = file['requires-python'] ?? undefined
    return {
      fileName: file.filename,
      url: absolute(file.url, pageUrl).href,
      hashes: file.hashes,
      hasMetadata: mark !== false,
      ...(file.size !== undefined && { sizeBytes: file.size }),
      ...(requiresPython !== undefined && { requiresPython }),
      ...yankedOf(file.yanked),
    }
  })
}

function parseHtmlPage(html: string, pageUrl: string): IndexFile[] {
  const links = parseLinks(html)
  if (links.length === 0 && !/<html|<!doctype/i.test(html)) throw new TypeError('neither JSON nor HTML')
  return links.flatMap(({ text, attributes }) => {
    if (attributes['href'] === undefined) return []
    const url = absolute(attributes['href'], pageUrl, { keepHash: true })
    const hashes = Object.fromEntries(new URLSearchParams(url.hash.slice(1)))
    url.hash = ''
    const requiresPython = attributes['data-requires-python']
    const hasMetadata = 'data-core-metadata' in attributes || 'data-dist-info-metadata' in attributes
    const file = { fileName: text.trim(), url: url.href, hashes, hasMetadata, ...yankedOf(attributes['data-yanked']) }
    return [requiresPython === undefined ? file : { ...file, requiresPython }]
  })
}

function yankedOf(mark: string | boolean | undefined): { readonly yanked?: string } {
  if (mark === undefined || mark === false) return {}
  return { yanked: mark === true ? '' : mark }
}

function absolute(link: string, pageUrl: string, { keepHash = false } = {}): URL {
  const url = new URL(link, pageUrl)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw new TypeError(`a file has a ${url.protocol} address`)
  if (!keepHash) url.hash = ''
  return url
}
