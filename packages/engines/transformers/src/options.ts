import { SomaError } from '@soma/core'
import { type EngineOption, type LoadOptions, inputError } from '@soma/spec'
import { z } from 'zod'
import { unsupported } from './errors.ts'

/** Precisions that exports come in, and what the names of their files end in. */
export const dtypeSuffixes = {
  fp32: '',
  fp16: '_fp16',
  q8: '_quantized',
  int8: '_int8',
  uint8: '_uint8',
  q4: '_q4',
  q4f16: '_q4f16',
  bnb4: '_bnb4',
} as const
export type ModelDtype = keyof typeof dtypeSuffixes
export const modelDtypes = Object.keys(dtypeSuffixes) as readonly ModelDtype[]

export const taskNames = [
  'feature-extraction',
  'sentence-similarity',
  'text-ranking',
  'text-generation',
  'text-classification',
  'zero-shot-classification',
  'token-classification',
  'question-answering',
  'fill-mask',
  'summarization',
  'translation',
  'text2text-generation',
  'automatic-speech-recognition',
  'image-classification',
  'zero-shot-image-classification',
  'object-detection',
  'image-to-text',
] as const
export type TaskName = (typeof taskNames)[number]

const SettingsSchema = z.strictObject({
  /** Which of the package's files: in which precision. That of the file the package names when absent. */
  dtype: z.enum(modelDtypes as [ModelDtype, ...ModelDtype[]]).optional(),
  /** What the model is used for, where its files say something else, or nothing. */
  task: z.enum(taskNames).optional(),
})
export type Settings = z.output<typeof SettingsSchema>

/** The same, for help texts. */
export const engineOptions: readonly EngineOption[] = [
  {
    name: 'dtype',
    type: 'string',
    description: 'Which precision of a package that holds several; that of the file it names when absent.',
    values: [...modelDtypes],
  },
  { name: 'task', type: 'string', description: 'What the model is used for, where its files say something else.', values: [...taskNames] },
]

/** @throws {SomaError} `config/invalid` naming the setting. */
export function readSettings(settings: LoadOptions['settings']): Settings {
  const parsed = SettingsSchema.safeParse(settings)
  if (parsed.success) return parsed.data
  throw new SomaError('config/invalid', inputError(parsed.error.issues, 'what engine transformers is told').message)
}

/** @throws {SomaError} `model/unsupported` for a device that the library's native part here does not have. */
export function checkDevice({ device = 'cpu' }: LoadOptions): void {
  if (device !== 'cpu') throw unsupported('device', `this engine runs on the CPU; it cannot use ${device}`)
}

/** Threads are the host's; without work they sleep: by default they spin, which on busy cores takes a multiple of the time. */
export function sessionOptions(threads: number): object {
  return {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    logSeverityLevel: 4,
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  }
}
