import { SomaError } from '@soma/core'
import { type LoadOptions, inputError } from '@soma/spec'
import type { InferenceSession } from 'onnxruntime-node'
import { z } from 'zod'
import type { Place } from './devices.ts'
import { BATCH_SETTING_MAX, BATCH_WINDOW_MS_MAX, NAMED_SETTINGS_MAX } from './limits.ts'

/** What a manifest may set for this engine. */
const OnnxSettingsSchema = z.strictObject({
  graphOptimizations: z.enum(['disabled', 'basic', 'extended', 'all']).default('all'),
  /** Sizes for free dimensions, by the name that the model gives them: lets the library plan memory ahead. */
  dimensions: z
    .record(z.string(), z.number().int().positive())
    .refine((sizes) => Object.keys(sizes).length <= NAMED_SETTINGS_MAX, `at most ${NAMED_SETTINGS_MAX}`)
    .default({}),
  /** Examples of several requests that are run at once, along a free first dimension; 1 never. When absent, if the graph calls it a batch. */
  batchMax: z.number().int().positive().max(BATCH_SETTING_MAX).optional(),
  /** Waits so long for more before a run begins. 0 takes what came during the run before, and makes nobody wait. */
  batchWindowMs: z.number().nonnegative().max(BATCH_WINDOW_MS_MAX).default(0),
  /** Whether the CPU may run it where its device cannot. */
  fallback: z.boolean().default(false),
  /** Inputs in which NaN and infinity are refused. */
  finite: z.array(z.string()).max(NAMED_SETTINGS_MAX).default([]),
})
export type OnnxSettings = z.output<typeof OnnxSettingsSchema>

/** @throws {SomaError} `config/invalid` naming the setting. */
export function readSettings(settings: LoadOptions['settings']): OnnxSettings {
  const parsed = OnnxSettingsSchema.safeParse(settings)
  if (parsed.success) return parsed.data
  throw new SomaError('config/invalid', inputError(parsed.error.issues, 'what engine onnx is told').message)
}

/**
 * The library picks nothing itself: threads are the host's, operators run one after the other, and threads without work sleep.
 * By default they spin, which on two CPUs with pauses between calls took 3.4 times the CPU time for the same results.
 */
export function sessionOptions(threads: number, settings: OnnxSettings, { executionProviders }: Place): InferenceSession.SessionOptions {
  return {
    executionProviders,
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: settings.graphOptimizations,
    freeDimensionOverrides: settings.dimensions,
    logSeverityLevel: 3,
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  }
}
