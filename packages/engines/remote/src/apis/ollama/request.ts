import type { ChatMessage, GenerateRequest } from '@soma/spec'
import { refuseAll, unsupported } from '../../errors.ts'
import { base64 } from '../images.ts'

const API = 'Ollama'

/** For `/api/chat`. */
export function chatBody(model: string, request: GenerateRequest): object {
  const { toolChoice = 'auto', messages = [] } = request
  if (toolChoice !== 'auto' && toolChoice !== 'none') throw unsupported('toolChoice', API)
  const tools = toolChoice === 'none' ? undefined : request.tools?.map((tool) => ({ type: 'function', function: tool }))
  return { ...shared(model, request), messages: messages.map((message) => messageOf(message, messages)), tools }
}

/** For `/api/generate`, past the chat template. */
export function promptBody(model: string, request: GenerateRequest): object {
  refuseAll(request, ['tools', 'toolChoice'], `${API} generate`)
  return { ...shared(model, request), prompt: request.prompt, raw: true }
}

function shared(model: string, request: GenerateRequest): object {
  const { format } = request
  if (format?.type === 'grammar') throw unsupported('format', API)
  return {
    model,
    stream: true,
    // Otherwise it cuts what is too long and says nothing.
    truncate: request.overflow === 'truncate',
    format: format?.type === 'json' ? 'json' : format?.schema,
    options: {
      num_predict: request.maxTokens,
      seed: request.seed,
      temperature: request.temperature,
      top_p: request.topP,
      top_k: request.topK,
      min_p: request.minP,
      repeat_penalty: request.repeatPenalty,
      presence_penalty: request.presencePenalty,
      frequency_penalty: request.frequencyPenalty,
      stop: request.stop,
    },
  }
}

/** Its calls have no ids: an answer to one is told by the function’s name. */
function messageOf({ role, content, images, toolCalls, toolCallId }: ChatMessage, all: readonly ChatMessage[]): object {
  const asked = all.flatMap((message) => message.toolCalls ?? []).find(({ id }) => id === toolCallId)
  return {
    role,
    content,
    images: images?.map(base64),
    tool_calls: toolCalls?.map(({ name, arguments: args }) => ({ function: { name, arguments: JSON.parse(args) as unknown } })),
    tool_name: role === 'tool' ? asked?.name : undefined,
  }
}
