import type { EngineContext, GenerateEvent, GenerateRequest, GenerateResult } from '@soma/spec'
import { z } from 'zod'
import { answeredError } from '../../errors.ts'
import { readError } from '../../http/failed-answer.ts'
import { brokenOff, parseAnswer, readEvents } from '../../http/read.ts'
import type { Target } from '../api.ts'
import { ToolCalls } from '../tool-calls.ts'
import { messagesBody } from './request.ts'

const Tokens = z.number().int().nonnegative()
const Usage = z.object({
  input_tokens: Tokens.nullish(),
  cache_read_input_tokens: Tokens.nullish(),
  cache_creation_input_tokens: Tokens.nullish(),
  output_tokens: Tokens.nullish(),
})
/** The fields of all kinds of events together: a kind that is not known yet is passed over. */
const StreamEvent = z.object({
  type: z.string(),
  index: z.number().int().nonnegative().default(0),
  message: z.object({ usage: Usage }).optional(),
  content_block: z
    .object({ type: z.string(), id: z.string().optional(), name: z.string().optional(), text: z.string().optional() })
    .optional(),
  delta: z.object({ text: z.string().optional(), partial_json: z.string().optional(), stop_reason: z.string().nullish() }).optional(),
  usage: Usage.optional(),
})
type StreamEvent = z.output<typeof StreamEvent>

const finishes: Readonly<Record<string, GenerateResult['finish']>> = {
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool-calls',
}

/** `POST /v1/messages` */
export async function* generate(
  { connection, model }: Target,
  request: GenerateRequest,
  { signal }: EngineContext,
): AsyncGenerator<GenerateEvent, GenerateResult, void> {
  const { origin } = connection
  const response = await connection.send('/v1/messages', { body: messagesBody(model, request), signal })
  const answer = new Answer()
  for await (const data of readEvents(origin, response)) {
    const event = parseAnswer(origin, data, StreamEvent)
    if (event.type === 'error') throw answeredError(origin, 500, readError(data), undefined)
    const text = answer.take(event)
    if (text !== '') yield { text }
    if (event.type === 'message_stop') break
  }
  if (answer.stopReason === undefined) throw brokenOff(origin)
  for (const toolCall of answer.calls.finished()) yield { text: '', toolCall }
  return { finish: finishes[answer.stopReason] ?? 'stop', usage: answer.usage }
}

/** An answer as it grows. */
class Answer {
  readonly calls = new ToolCalls()
  stopReason: string | undefined
  usage: GenerateResult['usage'] = { promptTokens: 0, cachedTokens: 0, generatedTokens: 0 }

  /** @returns the text that the event brings. */
  take({ index, message, content_block: block, delta, usage }: StreamEvent): string {
    this.#count(message?.usage ?? usage)
    this.stopReason = delta?.stop_reason ?? this.stopReason
    if (block?.type === 'tool_use') this.calls.add(index, { id: block.id, name: block.name })
    if (delta?.partial_json !== undefined) this.calls.add(index, { arguments: delta.partial_json })
    return (block?.text ?? '') + (delta?.text ?? '')
  }

  /** The prompt is counted at the beginning, in up to three parts; what is generated at the end, as a sum. */
  #count(usage: StreamEvent['usage']): void {
    if (!usage) return
    const { promptTokens, cachedTokens, generatedTokens } = this.usage
    const cached = usage.cache_read_input_tokens ?? 0
    const prompt = (usage.input_tokens ?? 0) + cached + (usage.cache_creation_input_tokens ?? 0)
    this.usage = {
      promptTokens: Math.max(promptTokens, prompt),
      cachedTokens: Math.max(cachedTokens, cached),
      generatedTokens: usage.output_tokens ?? generatedTokens,
    }
  }
}
