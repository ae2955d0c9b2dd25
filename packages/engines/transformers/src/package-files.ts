import { readFile } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { SomaError } from '@soma/core'
import { type ModelPackage, type PackageFile, packageFile } from '@soma/spec'
import { loadFailed, messageOf, unsupported } from './errors.ts'
import { JSON_BYTES_MAX } from './limits.ts'
import { type ModelDtype, type Settings, dtypeSuffixes, modelDtypes } from './options.ts'

export type JsonObject = Readonly<Record<string, unknown>>

/** One part of a model, as the library names it: `encoder_model`, in one precision. */
export interface ModelPart {
  readonly role: string
  readonly file: PackageFile
  /** Without the ending for the precision. */
  readonly stem: string
  readonly dtype: ModelDtype
}

/** Where the library finds what in a package. */
export interface PackageParts {
  readonly parts: readonly ModelPart[]
  /** The folder that holds configuration and tokenizer, on this machine. */
  readonly directory: string
  /** The folder of the ONNX files inside it; empty when it is the same. */
  readonly subfolder: string
  /** A document beside the model, or above it; undefined when there is none. */
  json(name: string): Promise<JsonObject | undefined>
  text(name: string): Promise<string | undefined>
}

/** Roles that one model can consist of: as one file, or as two. */
const partRoles = ['model', 'encoder', 'decoder-merged'] as const

/**
 * Finds the files to load: those that play the roles, or the same in the precision that was asked for.
 * @throws {SomaError} `model/load-failed` when the package has none; `model/unsupported` for a precision that it does not have.
 */
export function findParts(pkg: ModelPackage, { dtype }: Settings): PackageParts {
  const roles = partRoles.filter((role) => role in pkg.roles)
  if (!roles.includes('model') && !(roles.includes('encoder') && roles.includes('decoder-merged'))) packageFile(pkg, 'model')
  const parts = roles.map((role) => findPart(pkg, role, dtype))
  const folder = posix.dirname(parts[0]?.file.path ?? '')
  const base = nearestFolder(pkg, folder)
  return {
    parts,
    directory: join(pkg.directory, base),
    subfolder: posix.relative(base, folder),
    json: (name) => readJson(pkg, base, name),
    text: (name) => readText(pkg, base, name),
  }
}

function findPart(pkg: ModelPackage, role: string, wanted: ModelDtype | undefined): ModelPart {
  const file = packageFile(pkg, role)
  if (!file.path.endsWith('.onnx')) throw loadFailed(file.path, `it plays the role "${role}", but is no ONNX file`)
  const named = splitName(posix.basename(file.path, '.onnx'))
  if (wanted === undefined || wanted === named.dtype) return { role, file, ...named }
  const path = posix.join(posix.dirname(file.path), `${named.stem}${dtypeSuffixes[wanted]}.onnx`)
  const other = pkg.files.find((candidate) => candidate.path === path)
  if (other) return { role, file: other, stem: named.stem, dtype: wanted }
  throw unsupported('dtype', `the package ${pkg.name} does not hold ${path}`, { dtype: wanted, file: path })
}

/** `model_quantized` is `model` in q8. */
function splitName(name: string): { readonly stem: string; readonly dtype: ModelDtype } {
  const dtype = modelDtypes.find((dtype) => dtypeSuffixes[dtype] !== '' && name.endsWith(dtypeSuffixes[dtype]))
  return dtype === undefined ? { stem: name, dtype: 'fp32' } : { stem: name.slice(0, -dtypeSuffixes[dtype].length), dtype }
}

/** Configuration lies beside the model, or in a folder around it; without any, the tokenizer tells. */
function nearestFolder(pkg: ModelPackage, folder: string): string {
  const paths = new Set(pkg.files.map(({ path }) => path))
  for (const name of ['config.json', 'tokenizer.json', 'preprocessor_config.json'])
    for (let at = folder; ; at = posix.dirname(at)) {
      if (paths.has(posix.join(at, name))) return at
      if (at === '.') break
    }
  return folder
}

/** Only what the package lists is read, whatever else lies in its folder. */
async function readText(pkg: ModelPackage, base: string, name: string): Promise<string | undefined> {
  const path = posix.join(base, name)
  const file = pkg.files.find((candidate) => candidate.path === path)
  if (!file) return undefined
  if (file.sizeBytes > JSON_BYTES_MAX) throw loadFailed(path, `it has ${file.sizeBytes} bytes; at most ${JSON_BYTES_MAX} are read`)
  return readFile(file.localPath, 'utf8').catch((cause: unknown) => {
    throw loadFailed(path, messageOf(cause), cause)
  })
}

async function readJson(pkg: ModelPackage, base: string, name: string): Promise<JsonObject | undefined> {
  const text = await readText(pkg, base, name)
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    if (isObject(value)) return value
    throw new Error('it is no object')
  } catch (cause) {
    throw loadFailed(posix.join(base, name), `it cannot be read as JSON: ${messageOf(cause)}`, cause)
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A whole number of a configuration, under the first of these names that has one. */
export function numberAt(object: JsonObject | undefined, ...names: readonly string[]): number | undefined {
  for (const name of names) {
    const value = object?.[name]
    if (typeof value === 'number' && Number.isFinite(value)) return value
  }
  return undefined
}

/** A text of a configuration. */
export function textAt(object: JsonObject | undefined, name: string): string | undefined {
  const value = object?.[name]
  return typeof value === 'string' ? value : undefined
}

/** A model cannot be without this document. */
export function needed<Document>(name: string, document: Document | undefined): Document {
  if (document !== undefined) return document
  throw new SomaError('model/load-failed', `the package holds no ${name}, which models of this task need`, { details: { file: name } })
}
