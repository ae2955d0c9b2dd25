import { loadFailed, unsupported } from './errors.ts'
import { type JsonObject, type PackageParts, isObject, textAt } from './package-files.ts'
import type { Pooling } from './parts.ts'

/** Sentence Transformers' names for them, each a switch of its own. */
const switches: Readonly<Record<string, Pooling>> = {
  pooling_mode_cls_token: 'cls',
  pooling_mode_mean_tokens: 'mean',
  pooling_mode_max_tokens: 'max',
  pooling_mode_mean_sqrt_len_tokens: 'mean-sqrt',
  pooling_mode_weightedmean_tokens: 'weighted-mean',
  pooling_mode_lasttoken: 'last',
}

/** What this engine does itself behind the model. */
const known = /\.(Transformer|Pooling|Normalize)$/

/**
 * How a package of Sentence Transformers makes one vector of a text; the mean where it does not say.
 * @throws {SomaError} `model/unsupported` for one that needs more than that: its vectors would be others.
 */
export async function readPooling(files: PackageParts): Promise<Pooling> {
  const modules = await readModules(files)
  const other = modules.find((module) => !known.test(textAt(module, 'type') ?? ''))
  if (other)
    throw unsupported(
      'modules',
      `the package wants ${textAt(other, 'type') ?? 'a module without a type'} behind its model, which this engine does not have`,
    )
  const folder = textAt(
    modules.find((module) => textAt(module, 'type')?.endsWith('.Pooling')),
    'path',
  )
  const config = await files.json(`${folder ?? '1_Pooling'}/config.json`)
  const [first, second] = Object.keys(switches).filter((name) => config?.[name] === true)
  if (second !== undefined)
    throw unsupported('modules', 'the package joins several poolings into one vector, which this engine does not do')
  return switches[first ?? ''] ?? 'mean'
}

async function readModules(files: PackageParts): Promise<readonly JsonObject[]> {
  const text = await files.text('modules.json')
  if (text === undefined) return []
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) ? value.filter(isObject) : []
  } catch (error) {
    throw loadFailed('modules.json', 'it cannot be read as JSON', error)
  }
}
