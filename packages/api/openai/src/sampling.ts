import { type CallInput, generateFields } from '@soma/spec'
import { z } from 'zod'
import { only, unread } from './codec.ts'
import { refused } from './errors.ts'

const { temperature, topP, presencePenalty, frequencyPenalty, seed, stop, maxTokens } = generateFields

/** What chats and completions have in common. The ranges are those of `model.generate`. */
export const samplingFields = {
  model: z.string(),
  stream: z.boolean().nullish(),
  stream_options: z.strictObject({ include_usage: z.boolean().nullish(), include_obfuscation: only(false) }).nullish(),
  max_tokens: maxTokens.nullable(),
  temperature: temperature.nullable(),
  top_p: topP.nullable(),
  presence_penalty: presencePenalty.nullable(),
  frequency_penalty: frequencyPenalty.nullable(),
  seed: seed.nullable(),
  stop: z.preprocess((text) => (typeof text === 'string' ? [text] : text), stop.nullable()),
  n: only(1),
  logit_bias: z.strictObject({}).nullish(),
  user: unread,
} as const
const SamplingSchema = z.object(samplingFields)
export type Sampling = z.output<typeof SamplingSchema>

/** The same for `model.generate`. @throws {SomaError} `call/invalid-input` for fields that contradict each other. */
export function samplingInput(request: Sampling): Omit<CallInput<'model.generate'>, 'prompt' | 'messages'> {
  if (request.stream_options && !request.stream)
    throw refused('stream_options', 'invalid_value', "Invalid 'stream_options': it goes with stream: true only.")
  return {
    model: request.model,
    maxTokens: request.max_tokens ?? undefined,
    temperature: request.temperature ?? undefined,
    topP: request.top_p ?? undefined,
    presencePenalty: request.presence_penalty ?? undefined,
    frequencyPenalty: request.frequency_penalty ?? undefined,
    seed: request.seed ?? undefined,
    stop: request.stop ?? undefined,
  }
}
