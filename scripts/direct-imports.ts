import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { assert } from '@soma/core'
import type { Plugin } from 'esbuild'
import { type EcmaScriptModule, type StaticExport, type StaticImport, parseSync } from 'oxc-parser'

/**
 * Has the sources of our packages import from the file that declares a name instead of from a package's index.
 *
 * esbuild puts whole files into chunks and follows every import of a file to find out who needs it. An index imports its
 * whole package, so that without this `soma model list` would load zod, all schemas and every other command's needs.
 */
export const directImports: Plugin = {
  name: 'direct-imports',
  setup: (esbuild) => {
    esbuild.onLoad({ filter: /\/packages\/.*\/src\/.*\.ts$/ }, async ({ path }) => ({
      contents: rewriteImports(path, await readFile(path, 'utf8')),
      loader: 'ts',
    }))
  },
}

const modules = new Map<string, EcmaScriptModule>()

/** The source with each import and re-export of `@soma/…` replaced by ones of the declaring files; types are left out. */
export function rewriteImports(path: string, source: string): string {
  const { module } = parseSync(path, source)
  const statements = [...module.staticImports.map(rewriteImport), ...module.staticExports.map(rewriteExport)].filter(
    (edit) => edit !== undefined,
  )
  return statements
    .toSorted((a, b) => b.start - a.start)
    .reduce((text, { start, end, lines }) => text.slice(0, start) + lines.join('; ') + text.slice(end), source)
}

interface Edit {
  readonly start: number
  readonly end: number
  readonly lines: readonly string[]
}

function rewriteImport({ start, end, moduleRequest, entries }: StaticImport): Edit | undefined {
  const index = ownIndex(moduleRequest.value)
  if (index === undefined) return undefined
  const named = entries.filter((entry) => !entry.isType)
  return { start, end, lines: named.map(({ importName, localName }) => `import ${clause(index, importName.name, localName.value)}`) }
}

function rewriteExport({ start, end, entries }: StaticExport): Edit | undefined {
  const index = ownIndex(entries[0]?.moduleRequest?.value)
  if (index === undefined) return undefined
  const named = entries.filter((entry) => !entry.isType)
  return { start, end, lines: named.map(({ importName, exportName }) => `export ${clause(index, importName.name, exportName.name)}`) }
}

/** The index of one of our packages; undefined for other modules. */
function ownIndex(request: string | undefined): string | undefined {
  return request?.startsWith('@soma/') ? fileURLToPath(import.meta.resolve(request)) : undefined
}

function clause(index: string, name: string | null | undefined, as: string | null | undefined): string {
  assert(name && as, `names are imported from ${index}, not everything`)
  const declared = findDeclaration(index, name)
  return `{ ${declared.name} as ${as} } from ${JSON.stringify(declared.path)}`
}

/** Follows `export { name } from './other.ts'` to where the name is declared. */
function findDeclaration(path: string, name: string): { readonly path: string; readonly name: string } {
  const entries = parseModule(path).staticExports.flatMap((statement) => statement.entries)
  const entry = entries.find(({ exportName }) => exportName.name === name)
  assert(entry, `${path} exports ${name}`)
  const from = entry.moduleRequest?.value
  return from?.startsWith('.') ? findDeclaration(join(dirname(path), from), entry.importName.name ?? name) : { path, name }
}

function parseModule(path: string): EcmaScriptModule {
  const known = modules.get(path)
  if (known) return known
  const { module } = parseSync(path, readFileSync(path, 'utf8'))
  modules.set(path, module)
  return module
}
