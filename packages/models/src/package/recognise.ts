import { SomaError } from '@soma/core'
import type { EngineDescriptor, Manifest } from '@soma/spec'
import { compileGlob } from './glob.ts'
import { CANDIDATES_SHOWN_MAX } from './limits.ts'
import { manifestRoles } from './manifest.ts'
import { type FileSize, isDocument, isSupport } from './select.ts'

/** Which engine runs a package, and which of its files plays which role. */
export interface Recognised {
  readonly engine: EngineDescriptor
  readonly format: string
  readonly task: string
  /** Role → path. */
  readonly roles: Readonly<Record<string, string>>
}

/**
 * Recognises a package without a manifest by the first engine's first layout that fits.
 * @throws {SomaError} `package/no-model` naming the candidates when none does.
 */
export function recogniseFiles(files: ReadonlyMap<string, FileSize>, engines: readonly EngineDescriptor[]): Recognised {
  const found = fitLayouts([...files.keys()], engines)
  if (found) return found
  throw noModel(files, engines)
}

/**
 * Engine and roles of a package with a manifest: what it states, and where it is silent what the engine's layouts find.
 * @throws {SomaError} `package/no-model` when no engine here loads the format, or no file plays a role.
 */
export function recogniseManifest(
  manifest: Manifest,
  files: ReadonlyMap<string, FileSize>,
  engines: readonly EngineDescriptor[],
): Recognised {
  const format = statedFormat(manifest)
  const engine = engineFor(manifest, format, engines)
  const listed = manifest.spec.format.files.map(({ path }) => path)
  const fitted = fitLayouts(listed.length > 0 ? listed : [...files.keys()], [engine], format)
  const stated = manifestRoles(manifest)
  const roles = Object.keys(stated).length > 0 ? stated : (fitted?.roles ?? onlyFile(listed, files))
  if (!roles) throw noModel(files, [engine])
  const task =
    manifest.spec.tasks?.[0] ?? fitted?.task ?? engine.layouts.find((layout) => layout.format === format)?.task ?? engine.tasks[0]
  if (task === undefined) throw noModel(files, [engine])
  return { engine, format, task, roles }
}

/** What the files are: of two formats the one they are run in. */
export function statedFormat(manifest: Manifest): string {
  return (manifest.spec.format.execution_format || manifest.spec.format.type).toLowerCase()
}

function engineFor(manifest: Manifest, format: string, engines: readonly EngineDescriptor[]): EngineDescriptor {
  const wanted = manifest.spec.engine?.id
  const engine = engines.find(({ id, formats }) => (wanted === undefined ? formats.includes(format) : id === wanted))
  if (engine) return engine
  const known = engines.map(({ id, formats }) => `${id} (${formats.join(', ')})`).join('; ')
  throw new SomaError(
    'package/no-model',
    `no engine here ${wanted === undefined ? `loads the format ${JSON.stringify(format)}` : `is called ${JSON.stringify(wanted)}`}; there are: ${known || 'none'}`,
    { details: { format, ...(wanted !== undefined && { engine: wanted }), engines: engines.map(({ id }) => id) } },
  )
}

function fitLayouts(paths: readonly string[], engines: readonly EngineDescriptor[], format?: string): Recognised | undefined {
  for (const engine of engines)
    for (const layout of engine.layouts) {
      if (format !== undefined && layout.format !== format) continue
      const roles = fitLayout(paths, layout.files)
      if (roles) return { engine, format: layout.format, task: layout.task, roles }
    }
  return undefined
}

/** Every role's glob must match exactly one file, and no file two roles. */
function fitLayout(paths: readonly string[], globs: Readonly<Record<string, string>>): Record<string, string> | undefined {
  const roles: Record<string, string> = {}
  for (const [role, glob] of Object.entries(globs)) {
    const matches = paths.filter(compileGlob(glob))
    const [path] = matches
    if (path === undefined || matches.length > 1) return undefined
    roles[role] = path
  }
  return new Set(Object.values(roles)).size === Object.keys(globs).length ? roles : undefined
}

/** A manifest that lists one model file means that one. */
function onlyFile(listed: readonly string[], files: ReadonlyMap<string, FileSize>): Record<string, string> | undefined {
  const models = listed.filter((path) => !isDocument(path) && !isSupport(path, files.get(path) ?? { sizeBytes: 0 }))
  const [model] = models
  return model !== undefined && models.length === 1 ? { model } : undefined
}

function noModel(files: ReadonlyMap<string, FileSize>, engines: readonly EngineDescriptor[]): SomaError {
  const globs = engines.flatMap(({ layouts }) => layouts.flatMap((layout) => Object.values(layout.files))).map(compileGlob)
  const candidates = [...files.keys()].filter((path) => globs.some((matches) => matches(path))).sort()
  const shown = candidates.slice(0, CANDIDATES_SHOWN_MAX)
  const message =
    candidates.length > 0
      ? `the package holds ${candidates.length} files that could be the model (${shown.join(', ')}); choose with include, e.g. ${JSON.stringify(shown[0])}`
      : `none of the package's ${files.size} files is a model that an engine here knows (${engines.map(({ id }) => id).join(', ') || 'there are no engines'})`
  return new SomaError('package/no-model', message, { details: { candidates: shown, files: files.size } })
}
