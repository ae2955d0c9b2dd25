import type { EngineContext, GenerateEvent, GenerateRequest, GenerateResult } from '@soma/spec'
import { z } from 'zod'
import { answeredError } from '../../errors.ts'
import { readError } from '../../http/failed-answer.ts'
import { brokenOff, parseAnswer, readEvents } from '../../http/read.ts'
import type { Target } from '../api.ts'
import { ToolCalls } from '../tool-calls.ts'
import { chatBody, completionBody } from './request.ts'

const ToolPiece = z.object({
  index: z.number().int().nonnegative().default(0),
  id: z.string().nullish(),
  function: z.object({ name: z.string().nullish(), arguments: z.string().nullish() }).optional(),
})
const Usage = z.object({
  prompt_tokens: z.number().int().nonnegative(),
  completion_tokens: z.number().int().nonnegative().default(0),
  prompt_tokens_details: z.object({ cached_tokens: z.number().int().nonnegative().nullish() }).nullish(),
})
const Chunk = z.object({
  error: z.unknown().optional(),
  choices: z
    .array(
      z.object({
        text: z.string().nullish(),
        delta: z.object({ content: z.string().nullish(), tool_calls: z.array(ToolPiece).nullish() }).nullish(),
        finish_reason: z.string().nullish(),
      }),
    )
    .default([]),
  usage: Usage.nullish(),
})
type Chunk = z.output<typeof Chunk>

const finishes: Readonly<Record<string, GenerateResult['finish']>> = {
  length: 'length',
  tool_calls: 'tool-calls',
  function_call: 'tool-calls',
}

/** `POST /chat/completions`, or `/completions` for a prompt that is to be continued as it stands. */
export async function* generate(
  target: Target,
  request: GenerateRequest,
  ctx: EngineContext,
): AsyncGenerator<GenerateEvent, GenerateResult, void> {
  const { connection } = target
  const isChat = request.messages !== undefined
  const body = isChat ? chatBody(target.model, request) : completionBody(target.model, request)
  const response = await connection.send(isChat ? '/chat/completions' : '/completions', { body, signal: ctx.signal })
  const calls = new ToolCalls()
  let finish: string | undefined
  let usage: Chunk['usage']
  for await (const data of readEvents(connection.origin, response)) {
    if (data === '[DONE]') break
    const chunk = readChunk(connection.origin, data)
    const [choice] = chunk.choices
    const text = choice?.delta?.content ?? choice?.text ?? ''
    if (text !== '') yield { text }
    for (const piece of choice?.delta?.tool_calls ?? [])
      calls.add(piece.index, {
        id: piece.id ?? undefined,
        name: piece.function?.name ?? undefined,
        arguments: piece.function?.arguments ?? undefined,
      })
    finish = choice?.finish_reason ?? finish
    usage = chunk.usage ?? usage
  }
  if (finish === undefined) throw brokenOff(connection.origin)
  for (const toolCall of calls.finished()) yield { text: '', toolCall }
  return { finish: finishes[finish] ?? (calls.size > 0 ? 'tool-calls' : 'stop'), usage: usageOf(usage) }
}

function readChunk(origin: string, data: string): Chunk {
  const chunk = parseAnswer(origin, data, Chunk)
  if (chunk.error === undefined || chunk.error === null) return chunk
  throw answeredError(origin, 500, readError(data), undefined)
}

function usageOf(usage: Chunk['usage']): GenerateResult['usage'] {
  return {
    promptTokens: usage?.prompt_tokens ?? 0,
    cachedTokens: usage?.prompt_tokens_details?.cached_tokens ?? 0,
    generatedTokens: usage?.completion_tokens ?? 0,
  }
}
