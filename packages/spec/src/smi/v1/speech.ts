import { z } from 'zod'
import { Bytes, TensorSchema } from '../../tensor/tensor.ts'

/** BCP 47, as `en` or `pt-BR`. */
const Language = z.string().regex(/^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$/)

export const transcribeFields = {
  /** An audio file: WAV, FLAC, MP3, Ogg Vorbis or Opus. */
  audio: Bytes,
  /** What is spoken; found out when absent, where the model can. */
  language: Language.optional(),
  /** Into English, where the model can. */
  translate: z.boolean().default(false),
} as const
export const TranscribeRequestSchema = z.strictObject(transcribeFields)
export type TranscribeRequest = z.output<typeof TranscribeRequestSchema>

export const SegmentSchema = z.strictObject({
  startSeconds: z.number().nonnegative(),
  endSeconds: z.number().nonnegative(),
  text: z.string(),
})
export type Segment = z.output<typeof SegmentSchema>

/** A stretch of speech, as soon as it is known. */
export const TranscribeEventSchema = z.strictObject({ segment: SegmentSchema })
export type TranscribeEvent = z.output<typeof TranscribeEventSchema>
export const TranscribeResultSchema = z.strictObject({ language: z.string().nullable(), durationSeconds: z.number().nonnegative() })
export type TranscribeResult = z.output<typeof TranscribeResultSchema>

export const synthesizeFields = {
  text: z.string().min(1).max(100_000),
  /** One of the model's voices, by name or number; its first when absent. */
  voice: z.string().max(128).optional(),
  /** 1 is the model's own; 2 is twice as fast. */
  speed: z.number().min(0.25).max(4).default(1),
} as const
export const SynthesizeRequestSchema = z.strictObject(synthesizeFields)
export type SynthesizeRequest = z.output<typeof SynthesizeRequestSchema>

/** The next stretch of sound: float32 [samples], mono, from -1 to 1. */
export const SynthesizeEventSchema = z.strictObject({ samples: TensorSchema, sampleRate: z.number().int().positive() })
export type SynthesizeEvent = z.output<typeof SynthesizeEventSchema>
export const SynthesizeResultSchema = z.strictObject({ sampleRate: z.number().int().positive(), durationSeconds: z.number().nonnegative() })
export type SynthesizeResult = z.output<typeof SynthesizeResultSchema>
