import { readFile } from 'node:fs/promises'
import { SomaError, parseJson } from '@soma/core'
import { type LoadOptions, type ModelPackage, inputError, packageFile, parseInput } from '@soma/spec'
import { z } from 'zod'
import type { ReplicateModel } from './apis/replicate/model.ts'
import { ReplicateFileSchema, isText } from './apis/replicate/schema.ts'
import { loadFailed } from './errors.ts'
import { CONCURRENCY, ENDPOINT_FILE_BYTES_MAX, READY_MS, READY_MS_MAX, REPLICATE_FILE_BYTES_MAX } from './limits.ts'

/** A server of this machine that is started for the model and ends with it. `{port}` in its arguments and in the URL is a free one. */
const ProcessSchema = z.strictObject({
  /** A program’s name or absolute path; the user must have allowed it. */
  command: z.string().min(1).max(4096),
  args: z.array(z.string().max(4096)).max(256).default([]),
  env: z.record(z.string().regex(/^[A-Za-z_]\w*$/), z.string().max(32_768)).default({}),
  /** A path, which answers 200 when the server is ready. Two slashes would begin the name of another server. */
  health: z
    .string()
    .regex(/^\/(?![/\\])/)
    .default('/health'),
  readyMs: z.number().int().positive().max(READY_MS_MAX).default(READY_MS),
})
export type ProcessRecipe = z.output<typeof ProcessSchema>

/** What a model does behind its endpoint. */
const tasks = ['text-generation', 'feature-extraction', 'text-ranking', 'automatic-speech-recognition', 'tensor-to-tensor'] as const

/** `endpoint.json`: where a model is, and in which words it is spoken to. Keys are the user’s, and never in here. */
export const EndpointSchema = z.strictObject({
  api: z.enum(['openai', 'anthropic', 'ollama', 'oip']),
  /** What the paths of the API are added to, as `http://127.0.0.1:8000/v1` for OpenAI’s. */
  url: z
    .string()
    .regex(/^https?:\/\/\S+$/)
    .max(4096),
  /** The model’s name there. */
  model: z.string().min(1).max(512),
  task: z.enum(tasks).optional(),
  concurrency: z.number().int().positive().max(1024).default(CONCURRENCY),
  contextLength: z.number().int().positive().optional(),
  process: ProcessSchema.optional(),
})
export interface EndpointFile extends Omit<z.output<typeof EndpointSchema>, 'task' | 'api' | 'process' | 'contextLength'> {
  readonly api: z.output<typeof EndpointSchema>['api'] | 'replicate'
  readonly task: string
  readonly process?: ProcessRecipe | undefined
  readonly contextLength?: number | undefined
  /** Of Replicate's models. */
  readonly replicate?: ReplicateModel
}

/**
 * The package’s description of its endpoint.
 * @throws {SomaError} `model/load-failed`; `config/invalid` for settings, of which there are none.
 */
export async function readEndpoint(pkg: ModelPackage, { settings }: Pick<LoadOptions, 'settings'>): Promise<EndpointFile> {
  if (settings['provider'] === 'replicate') return await readReplicate(pkg, settings)
  const [setting] = Object.keys(settings)
  if (setting !== undefined)
    throw new SomaError('config/invalid', `the remote engine has no setting "${setting}"; everything is in endpoint.json`)
  const endpoint = await readModelFile(pkg, EndpointSchema, ENDPOINT_FILE_BYTES_MAX)
  return { ...endpoint, task: endpoint.task ?? (endpoint.api === 'oip' ? 'tensor-to-tensor' : pkg.task) }
}

/** What the source of that name writes into its manifests. */
const ReplicateSettingsSchema = z.strictObject({
  provider: z.literal('replicate'),
  model: z.string().max(512),
  version: z.string().regex(/^[0-9a-f]{64}$/),
  schema: z.string().max(4096),
  url: EndpointSchema.shape.url.default('https://api.replicate.com/v1'),
})

async function readReplicate(pkg: ModelPackage, settings: LoadOptions['settings']): Promise<EndpointFile> {
  const parsed = ReplicateSettingsSchema.safeParse(settings)
  if (!parsed.success) throw new SomaError('config/invalid', inputError(parsed.error.issues, 'what engine remote is told').message)
  const { model, version, url } = parsed.data
  const file = await readModelFile(pkg, ReplicateFileSchema, REPLICATE_FILE_BYTES_MAX)
  return {
    api: 'replicate',
    url,
    model,
    task: isText(file) ? 'text-generation' : 'tensor-to-tensor',
    concurrency: CONCURRENCY,
    replicate: { version, file },
  }
}

async function readModelFile<Schema extends z.ZodType>(pkg: ModelPackage, schema: Schema, sizeBytesMax: number): Promise<z.output<Schema>> {
  const file = packageFile(pkg, 'model')
  if (file.sizeBytes > sizeBytesMax) throw loadFailed(`${file.path} is over ${sizeBytesMax} bytes`)
  try {
    return parseInput(schema, parseJson(await readFile(file.localPath), file.path), file.path)
  } catch (cause) {
    throw loadFailed((cause as Error).message, cause)
  }
}
