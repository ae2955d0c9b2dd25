import { readFile } from 'node:fs/promises'
import { SomaError, parseJson } from '@soma/core'
import { type LoadOptions, type ModelPackage, packageFile, parseInput } from '@soma/spec'
import { z } from 'zod'
import { loadFailed } from './errors.ts'
import { CONCURRENCY, ENDPOINT_FILE_BYTES_MAX, READY_MS, READY_MS_MAX } from './limits.ts'

/** A server of this machine that is started for the model and ends with it. `{port}` in its arguments and in the URL is a free one. */
const ProcessSchema = z.strictObject({
  /** A program’s name or absolute path; the user must have allowed it. */
  command: z.string().min(1).max(4096),
  args: z.array(z.string().max(4096)).max(256).default([]),
  env: z.record(z.string().regex(/^[A-Za-z_]\w*$/), z.string().max(32_768)).default({}),
  /** Answers 200 when the server is ready. */
  health: z.string().startsWith('/').default('/health'),
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
export type EndpointFile = Omit<z.output<typeof EndpointSchema>, 'task'> & { readonly task: string }

/**
 * The package’s description of its endpoint.
 * @throws {SomaError} `model/load-failed`; `config/invalid` for settings, of which there are none.
 */
export async function readEndpoint(pkg: ModelPackage, { settings }: Pick<LoadOptions, 'settings'>): Promise<EndpointFile> {
  const [setting] = Object.keys(settings)
  if (setting !== undefined)
    throw new SomaError('config/invalid', `the remote engine has no setting "${setting}"; everything is in endpoint.json`)
  const file = packageFile(pkg, 'model')
  if (file.sizeBytes > ENDPOINT_FILE_BYTES_MAX) throw loadFailed(`${file.path} is over ${ENDPOINT_FILE_BYTES_MAX} bytes`)
  try {
    const endpoint = parseInput(EndpointSchema, parseJson(await readFile(file.localPath), file.path), file.path)
    return { ...endpoint, task: endpoint.task ?? (endpoint.api === 'oip' ? 'tensor-to-tensor' : pkg.task) }
  } catch (cause) {
    throw loadFailed((cause as Error).message, cause)
  }
}
