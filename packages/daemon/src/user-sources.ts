import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Log, SomaError } from '@soma/core'
import { type CreateUserSource, type Source, type SourceDeps, sourceTools } from '@soma/spec'

/** Endings of what Node runs as it is, the first one found wins. */
const endings = ['.ts', '.mts', '.js', '.mjs']
const SCHEME = /^[a-z][a-z0-9-]{0,31}$/

/** A file of the user's sources folder that exports `createSource`. */
export interface UserSourceFile {
  readonly file: string
  readonly create: CreateUserSource
}

/**
 * Imports every source of the user's folder: `<name>.ts` or `<name>/index.ts` (or `.mts .js .mjs`). One that cannot be imported is
 * logged and left out: a mistake in it must not keep the daemon from starting.
 */
export async function importUserSources(folder: string, log: Log): Promise<UserSourceFile[]> {
  const found: UserSourceFile[] = []
  for (const file of sourceFiles(folder)) {
    try {
      const real = realpathSync(file)
      for (const path of new Set([folder, dirname(file), dirname(real), real])) checkOwner(path)
      const module: unknown = await import(pathToFileURL(file).href)
      found.push({ file, create: createSourceOf(module, file) })
    } catch (error) {
      log.error('a source of the user’s folder could not be imported; it is left out', { file, error })
    }
  }
  return found
}

/** Makes the sources; one that fails, or takes the scheme of another, is logged and left out. */
export function createUserSources(
  files: readonly UserSourceFile[],
  deps: SourceDeps,
  taken: readonly Source[],
): ReadonlyMap<Source, string> {
  const sources = new Map<Source, string>()
  for (const { file, create } of files) {
    try {
      const source = create(deps, sourceTools)
      checkSource(source, [...taken, ...sources.keys()])
      sources.set(source, file)
    } catch (error) {
      deps.log.error('a source of the user’s folder could not be made; it is left out', { file, error })
    }
  }
  return sources
}

function sourceFiles(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name)
      if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return endings.some((ending) => path.endsWith(ending)) ? [path] : []
      const index = endings.map((ending) => join(path, `index${ending}`)).find((candidate) => existsSync(candidate))
      return index === undefined ? [] : [index]
    })
}

/** What the daemon runs must be writable by nobody else, nor the folders in which another file could take its place. */
function checkOwner(path: string): void {
  const { uid, mode } = statSync(path)
  const own = process.getuid?.() ?? uid
  if ((uid === own || uid === 0) && (mode & 0o022) === 0) return
  throw new SomaError('config/invalid', `${path} can be written by others than you; chmod go-w it`, { details: { path } })
}

function createSourceOf(module: unknown, file: string): CreateUserSource {
  const { createSource } = module as { readonly createSource?: unknown }
  if (typeof createSource === 'function') return createSource as CreateUserSource
  throw new SomaError('config/invalid', `${file} exports no function createSource`, { details: { file } })
}

function checkSource(source: Source, others: readonly Source[]): void {
  const problem = problemOf(source, others)
  if (problem !== undefined) throw new SomaError('config/invalid', `the source ${problem}`)
}

/** The file was not checked by a compiler. */
function problemOf(source: Source, others: readonly Source[]): string | undefined {
  const { sourceVersion, scheme } = source
  if ((sourceVersion as number) !== 1) return `is of version ${String(sourceVersion)}; this daemon takes version 1`
  if (!SCHEME.test(scheme)) return `has the scheme ${JSON.stringify(scheme)}; expected lower-case letters, digits and dashes`
  if (others.some((other) => other.scheme === scheme)) return `has the scheme ${scheme}, which another source has`
  if (typeof source.resolve !== 'function' || typeof source.download !== 'function') return 'lacks resolve or download'
  return undefined
}
