import { NAMES_MAX } from './limits.ts'
import { definition, mentions, stringsOf } from './python.ts'
import { fileNameOf, isWeightsUrl } from './weights-url.ts'

/** Weights of an entry. */
export interface Candidate {
  /** Member of the weights enum, or the file's name. */
  readonly name: string
  readonly url: string
  /** What the code itself takes when nothing is asked for. */
  readonly preferred: boolean
}

/**
 * The weights that a file of Python names for one of its functions, in the ways that repositories write them, the surest first:
 * an enum of weights, addresses in the function, in a table or constant that it uses, in a helper that it calls, then in file names.
 * @param code as `plainCode` gives it.
 */
export function candidatesOf(code: string, entry: string): Candidate[] {
  const body = definition(code, 'def', entry)
  if (body === undefined) return []
  const ways = [fromEnum, fromText, fromTables, fromConstants, fromHelpers]
  for (const way of ways) {
    const found = way(code, body, entry)
    if (found.length > 0) return distinct(found)
  }
  return fromFileNames(code, entry)
}

/** Named like the entry; or, when the rest of the name is put together while the code runs, the only one that begins with it. */
function fromFileNames(code: string, entry: string): Candidate[] {
  const all = distinct(named(stringsOf(code).filter(isWeightsUrl)))
  const same = all.filter(({ name }) => plainName(name) === entry.toLowerCase().replaceAll(/[^a-z0-9]/g, ''))
  if (same.length > 0) return same
  const longer = all.filter(({ name }) => name.startsWith(`${entry}_`))
  return longer.length === 1 ? longer : []
}

/** `class ResNet50_Weights(WeightsEnum)`: only one that is defined here, because the others are those of its parts. */
function fromEnum(code: string, body: string): Candidate[] {
  const names = new Set([...body.matchAll(/\b(\w*Weights)\b/g)].map(([, name = '']) => name))
  for (const name of [...names].slice(0, NAMES_MAX)) {
    const members = definition(code, 'class', name)
    if (members !== undefined) return enumMembers(members)
  }
  return []
}

function enumMembers(text: string): Candidate[] {
  const fallback = /^[ \t]+DEFAULT\s*=\s*([A-Z][A-Z0-9_]*)/m.exec(text)?.[1]
  const members = text.split(/^(?=[ \t]+[A-Z][A-Z0-9_]*\s*=)/m).flatMap((member) => {
    const name = /^[ \t]+([A-Z][A-Z0-9_]*)\s*=/.exec(member)?.[1]
    const url = stringsOf(member).find(isWeightsUrl)
    return name === undefined || url === undefined ? [] : [{ name, url, preferred: name === fallback }]
  })
  return members
}

function fromText(_code: string, body: string): Candidate[] {
  return named(stringsOf(body).filter(isWeightsUrl))
}

/** `model_urls = {'resnet18': 'https://…'}`, asked for by a key that the function names. */
function fromTables(code: string, body: string, entry: string): Candidate[] {
  const tables = [...code.matchAll(/^\w+(?:\s*:[^=\n]+)?\s*=\s*(?:dict\()?\{([^{}]*)\}/gm)].map(([, inside = '']) => inside)
  const keys = new Set([...stringsOf(body), entry])
  const pairs = tables.flatMap((table) => [...table.matchAll(/["']([^"'\n]+)["']\s*:\s*["']([^"'\n]+)["']/g)])
  return named(pairs.flatMap(([, key = '', url = '']) => (keys.has(key) && isWeightsUrl(url) ? [url] : [])))
}

/** `CHECKPOINT = 'https://…'`. */
function fromConstants(code: string, body: string): Candidate[] {
  const constants = [...code.matchAll(/^(\w+)\s*(?::[^=\n]+)?=\s*["']([^"'\n]+)["']/gm)]
  const urls = constants.filter(([, , url = '']) => isWeightsUrl(url)).slice(0, NAMES_MAX)
  return named(urls.flatMap(([, name = '', url = '']) => (mentions(body, name) ? [url] : [])))
}

/** A function of the same file that does it for the entry. */
function fromHelpers(code: string, body: string, entry: string): Candidate[] {
  const called = [...new Set([...body.matchAll(/\b([A-Za-z_]\w*)\s*\(/g)].map(([, name = '']) => name))].filter((name) => name !== entry)
  return called.slice(0, NAMES_MAX).flatMap((name) => {
    const helper = definition(code, 'def', name)
    if (helper === undefined) return []
    const inside = fromText(code, helper)
    return inside.length > 0 ? inside : fromConstants(code, helper)
  })
}

function named(urls: readonly string[]): Candidate[] {
  return urls.map((url) => ({ name: fileNameOf(url), url, preferred: false }))
}

function distinct(candidates: readonly Candidate[]): Candidate[] {
  return [...new Map(candidates.map((one) => [one.name, one])).values()]
}

/** `mobilenet_v2-b0353104.pth` → `mobilenetv2`. */
function plainName(fileName: string): string {
  const stem = fileName.replace(/(-[0-9a-f]{8,64})?\.[a-z.]+$/i, '')
  return stem.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
}
