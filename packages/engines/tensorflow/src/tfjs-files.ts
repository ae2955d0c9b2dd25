import { readFile } from 'node:fs/promises'
import { posix } from 'node:path'
import { parseJson } from '@soma/core'
import { type ModelPackage, type PackageFile, packageFile } from '@soma/spec'
import type { io } from '@tensorflow/tfjs-core'
import { z } from 'zod'
import { loadFailed, messageOf } from './errors.ts'
import { MODEL_JSON_BYTES_MAX, SHARDS_MAX, WEIGHT_BYTES_MAX } from './limits.ts'

const Objects = z.record(z.string(), z.unknown())
const PortSchema = z.looseObject({
  name: z.string().optional(),
  dtype: z.string().optional(),
  tensorShape: z
    .looseObject({
      dim: z.array(z.looseObject({ size: z.union([z.string(), z.number()]).default(0) })).default([]),
      unknownRank: z.boolean().default(false),
    })
    .optional(),
})
export type Port = z.output<typeof PortSchema>
const PortsSchema = z.record(z.string(), PortSchema)
export type Ports = z.output<typeof PortsSchema>

/** What of `model.json` matters here; the library checks the rest. */
const ModelJsonSchema = z.looseObject({
  format: z.string().optional(),
  modelTopology: Objects,
  weightsManifest: z
    .array(z.looseObject({ paths: z.array(z.string().min(1).max(1024)).max(SHARDS_MAX), weights: z.array(Objects) }))
    .max(SHARDS_MAX)
    .default([]),
  signature: z.looseObject({ inputs: PortsSchema.default({}), outputs: PortsSchema.default({}) }).optional(),
  userDefinedMetadata: Objects.optional(),
  modelInitializer: Objects.optional(),
  initializerSignature: Objects.optional(),
})
export type ModelJson = z.output<typeof ModelJsonSchema>

export interface TfjsFiles {
  readonly path: string
  readonly kind: 'graph' | 'layers'
  readonly json: ModelJson
  readonly artifacts: io.ModelArtifacts
}

/**
 * Reads `model.json` and the weights that it names, which must be files of the package.
 * @throws {SomaError} `model/load-failed` naming the file.
 */
export async function readTfjs(pkg: ModelPackage): Promise<TfjsFiles> {
  const file = packageFile(pkg, 'model')
  const json = await readModelJson(file)
  const weightData = await readWeights(pkg, file.path, json)
  const artifacts: io.ModelArtifacts = {
    modelTopology: json.modelTopology,
    weightSpecs: json.weightsManifest.flatMap(({ weights }) => weights) as unknown as io.WeightsManifestEntry[],
    weightData,
    ...(json.signature && { signature: json.signature }),
    ...(json.userDefinedMetadata && { userDefinedMetadata: json.userDefinedMetadata as Record<string, object> }),
    ...(json.modelInitializer && { modelInitializer: json.modelInitializer }),
    ...(json.initializerSignature && { initializerSignature: json.initializerSignature }),
  }
  return { path: file.path, kind: kindOf(file, json), json, artifacts }
}

async function readModelJson(file: PackageFile): Promise<ModelJson> {
  if (file.sizeBytes > MODEL_JSON_BYTES_MAX)
    throw loadFailed(file.path, `${file.sizeBytes} bytes are too many for a description of a model`)
  try {
    return ModelJsonSchema.parse(parseJson(await readFile(file.localPath), file.path))
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error)
    throw loadFailed(file.path, `it is no TensorFlow.js model: ${why}`, error)
  }
}

/** Old files do not say; a graph has nodes, layers have a configuration. */
function kindOf(file: PackageFile, { format, modelTopology }: ModelJson): TfjsFiles['kind'] {
  if (format === 'graph-model' || (format === undefined && Array.isArray(modelTopology['node']))) return 'graph'
  if (format === 'layers-model' || format === undefined) return 'layers'
  throw loadFailed(file.path, `its format is "${format.slice(0, 80)}", neither "graph-model" nor "layers-model"`)
}

async function readWeights(pkg: ModelPackage, path: string, { weightsManifest }: ModelJson): Promise<ArrayBuffer> {
  const shards = weightsManifest.flatMap(({ paths }) => paths).map((shard) => shardFile(pkg, path, shard))
  const length = shards.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  if (length > WEIGHT_BYTES_MAX)
    throw loadFailed(path, `its weights have ${length} bytes, more than the ${WEIGHT_BYTES_MAX} that WebAssembly can hold`)
  const weights = new Uint8Array(length)
  let at = 0
  for (const { path: shard, localPath, sizeBytes } of shards) {
    const bytes = await readFile(localPath).catch((cause: unknown) => {
      throw loadFailed(shard, messageOf(cause), cause)
    })
    if (bytes.byteLength !== sizeBytes) throw loadFailed(shard, `it has ${bytes.byteLength} bytes, not ${sizeBytes}`)
    weights.set(bytes, at)
    at += sizeBytes
  }
  return weights.buffer
}

function shardFile(pkg: ModelPackage, model: string, shard: string): PackageFile {
  const path = posix.join(posix.dirname(model), shard)
  const file = pkg.files.find((file) => file.path === path)
  if (file) return file
  throw loadFailed(model, `the package lacks ${path.slice(0, 200)}, which holds weights`)
}
