import { SomaError } from '@soma/core'
import type { EngineDescriptor, Manifest } from '@soma/spec'
import { compileGlob } from './glob.ts'
import { CANDIDATES_SHOWN_MAX } from './limits.ts'
import { manifestRoles } from './manifest.ts'
import { type FileSize, isDocument, isSupport } from './select.ts'

/** What a package is, which of its files plays which role, and what runs it. */
export interface Recognised {
  readonly format: string
  /** Role → path. */
  readonly roles: Readonly<Record<string, string>>
  /** Null when none here loads the format. */
  readonly engine: EngineDescriptor | null
  /** As the manifest or the engine says it; null when only the files can. */
  readonly task: string | null
}

/** Recognises a package without a manifest by the first engine's first layout that fits; undefined when none does. */
export function recogniseFiles(files: ReadonlyMap<string, FileSize>, engines: readonly EngineDescriptor[]): Recognised | undefined {
  return fitLayouts([...files.keys()], engines)
}

/**
 * Engine and roles of a package with a manifest: what it states, and where it is silent what the engine's layouts find.
 * Undefined when only the files themselves can tell which of them is the model.
 */
export function recogniseManifest(
  manifest: Manifest,
  files: ReadonlyMap<string, FileSize>,
  engines: readonly EngineDescriptor[],
): Recognised | undefined {
  const format = statedFormat(manifest)
  const wanted = manifest.spec.engine?.id
  const able = engines.filter(({ id, formats }) => (wanted === undefined ? formats.includes(format) : id === wanted))
  const listed = manifest.spec.format.files.map(({ path }) => path)
  const fitted = fitLayouts(listed.length > 0 ? listed : [...files.keys()], able, format)
  const stated = manifestRoles(manifest)
  // The least particular one, where no layout tells them apart.
  const engine = fitted?.engine ?? engineFor({ format, roles: stated }, able) ?? able.at(-1) ?? null
  const roles = Object.keys(stated).length > 0 ? stated : (fitted?.roles ?? onlyFile(listed, files))
  if (!roles) return undefined
  const layout = engine?.layouts.find((layout) => layout.format === format)
  return { engine, format, task: manifest.spec.tasks?.[0] ?? fitted?.task ?? (layout ? layout.task : engine?.tasks[0]) ?? null, roles }
}

/** What the files are: of two formats the one they are run in. */
export function statedFormat(manifest: Manifest): string {
  return (manifest.spec.format.execution_format || manifest.spec.format.type).toLowerCase()
}

/** The engine for a package that no layout fits: it loads the format, and asks for no role that no file plays. */
export function engineFor(
  { format, roles }: Pick<Recognised, 'format' | 'roles'>,
  engines: readonly EngineDescriptor[],
): EngineDescriptor | null {
  const fits = ({ formats, layouts }: EngineDescriptor): boolean => {
    const own = layouts.filter((layout) => layout.format === format)
    return formats.includes(format) && (own.length === 0 || own.some(({ files }) => Object.keys(files).every((role) => role in roles)))
  }
  return engines.find(fits) ?? null
}

function fitLayouts(paths: readonly string[], engines: readonly EngineDescriptor[], format?: string): Recognised | undefined {
  for (const engine of engines)
    for (const layout of engine.layouts) {
      if (format !== undefined && layout.format !== format) continue
      const roles = fitLayout(paths, layout.files)
      if (roles) return { engine, format: layout.format, task: layout.task ?? null, roles }
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

/** The refusal of a package in which nothing is a model, naming what looks like one to an engine. */
export function noModel(files: ReadonlyMap<string, FileSize>, engines: readonly EngineDescriptor[]): SomaError {
  const globs = engines.flatMap(({ layouts }) => layouts.flatMap((layout) => Object.values(layout.files))).map((glob) => compileGlob(glob))
  const candidates = [...files.keys()].filter((path) => globs.some((matches) => matches(path))).sort()
  const shown = candidates.slice(0, CANDIDATES_SHOWN_MAX)
  const message =
    candidates.length > 0
      ? `the package holds ${candidates.length} files that could be the model (${shown.join(', ')}); choose with include, e.g. ${JSON.stringify(shown[0])}`
      : `the package holds no model of a known format in its ${files.size === 1 ? 'one file' : `${files.size} files`}; the engines here load ${engines.flatMap(({ formats }) => formats).join(', ') || 'nothing'}`
  return new SomaError('package/no-model', message, { details: { candidates: shown, files: files.size } })
}
