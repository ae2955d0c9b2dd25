import { isAbsolute, join } from 'node:path'
import { SomaError } from '@soma/core'
import { type LoadOptions, type ModelPackage, inputError } from '@soma/spec'
import { z } from 'zod'
import { fileMissing } from './errors.ts'
import { BATCH_SIZE_DEFAULT, BATCH_SIZE_MAX, CHAT_TEMPLATE_LENGTH_MAX, CONTEXT_LENGTH_MAX, LORA_MAX, SEQUENCES_MAX } from './limits.ts'

const count = (max: number) => z.number().int().positive().max(max)

/** What whoever loads the model may set; `descriptor.options` explains them. */
const SettingsSchema = z
  .strictObject({
    use: z.enum(['generate', 'embed', 'rerank']).optional(),
    contextLength: count(CONTEXT_LENGTH_MAX).optional(),
    sequences: count(SEQUENCES_MAX).optional(),
    batchSize: count(BATCH_SIZE_MAX).default(BATCH_SIZE_DEFAULT),
    gpuLayers: z.number().int().nonnegative().optional(),
    flashAttention: z.boolean().optional(),
    kvCacheType: z.enum(['f32', 'f16', 'bf16', 'q8_0', 'q5_1', 'q5_0', 'q4_1', 'q4_0']).default('f16'),
    lora: z.array(z.string().min(1).max(4096)).max(LORA_MAX).default([]),
    speculative: z.enum(['off', 'lookup', 'draft']).default('off'),
    draftModel: z.string().min(1).max(4096).optional(),
    chatTemplate: z.string().min(1).max(CHAT_TEMPLATE_LENGTH_MAX).optional(),
    memoryMap: z.boolean().default(true),
  })
  .refine(({ speculative, draftModel }) => (speculative === 'draft') === (draftModel !== undefined), {
    path: ['draftModel'],
    message: 'is needed for speculative: draft, and for nothing else',
  })
export type Settings = z.output<typeof SettingsSchema>

/** @throws {SomaError} `config/invalid` naming the setting. */
export function readSettings(settings: LoadOptions['settings']): Settings {
  const parsed = SettingsSchema.safeParse(settings)
  if (parsed.success) return parsed.data
  throw new SomaError('config/invalid', inputError(parsed.error.issues, 'what engine llama is told').message)
}

export interface LoraAdapter {
  readonly filePath: string
  readonly scale: number
}

/** @throws {SomaError} `model/load-failed` for a file that the package does not hold, `config/invalid` for a scale that is no number. */
export function readLora(pkg: ModelPackage, lora: Settings['lora']): LoraAdapter[] {
  return lora.map((entry) => {
    const [, file = entry, scale = '1'] = /^(.*)=([^=/\\]*)$/.exec(entry) ?? []
    if (scale.trim() === '' || !Number.isFinite(Number(scale)))
      throw new SomaError('config/invalid', `setting lora: "${entry}" has no number after "="; write e.g. style.gguf=0.5`)
    return { filePath: findFile(pkg, file), scale: Number(scale) }
  })
}

/** A file of the package by its path in it, or any by its absolute path. */
export function findFile(pkg: ModelPackage, path: string): string {
  if (isAbsolute(path)) return path
  if (pkg.files.some((file) => file.path === path)) return join(pkg.directory, path)
  throw fileMissing(pkg.name, path)
}
