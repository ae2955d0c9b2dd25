import type { CallInput, CallOutput, ForeignCall, ForeignRequest } from '@soma/spec'
import { refused } from '../errors.ts'
import { readJson } from '../codec.ts'
import { priorityOf } from '../priority.ts'
import { jsonReply, requestId } from '../reply.ts'
import { samplingInput } from '../sampling.ts'
import { completionHead, finishReason, toolCall, usageOf } from '../words.ts'
import { chunkStream } from './chunks.ts'
import { type ChatRequest, ChatRequestSchema } from './request.ts'

/** `POST /chat/completions`. Somebody is waiting for it unless the request says otherwise. */
export function chat(request: ForeignRequest, fingerprint: string): ForeignCall {
  const chat = readJson(ChatRequestSchema, request)
  const call: ForeignCall = {
    input: { ...generateInput(chat), priority: priorityOf(request, 'interactive') },
    reply: (output, at) => ({
      ...jsonReply({
        ...completionHead({ prefix: 'chatcmpl', object: 'chat.completion', model: chat.model, fingerprint }, at),
        ...answer(output as CallOutput<'model.generate'>),
      }),
      headers: requestId(at),
    }),
  }
  return chat.stream
    ? {
        ...call,
        stream: (at) =>
          chunkStream(chat, completionHead({ prefix: 'chatcmpl', object: 'chat.completion.chunk', model: chat.model, fingerprint }, at)),
      }
    : call
}

function generateInput(chat: ChatRequest): CallInput<'model.generate'> {
  return {
    ...samplingInput(chat),
    messages: chat.messages,
    maxTokens: maxTokens(chat),
    format: format(chat.response_format),
    tools: chat.tools?.map(({ function: tool }) => ({
      name: tool.name,
      description: tool.description ?? undefined,
      parameters: tool.parameters ?? undefined,
    })) as CallInput<'model.generate'>['tools'],
    toolChoice: typeof chat.tool_choice === 'object' ? chat.tool_choice?.function : chat.tool_choice,
    session: session(chat.prompt_cache_key),
  }
}

function maxTokens({ max_tokens: old, max_completion_tokens: current }: ChatRequest): number | undefined {
  if (typeof old === 'number' && typeof current === 'number' && old !== current)
    throw refused('max_tokens', 'invalid_value', "Invalid 'max_tokens': it contradicts 'max_completion_tokens', which replaced it.")
  return current ?? old ?? undefined
}

function format(wanted: ChatRequest['response_format']): CallInput<'model.generate'>['format'] {
  if (wanted?.type === 'json_object') return { type: 'json' }
  if (wanted?.type === 'json_schema') return { type: 'json-schema', schema: wanted.json_schema.schema as Record<string, never> }
  return undefined
}

/** A hint that changes no answer: keys that are no session's name are left out. */
function session(key: string | null | undefined): string | undefined {
  return key && /^[A-Za-z0-9._-]{1,128}$/.test(key) ? key : undefined
}

function answer({ text, toolCalls, finish, usage }: CallOutput<'model.generate'>): object {
  const message = {
    role: 'assistant',
    content: text === '' && toolCalls.length > 0 ? null : text,
    refusal: null,
    ...(toolCalls.length > 0 && { tool_calls: toolCalls.map(toolCall) }),
  }
  return { choices: [{ index: 0, message, logprobs: null, finish_reason: finishReason(finish) }], usage: usageOf(usage) }
}
