import { type Candidate, candidatesOf } from './candidates.ts'
import { noHubconf, noSuchEntry, noWeights } from './errors.ts'
import { IMPORT_DEPTH_MAX, NAMES_MAX } from './limits.ts'
import { type Import, definition, importsOf, mentions, publicNames } from './python.ts'
import type { CodeReader } from './repository.ts'

const HUBCONF = 'hubconf.py'

/**
 * The weights of an entry, found by reading `hubconf.py` and the modules it imports the entry from. Nothing is run.
 * @throws {SomaError} `source/not-found` when there is no such entry, or no address is written down.
 */
export async function findWeights(reader: CodeReader, repository: string, entry: string): Promise<Candidate[]> {
  const hubconf = await reader.code(HUBCONF)
  if (hubconf === undefined) throw noHubconf(repository, undefined)
  const found = await search(reader, { path: HUBCONF, name: entry, depth: IMPORT_DEPTH_MAX })
  if (found.length > 0) return found
  const names = publicNames(hubconf)
  throw names.includes(entry) || importsOf(hubconf).some(({ name }) => name === '*')
    ? noWeights(repository, entry)
    : noSuchEntry(repository, entry, names)
}

interface Place {
  readonly path: string
  readonly name: string
  /** Imports that may still be followed. */
  readonly depth: number
}

async function search(reader: CodeReader, { path, name, depth }: Place): Promise<Candidate[]> {
  const code = await reader.code(path)
  if (code === undefined) return []
  const here = candidatesOf(code, name)
  if (here.length > 0 || depth === 0) return here
  for (const imported of relevantImports(code, name))
    for (const file of moduleFiles(imported.module, path)) {
      const found = await search(reader, { path: file, name: imported.name === '*' ? name : imported.name, depth: depth - 1 })
      if (found.length > 0) return found
    }
  return []
}

/** What the name itself comes from, then what its function uses, then what may hold anything. */
function relevantImports(code: string, name: string): Import[] {
  const imports = importsOf(code).slice(0, NAMES_MAX)
  const body = definition(code, 'def', name)
  const exact = imports.filter(({ as }) => as === name)
  const used = body === undefined ? [] : imports.filter(({ as }) => as !== name && as !== '*' && mentions(body, as))
  return [...exact, ...used, ...(body === undefined ? imports.filter(({ as }) => as === '*') : [])]
}

/** `a.b` is `a/b.py` or the package `a/b/__init__.py`; a leading dot means the folder of the file that imports. */
function moduleFiles(module: string, from: string): string[] {
  const dots = /^\.*/.exec(module)?.[0].length ?? 0
  const folder = from.split('/').slice(0, -1)
  const base = dots === 0 ? [] : folder.slice(0, folder.length - (dots - 1))
  const path = [...base, ...module.slice(dots).split('.')].filter((one) => one !== '').join('/')
  return path === '' ? [] : [`${path}.py`, `${path}/__init__.py`]
}
