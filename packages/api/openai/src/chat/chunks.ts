import type { CallEvent, CallOutput, ForeignStream } from '@soma/spec'
import { eventStream, serverSent } from '../reply.ts'
import type { ChatRequest } from './request.ts'
import { finishReason, toolCall, usageOf } from '../words.ts'

/** A completion piece by piece: chunks, one with the reason of its end, one with the usage if asked for, `[DONE]`. */
export function chunkStream({ stream_options: options }: ChatRequest, head: object): ForeignStream {
  const withUsage = options?.include_usage === true
  let toolCalls = 0
  let begun = false
  const chunk = (delta: object, finish: string | null): string => {
    const first = begun ? {} : { role: 'assistant' }
    begun = true
    const choices = [{ index: 0, delta: { ...first, ...delta }, logprobs: null, finish_reason: finish }]
    return serverSent({ ...head, choices, ...(withUsage && { usage: null }) })
  }
  return eventStream({
    event(value) {
      const { text, toolCall: call } = value as CallEvent<'model.generate'>
      const spoken = text === '' && call ? '' : chunk({ content: text }, null)
      return call ? spoken + chunk({ tool_calls: [{ index: toolCalls++, ...toolCall(call) }] }, null) : spoken
    },
    output(value) {
      const { finish, usage } = value as CallOutput<'model.generate'>
      const last = withUsage ? serverSent({ ...head, choices: [], usage: usageOf(usage) }) : ''
      return `${chunk({}, finishReason(finish))}${last}data: [DONE]\n\n`
    },
  })
}
