import { z } from 'zod'
import { only, unread } from '../codec.ts'
import { samplingFields } from '../sampling.ts'
import { MessageSchema } from './messages.ts'

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

/** A chat completion as it is asked for. What is not here is refused by name. */
export const ChatRequestSchema = z.strictObject({
  ...samplingFields,
  messages: z.array(MessageSchema).min(1),
  max_completion_tokens: samplingFields.max_tokens,
  response_format: ResponseFormat.nullish(),
  tools: z.array(FunctionTool).nullish(),
  tool_choice: ToolChoice.nullish(),
  prompt_cache_key: z.string().nullish(),
  logprobs: only(false),
  top_logprobs: only(0),
  parallel_tool_calls: only(true),
  store: only(false),
  service_tier: only('auto', 'default'),
  modalities: z.tuple([z.literal('text')], 'only ["text"] can be honoured here').nullish(),
  safety_identifier: unread,
  metadata: unread,
})
export type ChatRequest = z.output<typeof ChatRequestSchema>
