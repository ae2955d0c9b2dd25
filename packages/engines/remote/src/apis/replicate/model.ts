import {
  type EngineContext,
  type GenerateEvent,
  type GenerateRequest,
  type GenerateResult,
  type InferRequest,
  type InferResponse,
  encodeStrings,
} from '@soma/spec'
import { refuseAll, unsupported } from '../../errors.ts'
import type { Target } from '../api.ts'
import { type Prediction, predict, textsOf } from './predict.ts'
import { type ReplicateFile, inputOf } from './schema.ts'

/** A version of a model at Replicate, with the schemas of what it takes and gives. */
export interface ReplicateModel {
  readonly version: string
  readonly file: ReplicateFile
}

export async function infer(
  target: Target,
  { version, file }: ReplicateModel,
  request: InferRequest,
  ctx: EngineContext,
): Promise<InferResponse> {
  let last: Prediction | undefined
  for await (const prediction of predict(target, version, inputOf(file, request.inputs), ctx.signal)) last = prediction
  const texts = textsOf(last?.output)
  return { outputs: [{ name: 'output', dtype: 'string', shape: [texts.length], data: encodeStrings(texts) }] }
}

/** Fields that such models may have, by our name for them. */
const names = {
  maxTokens: ['max_tokens', 'max_new_tokens', 'max_length'],
  temperature: ['temperature'],
  topP: ['top_p'],
  topK: ['top_k'],
  minP: ['min_p'],
  seed: ['seed'],
  presencePenalty: ['presence_penalty'],
  frequencyPenalty: ['frequency_penalty'],
  repeatPenalty: ['repetition_penalty'],
} as const
const API = 'Replicate'

/** A prompt continued, by models that have an input of that name; its other options as far as they have those. */
export async function* generate(
  target: Target,
  model: ReplicateModel,
  request: GenerateRequest,
  ctx: EngineContext,
): AsyncGenerator<GenerateEvent, GenerateResult, void> {
  let said = ''
  let usage: GenerateResult['usage'] = { promptTokens: 0, cachedTokens: 0, generatedTokens: 0 }
  for await (const { output, metrics } of predict(target, model.version, textInput(model.file, request), ctx.signal)) {
    const text = textsOf(output).join('')
    if (text.length > said.length) yield { text: text.slice(said.length) }
    said = text
    usage = { promptTokens: metrics?.input_token_count ?? 0, cachedTokens: 0, generatedTokens: metrics?.output_token_count ?? 0 }
  }
  const isFull = request.maxTokens !== undefined && usage.generatedTokens >= request.maxTokens
  return { finish: isFull ? 'length' : 'stop', usage }
}

function textInput({ schemas: { Input } }: ReplicateFile, request: GenerateRequest): Record<string, unknown> {
  refuseAll(request, ['format', 'tools', 'toolChoice', 'stop'], API)
  if (request.overflow === 'truncate') throw unsupported('overflow', API)
  const { system, prompt } = words(request)
  const options = Object.entries(names).flatMap(([option, theirs]) => {
    const value = request[option as keyof typeof names]
    if (value === undefined) return []
    const name = theirs.find((name) => Object.hasOwn(Input.properties, name))
    if (name === undefined) throw unsupported(option, API)
    return [[name, value] as const]
  })
  if (system !== undefined && !Object.hasOwn(Input.properties, 'system_prompt')) throw unsupported('system', API)
  return { prompt, ...(system !== undefined && { system_prompt: system }), ...Object.fromEntries(options) }
}

/** Replicate knows no conversations: one question, and what the model should be. */
function words({ prompt, messages = [] }: GenerateRequest): { readonly system?: string; readonly prompt: string } {
  if (prompt !== undefined) return { prompt }
  const said = messages.filter(({ role }) => role !== 'system')
  const [only] = said
  if (said.length !== 1 || only?.role !== 'user') throw unsupported('messages beyond one question', API)
  if (only.images) throw unsupported('images', API)
  const system = messages.filter(({ role }) => role === 'system').map(({ content }) => content)
  return { prompt: only.content, ...(system.length > 0 && { system: system.join('\n\n') }) }
}
