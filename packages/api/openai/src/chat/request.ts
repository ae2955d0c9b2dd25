import { generateFields } from '@soma/spec'
import { z } from 'zod'
import { only, unread } from '../codec.ts'
import { MessageSchema } from './messages.ts'

const { temperature, topP, presencePenalty, frequencyPenalty, seed, stop, maxTokens } = generateFields
const Parameters = z.record(z.string(), z.unknown())

const FunctionTool = z.strictObject({
  type: z.literal('function'),
  function: z.strictObject({
    name: z.string(),
    description: z.string().nullish(),
    parameters: Parameters.nullish(),
    strict: unread,
  }),
})

const ToolChoice = z.union(
  [z.enum(['auto', 'none', 'required']), z.strictObject({ type: z.literal('function'), function: z.strictObject({ name: z.string() }) })],
  'only auto, none, required or one function can be honoured here',
)

const ResponseFormat = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text') }),
  z.strictObject({ type: z.literal('json_object') }),
  z.strictObject({
    type: z.literal('json_schema'),
    json_schema: z.strictObject({ name: z.string(), description: z.string().nullish(), schema: Parameters.default({}), strict: unread }),
  }),
])

/** A chat completion as it is asked for. The ranges are those of `model.generate`. What is not here is refused by name. */
export const ChatRequestSchema = z.strictObject({
  model: z.string(),
  messages: z.array(MessageSchema).min(1),
  stream: z.boolean().nullish(),
  stream_options: z.strictObject({ include_usage: z.boolean().nullish(), include_obfuscation: only(false) }).nullish(),
  max_tokens: maxTokens.nullable(),
  max_completion_tokens: maxTokens.nullable(),
  temperature: temperature.nullable(),
  top_p: topP.nullable(),
  presence_penalty: presencePenalty.nullable(),
  frequency_penalty: frequencyPenalty.nullable(),
  seed: seed.nullable(),
  stop: z.preprocess((text) => (typeof text === 'string' ? [text] : text), stop.nullable()),
  response_format: ResponseFormat.nullish(),
  tools: z.array(FunctionTool).nullish(),
  tool_choice: ToolChoice.nullish(),
  prompt_cache_key: z.string().nullish(),
  n: only(1),
  logprobs: only(false),
  top_logprobs: only(0),
  logit_bias: z.strictObject({}).nullish(),
  parallel_tool_calls: only(true),
  store: only(false),
  service_tier: only('auto', 'default'),
  modalities: z.tuple([z.literal('text')], 'only ["text"] can be honoured here').nullish(),
  user: unread,
  safety_identifier: unread,
  metadata: unread,
})
export type ChatRequest = z.output<typeof ChatRequestSchema>
