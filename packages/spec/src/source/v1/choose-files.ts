import { SomaError } from '@soma/core'
import { matchPath } from './glob.ts'
import { nearestOf } from './nearest.ts'
import type { VariantChoice } from './source.ts'
import { type Variant, findVariants, listVariants, pick } from './variant.ts'
import { type RepositoryFile, type WeightsFormat, formatOf, ggufVariant, isProjector, isUnneeded, weightsFormat } from './weights-file.ts'

export interface ChooseOptions {
  /** A variant, a format, a file or a glob of files, as the reference says it. */
  readonly selector?: string
  readonly memoryBytes: number
  /** Formats that an engine here loads. */
  readonly formats: readonly string[]
  /** The reference with a selector, pinned; without one, as the user may read it. */
  readonly reference: (selector?: string) => string
}

export interface ChosenFiles<F extends RepositoryFile> {
  readonly files: readonly F[]
  /** Paths of all others. */
  readonly omitted: readonly string[]
  /** Chooses the same again, whatever the machine; absent where there was nothing to choose. */
  readonly selector?: string
  readonly choice?: VariantChoice
  readonly warnings: readonly string[]
}

/**
 * The files of a hub's repository that are needed to run the model: its weights once, in one format and one variant, and what goes
 * with them (configuration, tokenizer, licence).
 *
 * Of several formats one that an engine here loads, else the first of safetensors, GGUF, ONNX, PyTorch and the rest; of several variants what `pick` says.
 * @throws {SomaError} `source/not-found` when the selector fits nothing, with what there is.
 */
export function chooseFiles<F extends RepositoryFile>(all: readonly F[], options: ChooseOptions): ChosenFiles<F> {
  const chosen = choose(all, options)
  const taken = new Set<F>(chosen.files)
  return { ...chosen, omitted: all.filter((file) => !taken.has(file)).map(({ path }) => path) }
}

type Choice<F extends RepositoryFile> = Omit<ChosenFiles<F>, 'omitted'>

function choose<F extends RepositoryFile>(all: readonly F[], options: ChooseOptions): Choice<F> {
  const files = neededFiles(all)
  const variants = listVariants(files, options.formats)
  const { selector } = options
  const named = selector === undefined ? undefined : findVariants(variants, selector)
  if (selector !== undefined && named === undefined) return chooseByPath(all, selector, variants, options)
  const preferred = variants.filter(({ format }) => format === variants[0]?.format)
  const fallback = pick(preferred, options)
  const picked = named === undefined ? fallback : pick(named, options)
  if (picked === undefined) return { files, warnings: [] }
  const { variant, warning } = picked
  const reason = variant === fallback?.variant ? fallback.reason : named?.length === 1 ? 'it was asked for' : picked.reason
  return {
    files: [...variant.files, ...companions(files, variant)],
    ...(variants.length > 1 && { selector: variant.selector, choice: choiceOf(variants, variant, reason, options) }),
    warnings: warning === undefined ? [] : [warning],
  }
}

/** Some repositories have their weights only where others keep duplicates. */
function neededFiles<F extends RepositoryFile>(all: readonly F[]): readonly F[] {
  const needed = all.filter(({ path }) => !isUnneeded(path))
  const hasWeights = (files: readonly F[]): boolean => files.some(({ path }) => weightsFormat(path) !== undefined)
  return hasWeights(needed) || !hasWeights(all) ? needed : all.filter(({ path }) => !path.startsWith('.git'))
}

function choiceOf(
  variants: ReadonlyArray<Variant<RepositoryFile>>,
  chosen: Variant<RepositoryFile>,
  reason: string,
  options: ChooseOptions,
): VariantChoice {
  return {
    chosen: chosen.selector,
    reason,
    options: variants.map(({ selector, sizeBytes }) => ({ name: selector, reference: options.reference(selector), sizeBytes })),
  }
}

/** What goes with the weights: all that belongs to no other format, and of several projectors one. */
function companions<F extends RepositoryFile>(files: readonly F[], chosen: { readonly format: WeightsFormat | undefined }): F[] {
  const shared = files.filter(({ path }) => {
    if (weightsFormat(path) !== undefined) return false
    const format = formatOf(path)
    return format === undefined || format === chosen.format
  })
  return chosen.format === 'gguf' ? [...shared, ...projectorOf(files)] : shared
}

/** Half precision is what projectors are made for; the others are there for old devices. */
function projectorOf<F extends RepositoryFile>(files: readonly F[]): F[] {
  const projectors = files.filter(({ path }) => isProjector(path))
  const inPrecision = (wanted: string): F | undefined => projectors.find(({ path }) => ggufVariant(path).variant === wanted)
  const projector = inPrecision('F16') ?? inPrecision('BF16') ?? projectors[0]
  return projector === undefined ? [] : [projector]
}

/** The files themselves are named. Weights bring along what they cannot be loaded without; other files come alone. */
function chooseByPath<F extends RepositoryFile>(
  all: readonly F[],
  selector: string,
  variants: ReadonlyArray<Variant<F>>,
  options: ChooseOptions,
): Choice<F> {
  // Without a slash it is compared with file names, in whatever folder.
  const glob = selector.includes('/') ? selector : `**/${selector}`
  const exact = all.filter(({ path }) => path === selector)
  const matched = exact.length > 0 ? exact : all.filter(({ path }) => matchPath(glob, path))
  if (matched.length === 0) throw nothingFits(all, selector, variants, options)
  const weights = matched.filter(({ path }) => weightsFormat(path) !== undefined)
  const format = weights[0] && weightsFormat(weights[0].path)
  const parts = all.filter(({ path }) => weights.some((file) => isPartOf(path, file.path)))
  const others = weights.length > 0 ? companions(neededFiles(all), { format }) : []
  return { files: [...new Set([...matched, ...parts, ...others])], selector, warnings: [] }
}

/** External data of an ONNX file, and the other parts of a split GGUF file. */
function isPartOf(path: string, weights: string): boolean {
  if (weights.endsWith('.onnx')) return path.startsWith(weights) && /^[._]data(_\d+)?$/.test(path.slice(weights.length))
  const split = /^(.*-)\d{5}(-of-\d{5}\.(gguf|safetensors))$/.exec(weights)
  return split !== null && path.length === weights.length && path.startsWith(split[1] ?? '') && path.endsWith(split[2] ?? '')
}

function nothingFits(
  files: readonly RepositoryFile[],
  wanted: string,
  variants: ReadonlyArray<Variant<unknown>>,
  options: ChooseOptions,
): SomaError {
  const paths = files.map(({ path }) => path)
  const selectors = variants.map(({ selector }) => selector)
  const nearest = nearestOf(wanted, [...selectors, ...paths])
  const there = nearest.length > 0 ? `did you mean ${nearest.join(', ')}?` : `there are ${[...selectors, ...paths].slice(0, 8).join(', ')}`
  const message = `${options.reference()} has no file, variant or format ${JSON.stringify(wanted)}; ${there}`
  return new SomaError('source/not-found', message, { details: { wanted, variants: selectors.slice(0, 50), nearest } })
}
