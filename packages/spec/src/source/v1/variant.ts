import {
  type RepositoryFile,
  type WeightsFormat,
  formatRank,
  ggufVariant,
  isDuplicate,
  isProjector,
  suffixVariant,
  weightsFormat,
} from './weights-file.ts'

/** A model may take this part of the memory; context and everything else need the rest. */
const MEMORY_SHARE = 0.7
/** The plain weights among variants that have names. */
const FULL = 'full'

/** One way to have the model: a format, and of that one variant. */
export interface Variant<F> {
  readonly format: WeightsFormat
  readonly name: string
  readonly selector: string
  readonly files: readonly F[]
  readonly sizeBytes: number
}

/** Formats of `loaded` first, then by preference; of GGUF and named variants the smallest first. */
export function listVariants<F extends RepositoryFile>(files: readonly F[], loaded: readonly string[]): Array<Variant<F>> {
  const byFormat = new Map<WeightsFormat, F[]>()
  const pipeline = files.some(({ path }) => path === 'model_index.json')
  for (const file of files) {
    const format = weightsFormat(file.path)
    if (format === undefined || isProjector(file.path)) continue
    // Beside a diffusers pipeline, whose parts are in folders, a checkpoint at the top is the same model in one piece.
    if (pipeline && !file.path.includes('/')) continue
    byFormat.set(format, [...(byFormat.get(format) ?? []), file])
  }
  const others = (format: WeightsFormat): number => Number(!loaded.includes(format))
  const formats = [...byFormat].sort(([a], [b]) => others(a) - others(b) || formatRank(a) - formatRank(b))
  return formats.flatMap(([format, weights], index) => variantsOf(format, weights, index === 0))
}

function variantsOf<F extends RepositoryFile>(format: WeightsFormat, weights: readonly F[], first: boolean): Array<Variant<F>> {
  const lasting = weights.filter(({ path }) => !isDuplicate(path))
  const kept = lasting.length > 0 ? lasting : weights
  const groups = format === 'gguf' ? ggufGroups(kept) : suffixGroups(kept)
  const variants = [...groups].map(([name, files]) => {
    const selector = groups.size === 1 ? format : first ? name : `${format}-${name}`
    return { format, name, selector, files, sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) }
  })
  return variants.sort((a, b) => a.sizeBytes - b.sizeBytes || (a.name < b.name ? -1 : 1))
}

/** Variants by quantisation; with several models in one repository, by model and quantisation. */
function ggufGroups<F extends RepositoryFile>(weights: readonly F[]): Map<string, F[]> {
  const named = weights.map((file) => ({ file, ...ggufVariant(file.path) }))
  const several = new Set(named.map(({ slot }) => slot.toLowerCase())).size > 1
  const nameOf = ({ slot, variant }: { slot: string; variant: string }): string =>
    several ? [slot, variant].filter((part) => part !== '').join('-') : variant || FULL
  return new Map([...Map.groupBy(named, nameOf)].map(([name, group]) => [name, group.map(({ file }) => file)]))
}

/** A variant has its own files in each slot that has some, and the plain ones in the others. */
function suffixGroups<F extends RepositoryFile>(weights: readonly F[]): Map<string, F[]> {
  const named = weights.map((file) => ({ file, ...suffixVariant(file.path) }))
  const slots = [...Map.groupBy(named, ({ slot }) => slot).values()].map((slot) => Map.groupBy(slot, ({ variant }) => variant))
  const variants = [...new Set(named.map(({ variant }) => variant))]
  const filesOf = (wanted: string): F[] => slots.flatMap((slot) => (slot.get(wanted) ?? slot.get('') ?? []).map(({ file }) => file))
  return new Map(variants.map((variant) => [variant || FULL, filesOf(variant)]))
}

export interface Picked<F> {
  readonly variant: Variant<F>
  readonly reason: string
  readonly warning?: string
}

/** Quantisations by what they keep of the model for their size, best first; below four bits quality falls quickly. */
const balanced = (
  'Q4_K_M Q4_K_XL Q4_K_L Q4_K Q4_K_S MXFP4 MXFP4_MOE NVFP4 IQ4_NL IQ4_XS Q4_1 Q4_0 ' +
  'Q5_K_M Q5_K_XL Q5_K_L Q5_K_S Q5_1 Q5_0 Q6_K Q6_K_XL Q8_0 BF16 F16 F32'
).split(' ')

/** Of those that fit into 70 % of the memory: the plain weights, else of GGUF the best balanced, else the largest. If none fits, the smallest. */
export function pick<F extends RepositoryFile>(
  variants: ReadonlyArray<Variant<F>>,
  { memoryBytes, formats }: { readonly memoryBytes: number; readonly formats: readonly string[] },
): Picked<F> | undefined {
  const roomBytes = memoryBytes * MEMORY_SHARE
  const room = `${gigabytes(roomBytes)}, ${MEMORY_SHARE * 100} % of the memory of this machine`
  const [smallest] = variants
  if (smallest === undefined) return undefined
  if (variants.length === 1)
    return {
      variant: smallest,
      reason: formats.includes(smallest.format)
        ? `an engine here loads ${smallest.format}`
        : `${smallest.format} is preferred to the other formats that are there`,
      ...tooLarge(smallest, roomBytes, room),
    }
  const fitting = variants.filter(({ sizeBytes }) => sizeBytes <= roomBytes)
  const largest = fitting.at(-1)
  if (largest === undefined)
    return { variant: smallest, reason: `none fits into ${room}; it is the smallest`, ...tooLarge(smallest, roomBytes, room) }
  const full = fitting.find(({ name, format }) => name === FULL && format !== 'gguf')
  if (full !== undefined) return { variant: full, reason: `the unreduced weights fit into ${room}` }
  const best = bestBalanced(fitting)
  if (best !== undefined) return { variant: best, reason: `the best balance of size and quality that fits into ${room}` }
  return { variant: largest, reason: `the largest that fits into ${room}` }
}

function bestBalanced<F>(fitting: ReadonlyArray<Variant<F>>): Variant<F> | undefined {
  const ranked = fitting.flatMap((variant) => {
    const quantisation = variant.format === 'gguf' ? ggufVariant(variant.name).variant.replace(/^UD-/, '') : ''
    const rank = balanced.indexOf(quantisation)
    return rank < 0 ? [] : [{ variant, rank }]
  })
  return ranked.sort((a, b) => a.rank - b.rank)[0]?.variant
}

function tooLarge({ sizeBytes }: Variant<unknown>, roomBytes: number, room: string): { readonly warning?: string } {
  if (sizeBytes <= roomBytes) return {}
  return { warning: `The weights take ${gigabytes(sizeBytes)}, more than ${room}.` }
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`
}

/** Variants that a selector names: one by its name, or all of a format. */
export function findVariants<F>(variants: ReadonlyArray<Variant<F>>, selector: string): Array<Variant<F>> | undefined {
  const wanted = selector.toLowerCase()
  const exact = variants.find((variant) =>
    [variant.selector, variant.name, `${variant.format}-${variant.name}`].some((name) => name.toLowerCase() === wanted),
  )
  if (exact !== undefined) return [exact]
  const ofFormat = variants.filter(({ format }) => format === wanted)
  return ofFormat.length > 0 ? ofFormat : undefined
}
