import { z } from 'zod'
import { TensorSchema } from '../../tensor/tensor.ts'
import { OverflowSchema, TokenUsageSchema } from './generate.ts'

const TEXT_LENGTH_MAX = 1024 * 1024

const Text = z.string().max(TEXT_LENGTH_MAX)

export const embedFields = {
  input: z.array(Text).min(1).max(2048),
  /** Vectors of length 1, so that their product is their cosine. */
  normalize: z.boolean().default(true),
  /** Only the first so many numbers, for models that were trained for it. */
  dimensions: z.number().int().positive().max(65_536).optional(),
  /** `error` when absent. */
  overflow: OverflowSchema.optional(),
} as const
export const EmbedRequestSchema = z.strictObject(embedFields)
export type EmbedRequest = z.output<typeof EmbedRequestSchema>

export const EmbedResponseSchema = z.strictObject({
  /** float32 [texts, dimensions], in the order of the input. */
  embeddings: TensorSchema,
  usage: TokenUsageSchema,
  /** Positions of the texts that were cut to fit, as `overflow: truncate` allows. */
  truncated: z.array(z.number().int().nonnegative()).optional(),
})
export type EmbedResponse = z.output<typeof EmbedResponseSchema>

export const rerankFields = {
  query: Text,
  documents: z.array(Text).min(1).max(2048),
  /** `error` when absent. */
  overflow: OverflowSchema.optional(),
} as const
export const RerankRequestSchema = z.strictObject(rerankFields)
export type RerankRequest = z.output<typeof RerankRequestSchema>

export const RerankResponseSchema = z.strictObject({
  /** How well each document answers the query, in the order of the documents; larger is better. */
  scores: z.array(z.number()),
  usage: TokenUsageSchema,
  truncated: z.array(z.number().int().nonnegative()).optional(),
})
export type RerankResponse = z.output<typeof RerankResponseSchema>
