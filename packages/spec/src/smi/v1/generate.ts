import { z } from 'zod'
import { Bytes } from '../../tensor/tensor.ts'
import { Json } from './json.ts'

const PROMPT_LENGTH_MAX = 4 * 1024 * 1024
const MESSAGES_MAX = 4096
const TOOLS_MAX = 256

/** A function that the model may ask for. */
export const ToolSchema = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
  description: z.string().max(16_384).optional(),
  /** JSON Schema of its arguments, an object. */
  parameters: z.record(z.string(), Json).optional(),
})
export type Tool = z.output<typeof ToolSchema>

/** The model asks for a function. */
export const ToolCallSchema = z.strictObject({
  id: z.string().max(128),
  name: z.string().max(64),
  /** JSON text of an object. */
  arguments: z.string().max(PROMPT_LENGTH_MAX),
})
export type ToolCall = z.output<typeof ToolCallSchema>

export const ChatMessageSchema = z.strictObject({
  role: z.enum(['system', 'user', 'assistant', 'tool']),
  content: z.string().max(PROMPT_LENGTH_MAX),
  /** Encoded pictures that belong to the text: PNG, JPEG, WebP. */
  images: z.array(Bytes).max(64).optional(),
  /** Of an assistant: what it asked for. */
  toolCalls: z.array(ToolCallSchema).max(TOOLS_MAX).optional(),
  /** Of a tool: which request it answers. */
  toolCallId: z.string().max(128).optional(),
})
export type ChatMessage = z.output<typeof ChatMessageSchema>

/** What the text must look like. */
export const OutputFormatSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('json') }),
  z.strictObject({ type: z.literal('json-schema'), schema: z.record(z.string(), Json) }),
  /** GBNF, as llama.cpp reads it. */
  z.strictObject({ type: z.literal('grammar'), grammar: z.string().max(256 * 1024) }),
])
export type OutputFormat = z.output<typeof OutputFormatSchema>

/** What to do with a prompt that is longer than the model's context. */
export const OverflowSchema = z.enum(['error', 'truncate'])

const penalty = z.number().min(-2).max(2)

/** The fields of a generation, for the call and for engines. Exactly one of `prompt` and `messages` is given. */
export const generateFields = {
  /** Continued as it stands, without a chat template. */
  prompt: z.string().max(PROMPT_LENGTH_MAX).optional(),
  /** Put through the model's chat template. */
  messages: z.array(ChatMessageSchema).min(1).max(MESSAGES_MAX).optional(),
  /** Upper bound of generated tokens; until the model ends, or its context is full, when absent. */
  maxTokens: z.number().int().positive().max(1_000_000).optional(),
  /** Equal requests with equal seeds give equal text where the engine can. */
  seed: z.number().int().nonnegative().max(0xffff_ffff).optional(),
  /** 0 takes the likeliest token each time. The model's own default when absent. */
  temperature: z.number().min(0).max(2).optional(),
  topP: z.number().gt(0).max(1).optional(),
  topK: z.number().int().nonnegative().max(1_000_000).optional(),
  minP: z.number().min(0).max(1).optional(),
  repeatPenalty: z.number().gt(0).max(10).optional(),
  presencePenalty: penalty.optional(),
  frequencyPenalty: penalty.optional(),
  /** Ends the text where one of these would begin; it is not part of the text. */
  stop: z.array(z.string().min(1).max(1024)).max(16).optional(),
  format: OutputFormatSchema.optional(),
  tools: z.array(ToolSchema).max(TOOLS_MAX).optional(),
  /** `required`: some tool must be asked for; `{ name }`: this one. */
  toolChoice: z.union([z.enum(['auto', 'none', 'required']), z.strictObject({ name: z.string().max(64) })]).optional(),
  /** Calls of one session share the work on the beginning that their prompts have in common. */
  session: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,128}$/)
    .optional(),
  /** `error` when absent. */
  overflow: OverflowSchema.optional(),
} as const

/** Exactly one of `prompt` and `messages`. */
export function oneBeginning(request: { readonly prompt?: unknown; readonly messages?: unknown }): boolean {
  return (request.prompt === undefined) !== (request.messages === undefined)
}
export const ONE_BEGINNING = 'give either prompt or messages'

export const GenerateRequestSchema = z.strictObject(generateFields).refine(oneBeginning, ONE_BEGINNING)
export type GenerateRequest = z.output<typeof GenerateRequestSchema>

/** Text as it appears, a finished request for a function, or both. Together the texts are the answer. */
export const GenerateEventSchema = z.strictObject({ text: z.string(), toolCall: ToolCallSchema.optional() })
export type GenerateEvent = z.output<typeof GenerateEventSchema>

/** Tokens that a call took. */
export const TokenUsageSchema = z.strictObject({
  promptTokens: z.number().int().nonnegative(),
  /** Of the prompt's tokens, those whose work was done already. */
  cachedTokens: z.number().int().nonnegative().default(0),
  generatedTokens: z.number().int().nonnegative().default(0),
})
export type TokenUsage = z.output<typeof TokenUsageSchema>

export const GenerateResultSchema = z.strictObject({
  /** Why it ended: by itself or at a stop text, at `maxTokens` or a full context, or to have tools run. */
  finish: z.enum(['stop', 'length', 'tool-calls']),
  usage: TokenUsageSchema,
  /** Present when the prompt was cut to fit, as `overflow: truncate` allows. */
  truncated: z.strictObject({ droppedTokens: z.number().int().positive() }).optional(),
})
export type GenerateResult = z.output<typeof GenerateResultSchema>
