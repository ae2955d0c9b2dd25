import { z } from 'zod'

const PROMPT_LENGTH_MAX = 4 * 1024 * 1024

export const GenerateRequestSchema = z.strictObject({
  prompt: z.string().max(PROMPT_LENGTH_MAX),
  /** Upper bound of generated tokens. */
  maxTokens: z.number().int().positive().max(1_000_000).default(256),
  seed: z.number().int().nonnegative().optional(),
})
export type GenerateRequest = z.output<typeof GenerateRequestSchema>

/** Text as it appears; tokens are the engine's own. */
export const GenerateEventSchema = z.strictObject({ text: z.string() })
export type GenerateEvent = z.output<typeof GenerateEventSchema>
