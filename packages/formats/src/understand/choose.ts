import { SomaError } from '@soma/core'
import { type Group, depthOf, groupShards, isTrainingState } from './groups.ts'
import type { FileKind } from './kinds.ts'
import { SHOWN_MAX } from './limits.ts'
import { type Package, nameOf, parentOf } from './package.ts'
import type { FileFacts, Recognition, UnderstandOptions } from './types.ts'

/** Where a model comes in several formats, the first of these that leaves no doubt is taken: safe ones before pickles, whole ones before parts. */
const order: readonly FileKind[] = [
  'gguf',
  'safetensors',
  'onnx',
  'saved-model',
  'keras',
  'tflite',
  'tfjs',
  'pickle',
  'hdf5',
  'openvino',
  'coreml',
  'tensorrt',
  'paddle',
]

/** One model of the package, in one file or several, and what it says of itself. */
interface Candidate extends Group {
  readonly facts: FileFacts
}

/**
 * Finds the model in a package by its files alone.
 * @throws {SomaError} `package/no-model` naming the candidates, when there are several or none.
 */
export async function choose(pkg: Package, options: UnderstandOptions): Promise<Recognition> {
  const ambiguous: string[] = []
  for (const kind of preferred(options.stated?.format)) {
    const candidates = await candidatesOf(pkg, kind)
    const roles = rolesOf(pkg, candidates)
    const format = candidates[0]?.facts.format
    if (roles && format !== undefined) return { format, roles }
    ambiguous.push(...candidates.map(({ main }) => main))
  }
  throw noModel(pkg, ambiguous)
}

function preferred(format: string | undefined): readonly FileKind[] {
  const wanted = format === 'pytorch' || format === 'torchscript' ? 'pickle' : format
  return [...order.filter((kind) => kind === wanted), ...order.filter((kind) => kind !== wanted)]
}

async function candidatesOf(pkg: Package, kind: FileKind): Promise<Candidate[]> {
  const paths = [...pkg.files.keys()].filter((path) => pkg.kindOf(path) === kind && !isTrainingState(path))
  const candidates: Candidate[] = []
  for (const group of groupShards(paths)) {
    const facts = await pkg.facts(group.main)
    if (facts) candidates.push({ ...group, facts })
  }
  return candidates
}

type Roles = Readonly<Record<string, string>>

/** Undefined when it cannot be told which of them is the model. */
function rolesOf(pkg: Package, candidates: readonly Candidate[]): Roles | undefined {
  const parts = partsOf(candidates)
  const wholes = candidates.filter(({ facts }) => !facts.part)
  const [only, second] = wholes
  if (!only) return parts && Object.keys(parts).length > 0 ? parts : undefined
  const roles = second ? (pipelineRoles(pkg, wholes) ?? encoderDecoder(wholes) ?? named(wholes)) : { model: only.main }
  return roles && parts && { ...roles, ...parts }
}

/** Projectors and adapters; undefined when there are two of a kind. Tables of a quantisation are no part of a model. */
function partsOf(candidates: readonly Candidate[]): Roles | undefined {
  const parts = candidates.flatMap(({ main, facts }) => (facts.part && facts.part !== 'matrix' ? [[facts.part, main] as const] : []))
  return new Set(parts.map(([part]) => part)).size === parts.length ? Object.fromEntries(parts) : undefined
}

/** Diffusers and Sentence Transformers list their parts in a file, each with a folder of its own, which names its role. */
function pipelineRoles(pkg: Package, wholes: readonly Candidate[]): Roles | undefined {
  const index = [...pkg.files.keys()].filter((path) => /^(model_index|modules)\.json$/.test(nameOf(path)))
  const [path, second] = index
  if (path === undefined || second !== undefined) return undefined
  const folder = parentOf(path)
  const modules = nameOf(path) === 'modules.json'
  const roles: Record<string, string> = {}
  for (const [component, group] of Map.groupBy(wholes, ({ main }) => parentOf(main))) {
    const model = only(group) ?? only(group.filter(({ main }) => !isVariant(main))) ?? only(namedLike(group))
    if (component === folder && !modules) continue
    if (!model) return undefined
    roles[component === folder ? 'model' : nameOf(component)] = model.main
  }
  return Object.keys(roles).length > 0 ? roles : undefined
}

/** The same weights in less precision: `diffusion_pytorch_model.fp16.safetensors`. */
function isVariant(path: string): boolean {
  return /\.(fp16|bf16|fp32|non_ema|ema_only|int8|fp8)\.[^.]+$/i.test(path.replace(/-\d{5}-of-\d{5}(?=\.[^.]+$)/, ''))
}

const halves: Readonly<Record<string, string>> = {
  'encoder_model.onnx': 'encoder',
  'decoder_model.onnx': 'decoder',
  'decoder_with_past_model.onnx': 'decoder-with-past',
  'decoder_model_merged.onnx': 'decoder-merged',
}

/** Encoders and decoders exported apart. */
function encoderDecoder(wholes: readonly Candidate[]): Roles | undefined {
  const roles = wholes.map(({ main }) => [halves[nameOf(main)], main] as const)
  if (new Set(wholes.map(({ main }) => parentOf(main))).size > 1 || roles.some(([role]) => role === undefined)) return undefined
  return Object.fromEntries(roles)
}

/** The one with the usual name, closest to the top. */
function named(wholes: readonly Candidate[]): Roles | undefined {
  const usual = namedLike(wholes)
  const [first, second] = usual
  if (!first || (second && depthOf(second.main) === depthOf(first.main))) return undefined
  return { model: first.main }
}

function namedLike(wholes: readonly Candidate[]): Candidate[] {
  return wholes.filter(({ main }) => /^(model|pytorch_model)(-\d{5}-of-\d{5})?\.(safetensors|bin)$/.test(nameOf(main)))
}

function only<T>(list: readonly T[]): T | undefined {
  return list.length === 1 ? list[0] : undefined
}

function noModel(pkg: Package, candidates: readonly string[]): SomaError {
  const shown = candidates.toSorted().slice(0, SHOWN_MAX)
  const message =
    shown.length > 0
      ? `the package holds ${candidates.length} files that could be the model (${shown.join(', ')}); choose with include, e.g. ${JSON.stringify(shown[0])}`
      : `none of the package's ${pkg.files.size} files is a model of a format that is known here`
  return new SomaError('package/no-model', message, { details: { candidates: shown, files: pkg.files.size } })
}
