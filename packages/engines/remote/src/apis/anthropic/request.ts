import type { ChatMessage, GenerateRequest } from '@soma/spec'
import { refuseAll, unsupported } from '../../errors.ts'
import { ANTHROPIC_MAX_TOKENS } from '../../limits.ts'
import { base64, imageType } from '../images.ts'

const API = 'Anthropic'
const none = ['prompt', 'seed', 'minP', 'repeatPenalty', 'presencePenalty', 'frequencyPenalty', 'format'] as const

export function messagesBody(model: string, request: GenerateRequest): object {
  refuseAll(request, none, API)
  if (request.overflow === 'truncate') throw unsupported('overflow', API)
  if ((request.temperature ?? 0) > 1) throw unsupported('temperature above 1', API)
  const messages = request.messages ?? []
  const system = messages.filter(({ role }) => role === 'system').map(({ content }) => content)
  return {
    model,
    stream: true,
    max_tokens: request.maxTokens ?? ANTHROPIC_MAX_TOKENS,
    system: system.length > 0 ? system.join('\n\n') : undefined,
    messages: inTurns(messages.filter(({ role }) => role !== 'system')),
    temperature: request.temperature,
    top_p: request.topP,
    top_k: request.topK,
    stop_sequences: request.stop,
    tools: request.tools?.map(({ name, description, parameters = { type: 'object' } }) => ({
      name,
      description,
      input_schema: parameters,
    })),
    tool_choice: toolChoice(request.toolChoice),
  }
}

/** User and assistant take turns: what tools answer is said by the user, together with what else the user says then. */
function inTurns(messages: readonly ChatMessage[]): object[] {
  const turns: Array<{ role: 'user' | 'assistant'; content: object[] }> = []
  for (const message of messages) {
    const role = message.role === 'assistant' ? 'assistant' : 'user'
    const last = turns.at(-1)
    if (last?.role === role) last.content.push(...blocksOf(message))
    else turns.push({ role, content: blocksOf(message) })
  }
  return turns
}

function blocksOf({ role, content, images = [], toolCalls = [], toolCallId }: ChatMessage): object[] {
  if (role === 'tool') return [{ type: 'tool_result', tool_use_id: toolCallId, content }]
  return [
    ...images.map((image) => ({ type: 'image', source: { type: 'base64', media_type: imageType(image), data: base64(image) } })),
    // Empty texts are refused there.
    ...(content === '' ? [] : [{ type: 'text', text: content }]),
    ...toolCalls.map(({ id, name, arguments: args }) => ({ type: 'tool_use', id, name, input: JSON.parse(args) as unknown })),
  ]
}

function toolChoice(choice: GenerateRequest['toolChoice']): object | undefined {
  if (choice === undefined) return undefined
  if (typeof choice === 'object') return { type: 'tool', name: choice.name }
  return { type: choice === 'required' ? 'any' : choice }
}
