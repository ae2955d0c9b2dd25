import type { CallEvent, CallOutput, ForeignCall, ForeignRequest, ForeignStream } from '@soma/spec'
import { z } from 'zod'
import { only, readJson } from './codec.ts'
import { priorityOf } from './priority.ts'
import { eventStream, jsonReply, requestId, serverSent } from './reply.ts'
import { samplingFields, samplingInput } from './sampling.ts'
import { completionHead, finishReason, usageOf } from './words.ts'

const CompletionSchema = z.strictObject({
  ...samplingFields,
  /** One prompt; some clients put it into a list. */
  prompt: z.preprocess(
    (prompt) => (Array.isArray(prompt) && prompt.length === 1 ? (prompt as unknown[])[0] : prompt),
    z.string('expected one text'),
  ),
  best_of: only(1),
  echo: only(false),
  logprobs: only(0),
  suffix: only(''),
})

/** `POST /completions`: a prompt continued as it stands, past the chat template. */
export function complete(request: ForeignRequest, fingerprint: string): ForeignCall {
  const wanted = readJson(CompletionSchema, request)
  const kind = { prefix: 'cmpl', object: 'text_completion', model: wanted.model, fingerprint }
  const call: ForeignCall = {
    input: { ...samplingInput(wanted), prompt: wanted.prompt, priority: priorityOf(request, 'interactive') },
    reply(output, at) {
      const { text, finish, usage } = output as CallOutput<'model.generate'>
      return {
        ...jsonReply({ ...completionHead(kind, at), choices: [choice(text, finishReason(finish))], usage: usageOf(usage) }),
        headers: requestId(at),
      }
    },
  }
  return wanted.stream ? { ...call, stream: (at) => pieces(completionHead(kind, at), wanted.stream_options?.include_usage === true) } : call
}

function pieces(head: object, withUsage: boolean): ForeignStream {
  const piece = (text: string, finish: string | null): string =>
    serverSent({ ...head, choices: [choice(text, finish)], ...(withUsage && { usage: null }) })
  return eventStream({
    event: (value) => piece((value as CallEvent<'model.generate'>).text, null),
    output(value) {
      const { finish, usage } = value as CallOutput<'model.generate'>
      const last = withUsage ? serverSent({ ...head, choices: [], usage: usageOf(usage) }) : ''
      return `${piece('', finishReason(finish))}${last}data: [DONE]\n\n`
    },
  })
}

function choice(text: string, finish: string | null): object {
  return { index: 0, text, logprobs: null, finish_reason: finish }
}
