import type * as Pep440 from '@renovatebot/pep440'
import { noSuchVersion } from './errors.ts'
import { type Distribution, parseFileName } from './file-name.ts'
import { NEAREST_VERSIONS_SHOWN } from './limits.ts'
import type { IndexFile } from './page.ts'
import type { PypiReference } from './reference.ts'

/** A file with what its name says. */
export interface Candidate extends Distribution {
  readonly file: IndexFile
}

/**
 * The file that pip would take the model files from: of the newest version that fits, and no pre-release unless asked for or
 * there is nothing else (PEP 440), not withdrawn unless asked for by its exact version (PEP 592); of that version the purest wheel.
 * @throws {SomaError} `source/not-found`.
 */
export async function pickFile(files: readonly IndexFile[], { project, wanted }: PypiReference): Promise<Candidate> {
  const pep440 = await import('@renovatebot/pep440')
  const candidates = files.flatMap((file): Candidate[] => {
    const distribution = parseFileName(file.fileName, project)
    return distribution && pep440.valid(distribution.version) !== null ? [{ ...distribution, file }] : []
  })
  candidates.sort((a, b) => pep440.rcompare(a.version, b.version) || a.rank - b.rank || compareTies(a.file, b.file))
  const picked = wanted === undefined ? newest(candidates, pep440) : fitting(candidates, wanted, pep440)
  if (picked !== undefined) return picked
  const versions = [...new Set(candidates.map(({ version }) => version))]
  throw noSuchVersion(project, wanted, versions.slice(0, NEAREST_VERSIONS_SHOWN))
}

function newest(sorted: readonly Candidate[], pep440: typeof Pep440): Candidate | undefined {
  const standing = sorted.filter(({ file }) => file.yanked === undefined)
  return standing.find(({ version }) => !isPrerelease(version, pep440)) ?? standing[0]
}

function fitting(sorted: readonly Candidate[], wanted: string, pep440: typeof Pep440): Candidate | undefined {
  if (pep440.valid(wanted) !== null) return sorted.find(({ version }) => pep440.eq(version, wanted))
  const fits = sorted.filter(({ version }) => pep440.satisfies(version, wanted, { prereleases: true }))
  const exact = /^={2,3}[^*,]+$/.test(wanted)
  return exact ? fits[0] : newest(fits, pep440)
}

function isPrerelease(version: string, pep440: typeof Pep440): boolean {
  return pep440.explain(version)?.is_prerelease ?? false
}

/** Between equals: the one for any Python before one for some, then by name, so that the choice is always the same. */
function compareTies(a: IndexFile, b: IndexFile): number {
  const bound = Number(a.requiresPython !== undefined) - Number(b.requiresPython !== undefined)
  return bound || (a.fileName < b.fileName ? -1 : 1)
}
