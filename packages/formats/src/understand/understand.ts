import { describeFinding, unsafePickle } from '../pickle/unsafe-pickle.ts'
import { choose } from './choose.ts'
import { coreFiles } from './core-files.ts'
import { type Documents, readDocuments } from './documents.ts'
import { makeKnowledge } from './knowledge.ts'
import { Package, parentOf } from './package.ts'
import type { FileFacts, PackageSources, Recognition, UnderstandOptions, Understanding } from './types.ts'

/** Formats that are told by their files; others are engines' own words for packages of several files. */
const formats = new Set(['gguf', 'safetensors', 'onnx', 'pytorch', 'torchscript', 'saved-model', 'keras', 'tfjs', 'tflite', 'pickle'])
/** All of them are pickles, and called PyTorch's as often as not. */
const pickled = new Set(['pytorch', 'torchscript', 'pickle'])

/**
 * Finds out from a package's files what it is and what has to be known before it is run, without running any of it. Every file that is
 * kept and has a header is held against itself, every pickle scanned.
 * @throws {SomaError} `package/no-model` naming the candidates, when there are several or none, and when files are missing;
 * `package/invalid-model`; `package/unsafe-pickle`; `package/unsafe-path`.
 */
export async function understand(files: PackageSources, options: UnderstandOptions = {}): Promise<Understanding> {
  const pkg = new Package(files, options.signal)
  const recognition = await recognise(pkg, options)
  const core = await coreFiles(pkg, recognition)
  const kept = [...new Set(options.keep?.(core) ?? files.keys())]
  const unsafe = await checkKept(pkg, kept, options)
  const mainPath = recognition.roles['model'] ?? Object.values(recognition.roles)[0] ?? ''
  const main = await pkg.facts(mainPath)
  const parts = await factsOf(pkg, [...core])
  const documents = await readDocuments(pkg, parentOf(mainPath))
  const knowledge = makeKnowledge(
    {
      recognition,
      main,
      parts,
      documents,
      diskBytes: bytesOf(pkg, kept),
      coreBytes: bytesOf(pkg, core),
      warnings: [...unsafe, ...recognition.doubts, ...(await warningsOf(pkg, [...core])), ...documentWarnings(recognition, documents)],
    },
    options.stated,
  )
  const { format, roles } = recognition
  return {
    format,
    roles,
    knowledge,
    signature: recognition.roles['model'] === undefined ? null : (main?.signature ?? null),
    core,
    kept,
    unsafe,
  }
}

/** What others say it is, unless its file is evidently something else. */
async function recognise(pkg: Package, options: UnderstandOptions): Promise<Recognition & { readonly doubts: readonly string[] }> {
  const { known } = options
  if (!known) return { ...(await choose(pkg, options)), doubts: [] }
  if (pickled.has(known.format)) for (const path of Object.values(known.roles)) await pkg.facts(path, 'pickle')
  const model = known.roles['model']
  const found = model === undefined || !formats.has(known.format) ? undefined : (await pkg.facts(model))?.format
  if (found === undefined || found === known.format || (pickled.has(found) && pickled.has(known.format))) return { ...known, doubts: [] }
  return { ...known, format: found, doubts: [`It is said to be ${known.format}; ${model} is ${found}.`] }
}

/** Reads the header of every file that is kept. @returns what the unsafe ones among them would do. */
async function checkKept(pkg: Package, kept: readonly string[], { allowUnsafe = false, onScan }: UnderstandOptions): Promise<string[]> {
  const unsafe: string[] = []
  for (const path of kept) {
    const facts = await pkg.facts(path)
    if (!facts) continue
    const [finding] = facts.findings ?? []
    if (finding && !allowUnsafe) throw unsafePickle(path, finding)
    if (finding) unsafe.push(describeFinding(path, finding))
    onScan?.(path, facts.format)
  }
  return unsafe
}

async function factsOf(pkg: Package, paths: readonly string[]): Promise<FileFacts[]> {
  const facts: FileFacts[] = []
  for (const path of paths) {
    const found = await pkg.facts(path)
    if (found) facts.push(found)
  }
  return facts
}

async function warningsOf(pkg: Package, paths: readonly string[]): Promise<string[]> {
  const warnings: string[] = []
  for (const path of paths) for (const warning of (await pkg.facts(path))?.warnings ?? []) warnings.push(`${path} ${warning}.`)
  return warnings
}

function documentWarnings({ format, roles }: Recognition, { config, tokenizer, card, pipeline, warnings }: Documents): string[] {
  const code = config?.customCode ?? []
  const bare = (format === 'safetensors' || format === 'pytorch') && roles['model'] !== undefined && !config && pipeline === null
  return [
    ...warnings,
    ...(code.length > 0
      ? [`config.json wants Python code of the author to be run (${code.join(', ')}); it is not kept with the model.`]
      : []),
    ...(tokenizer?.hasCustomCode
      ? ['tokenizer_config.json wants Python code of the author to be run; it is not kept with the model.']
      : []),
    ...(bare ? ['No config.json says what the weights are part of; whoever loads them has to know.'] : []),
    ...(card?.fault ? [`The model card's front matter cannot be read: ${card.fault}.`] : []),
  ]
}

function bytesOf(pkg: Package, paths: Iterable<string>): number {
  let sum = 0
  for (const path of paths) sum += pkg.sizeOf(path) ?? 0
  return sum
}
