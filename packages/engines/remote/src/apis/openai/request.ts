import type { ChatMessage, GenerateRequest } from '@soma/spec'
import { refuseAll, unsupported } from '../../errors.ts'
import { base64, imageType } from '../images.ts'

/** What OpenAI's API has no field for. A session is only a hint, so it is left out. */
const none = ['topK', 'minP', 'repeatPenalty'] as const

export function chatBody(model: string, request: GenerateRequest): object {
  return {
    ...shared(model, request),
    messages: request.messages?.map(messageOf),
    response_format: formatOf(request.format),
    tools: request.tools?.map((tool) => ({ type: 'function', function: tool })),
    tool_choice: typeof request.toolChoice === 'object' ? { type: 'function', function: request.toolChoice } : request.toolChoice,
  }
}

export function completionBody(model: string, request: GenerateRequest): object {
  refuseAll(request, ['format', 'tools', 'toolChoice'], 'OpenAI completions')
  return { ...shared(model, request), prompt: request.prompt }
}

function shared(model: string, request: GenerateRequest): object {
  refuseAll(request, none, 'OpenAI')
  if (request.overflow === 'truncate') throw unsupported('overflow', 'OpenAI')
  return {
    model,
    stream: true,
    stream_options: { include_usage: true },
    max_tokens: request.maxTokens,
    temperature: request.temperature,
    top_p: request.topP,
    seed: request.seed,
    presence_penalty: request.presencePenalty,
    frequency_penalty: request.frequencyPenalty,
    stop: request.stop,
  }
}

function formatOf(format: GenerateRequest['format']): object | undefined {
  if (format?.type === 'grammar') throw unsupported('format', 'OpenAI')
  if (format?.type === 'json') return { type: 'json_object' }
  return format && { type: 'json_schema', json_schema: { name: 'answer', schema: format.schema, strict: true } }
}

function messageOf({ role, content, images = [], toolCalls, toolCallId }: ChatMessage): object {
  const pictures = images.map((image) => ({ type: 'image_url', image_url: { url: `data:${imageType(image)};base64,${base64(image)}` } }))
  return {
    role,
    content: pictures.length > 0 ? [{ type: 'text', text: content }, ...pictures] : content,
    tool_calls: toolCalls?.map(({ id, name, arguments: args }) => ({ id, type: 'function', function: { name, arguments: args } })),
    tool_call_id: toolCallId,
  }
}
