import type { EmbedRequest, EmbedResponse, EngineContext, GenerateEvent, GenerateRequest, GenerateResult } from '@soma/spec'
import { z } from 'zod'
import { answeredError, unsupported } from '../../errors.ts'
import { brokenOff, parseAnswer, readJson, readLines } from '../../http/read.ts'
import type { Target } from '../api.ts'
import { ToolCalls } from '../tool-calls.ts'
import { vectorsTensor } from '../vectors.ts'
import { chatBody, promptBody } from './request.ts'

const Tokens = z.number().int().nonnegative().default(0)
const Line = z.object({
  error: z.string().optional(),
  response: z.string().optional(),
  message: z
    .object({
      content: z.string().default(''),
      tool_calls: z.array(z.object({ function: z.object({ name: z.string(), arguments: z.record(z.string(), z.unknown()) }) })).nullish(),
    })
    .optional(),
  done: z.boolean().default(false),
  done_reason: z.string().optional(),
  prompt_eval_count: Tokens,
  eval_count: Tokens,
})
const Embeddings = z.object({ embeddings: z.array(z.array(z.number())), prompt_eval_count: Tokens })

/** `POST /api/chat`, or `/api/generate` for a prompt that is to be continued as it stands. */
export async function* generate(
  target: Target,
  request: GenerateRequest,
  { signal }: EngineContext,
): AsyncGenerator<GenerateEvent, GenerateResult, void> {
  const { origin } = target.connection
  const isChat = request.messages !== undefined
  const body = isChat ? chatBody(target.model, request) : promptBody(target.model, request)
  const response = await target.connection.send(isChat ? '/api/chat' : '/api/generate', { body, signal })
  const calls = new ToolCalls()
  for await (const text of readLines(origin, response)) {
    if (text === '') continue
    const line = parseAnswer(origin, text, Line)
    if (line.error !== undefined) throw answeredError(origin, 500, { message: line.error }, undefined)
    const piece = line.message?.content ?? line.response ?? ''
    if (piece !== '') yield { text: piece }
    for (const { function: call } of line.message?.tool_calls ?? [])
      calls.add(calls.size, { name: call.name, arguments: JSON.stringify(call.arguments) })
    if (!line.done) continue
    for (const toolCall of calls.finished()) yield { text: '', toolCall }
    const usage = { promptTokens: line.prompt_eval_count, cachedTokens: 0, generatedTokens: line.eval_count }
    return { finish: calls.size > 0 ? 'tool-calls' : line.done_reason === 'length' ? 'length' : 'stop', usage }
  }
  throw brokenOff(origin)
}

/** `POST /api/embed` */
export async function embed({ connection, model }: Target, request: EmbedRequest, { signal }: EngineContext): Promise<EmbedResponse> {
  // It does not say which texts it has cut.
  if (request.overflow === 'truncate') throw unsupported('overflow', 'Ollama embed')
  const body = { model, input: request.input, dimensions: request.dimensions, truncate: false }
  const answer = await readJson(connection.origin, await connection.send('/api/embed', { body, signal }), Embeddings)
  return {
    embeddings: vectorsTensor(connection.origin, answer.embeddings, request),
    usage: { promptTokens: answer.prompt_eval_count, cachedTokens: 0, generatedTokens: 0 },
  }
}
