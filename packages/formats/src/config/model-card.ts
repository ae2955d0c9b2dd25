import { isSomaError } from '@soma/core'
import { type JsonObject, isObject, textAt, textsAt } from '../json/read-json.ts'
import type { ByteReader } from '../reader.ts'
import { parseYaml } from '../yaml/yaml.ts'
import { CARD_BYTES_MAX, CARD_LIST_MAX, FRONT_MATTER_BYTES_MAX, PROSE_LENGTH_MAX, SUMMARY_LENGTH_MAX } from './limits.ts'
import { taskName } from './task-names.ts'

/** What a model card says: the front matter of a README.md, and its first paragraph of prose. */
export interface ModelCard {
  /** As written: `apache-2.0`. */
  readonly licence: string | null
  readonly languages: readonly string[]
  readonly tags: readonly string[]
  readonly task: string | null
  /** `org/name` of what it was made from. */
  readonly baseModels: readonly string[]
  readonly library: string | null
  readonly summary: string | null
  /** Why the front matter could not be read; null when it could. */
  readonly fault: string | null
}

const FRONT_MATTER = /^\uFEFF?---[ \t]*\r?\n([\s\S]*?)\r?\n---[ \t]*(?:\r?\n|$)/

/** Never fails for what is written in it: a card is words about a model, and not the model. */
export async function readModelCard(reader: ByteReader): Promise<ModelCard> {
  const bytes = await reader.read(0, Math.min(reader.sizeBytes, CARD_BYTES_MAX))
  const text = Buffer.from(bytes).toString()
  const match = FRONT_MATTER.exec(text)
  const { about, fault } = match ? frontMatter(match[1] ?? '', reader.name) : { about: {}, fault: null }
  return {
    licence: licenceOf(about),
    languages: textsAt(about, 'language').slice(0, CARD_LIST_MAX),
    tags: textsAt(about, 'tags').slice(0, CARD_LIST_MAX),
    task: taskName(textAt(about, 'pipeline_tag')),
    baseModels: textsAt(about, 'base_model').slice(0, CARD_LIST_MAX),
    library: textAt(about, 'library_name'),
    summary: firstParagraph(text.slice(match?.[0].length ?? 0).slice(0, PROSE_LENGTH_MAX)),
    fault,
  }
}

const wantedKeys = /^(license|license_name|language|tags|pipeline_tag|base_model|library_name)\s*:/

/** Only the keys that are read: tables of benchmarks make front matter large, and parsing it slow. */
function wantedLines(text: string): string {
  let wanted = false
  const lines = text.split(/\r?\n/).filter((line) => {
    // What is indented, or an item of a list, goes on with the key before it.
    if (/^[^\s#-]/.test(line)) wanted = wantedKeys.test(line)
    return wanted
  })
  return lines.join('\n')
}

function frontMatter(text: string, file: string): { readonly about: JsonObject; readonly fault: string | null } {
  try {
    const { value } = parseYaml(Buffer.from(wantedLines(text)), { file, bytesMax: FRONT_MATTER_BYTES_MAX })
    return { about: isObject(value) ? value : {}, fault: null }
  } catch (error) {
    if (isSomaError(error)) return { about: {}, fault: error.message }
    throw error
  }
}

/** `other` only says that the name is elsewhere. */
function licenceOf(about: JsonObject): string | null {
  const [licence = null] = textsAt(about, 'license')
  return licence === 'other' || licence === null ? textAt(about, 'license_name', 'license') : licence
}

/** Headings, pictures, badges, tables, lists, quotes and code say little; the first lines that do none of that are taken. */
function firstParagraph(text: string): string | null {
  const plain = withoutComments(text).replace(/^(```|~~~)[\s\S]*?^\1/gm, '')
  for (const block of plain.split(/\r?\n[ \t]*\r?\n/)) {
    const prose = proseOf(block)
    if (/[\p{L}]{2,}.*[\p{L}]{2,}/su.test(prose))
      return prose.length > SUMMARY_LENGTH_MAX ? `${prose.slice(0, SUMMARY_LENGTH_MAX)}…` : prose
  }
  return null
}

/** Not a regular expression: that would take the square of the length for comments that are never closed. */
function withoutComments(text: string): string {
  let rest = ''
  for (let at = 0; ;) {
    const begin = text.indexOf('<!--', at)
    if (begin < 0) return rest + text.slice(at)
    rest += text.slice(at, begin)
    const end = text.indexOf('-->', begin)
    if (end < 0) return rest
    at = end + '-->'.length
  }
}

function proseOf(block: string): string {
  const lines = block.split(/\r?\n/).filter((line) => !/^\s*(#|\||>|[-*+] |\d+\. |={3,}|-{3,}|!\[|\[!|:{3})/.test(line))
  return lines
    .join(' ')
    .replace(/!\[[^[\]]{0,300}\]\([^()]{0,1000}\)/g, '')
    .replace(/\[([^[\]]{0,300})\]\([^()]{0,1000}\)/g, '$1')
    .replace(/<[^<>]{0,500}>/g, '')
    .replace(/[*_`]{1,3}(?=\S)|(?<=\S)[*_`]{1,3}/g, '')
    .replace(/\s+/g, ' ')
    .trim()
}
