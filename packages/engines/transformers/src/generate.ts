import { type Rng, SomaError, createSeededRng, defined, isSomaError, parseJson } from '@soma/core'
import type { ChatMessage, EngineContext, GenerateEvent, GenerateRequest, GenerateResult, LoadedModel } from '@soma/spec'
import { withinTime } from '@soma/wire'
import { decodeTokens } from './decode.ts'
import { Detokeniser } from './detokenise.ts'
import { contextOverflow, messageOf, unsupported } from './errors.ts'
import type { Library, LibraryTensor } from './library.ts'
import { TEMPLATE_MS_MAX } from './limits.ts'
import type { Parts } from './parts.ts'
import { type Sampling, isGreedy, sample, samplingOf } from './sample.ts'
import { StopText } from './stop-text.ts'
import type { Tokens } from './tokens.ts'
import { ToolText, knowsTools } from './tool-text.ts'

interface Prompt {
  readonly ids: readonly number[]
  readonly droppedTokens: number
}

/** The part of a context that an answer gets when the prompt has to be cut and nobody says how long the answer may be. */
const ANSWER_SHARE = 4

/** Answers of a language model, a token at a time. */
export function generate(parts: Parts, randomSeed: () => number): NonNullable<LoadedModel['generate']> {
  const tokens = defined(parts.tokens, 'the task takes text')
  return async function* (request: GenerateRequest, { signal }: EngineContext): AsyncGenerator<GenerateEvent, GenerateResult, void> {
    refuseUnknown(request, tokens.tokenizer.chat_template)
    const prompt = fitPrompt(encodePrompt(tokens, request), tokens.max, request)
    const rng = createSeededRng(request.seed ?? randomSeed())
    const roomTokens = Math.min(request.maxTokens ?? Infinity, tokens.max - prompt.ids.length)
    const ends = endTokens(parts)
    const text = new Detokeniser(tokens)
    const stop = new StopText(request.stop ?? [])
    const tools = new ToolText(request.toolChoice === 'none' ? [] : (request.tools ?? []), rng)
    const inputs = inputsOf(parts, tokens, { request, prompt, roomTokens, rng })
    let generatedTokens = 0
    let ended = false
    for await (const token of decodeTokens({ model: parts.model, inputs, signal })) {
      ended = ends.has(token)
      if (ended) break
      generatedTokens++
      yield* tools.add(stop.add(text.add(token)))
      if (stop.stopped) break
    }
    if (!stop.stopped) yield* tools.add(stop.add(text.end()) + stop.end())
    yield* tools.end()
    return {
      finish: tools.called ? 'tool-calls' : ended || stop.stopped ? 'stop' : 'length',
      usage: { promptTokens: prompt.ids.length, cachedTokens: 0, generatedTokens },
      ...(prompt.droppedTokens > 0 && { truncated: { droppedTokens: prompt.droppedTokens } }),
    }
  }
}

/** @throws {SomaError} `model/unsupported` naming what this engine, or the model, cannot honour. */
function refuseUnknown({ format, tools = [], toolChoice = 'auto', messages }: GenerateRequest, template: unknown): void {
  if (format) throw unsupported('format', `this engine cannot hold an answer to a ${format.type}; the llama engine can`)
  if (messages?.some(({ images = [] }) => images.length > 0)) throw unsupported('images', 'the model takes text only')
  if (tools.length === 0 || toolChoice === 'none') return
  if (toolChoice !== 'auto') throw unsupported('toolChoice', 'this engine cannot make a model ask for a tool; the llama engine can')
  if (!messages) throw unsupported('tools', 'tools go into the chat template; send messages instead of a prompt')
  if (!knowsTools(template)) throw unsupported('tools', "the model's chat template does not tell it how to ask for tools")
}

function encodePrompt(tokens: Tokens, { prompt, messages = [], tools, toolChoice }: GenerateRequest): readonly number[] {
  if (prompt !== undefined) return tokens.tokenizer(prompt, { return_tensor: false }).input_ids
  if (tokens.tokenizer.chat_template === null) throw unsupported('messages', 'the package brings no chat template; send a prompt instead')
  try {
    const functions = toolChoice === 'none' ? undefined : tools?.map((tool) => ({ type: 'function', function: tool }))
    const options = { tokenize: false, add_generation_prompt: true, ...(functions && { tools: functions }) }
    const write = (): string => tokens.tokenizer.apply_chat_template(messages.map(templated), options)
    return tokens.plain(withinTime(write, TEMPLATE_MS_MAX, endless))
  } catch (error) {
    if (isSomaError(error)) throw error
    throw unsupported('messages', `the model's chat template refuses them: ${messageOf(error)}`)
  }
}

function endless(): SomaError {
  return new SomaError('engine/failed', `the model's chat template had not ended after ${TEMPLATE_MS_MAX} ms; send a prompt instead`)
}

/** A message as chat templates expect it. */
function templated({ role, content, toolCalls = [], toolCallId }: ChatMessage): object {
  const calls = toolCalls.map(({ id, name, arguments: json }) => ({ id, type: 'function', function: { name, arguments: parseJson(json) } }))
  return { role, content, ...(calls.length > 0 && { tool_calls: calls }), ...(toolCallId !== undefined && { tool_call_id: toolCallId }) }
}

/** Cuts the beginning of a prompt that leaves no room for an answer. */
function fitPrompt(ids: readonly number[], contextLength: number, { overflow, maxTokens }: GenerateRequest): Prompt {
  if (ids.length < contextLength) return { ids, droppedTokens: 0 }
  if (overflow !== 'truncate') throw contextOverflow('the prompt', ids.length, contextLength)
  const answerTokens = Math.min(maxTokens ?? Infinity, Math.max(1, Math.floor(contextLength / ANSWER_SHARE)))
  const kept = ids.slice(ids.length - (contextLength - answerTokens))
  return { ids: kept, droppedTokens: ids.length - kept.length }
}

interface Generation {
  readonly request: GenerateRequest
  readonly prompt: Prompt
  readonly roomTokens: number
  readonly rng: Rng
}

function inputsOf({ library, model }: Parts, tokens: Tokens, { request, prompt, roomTokens, rng }: Generation): object {
  const { repeatPenalty } = request
  const sampling = samplingOf(request, model.generation_config ?? {})
  return {
    ...tokens.feeds({ ids: prompt.ids, types: undefined }),
    max_new_tokens: roomTokens,
    ...(repeatPenalty !== undefined && { repetition_penalty: repeatPenalty }),
    ...(!isGreedy(sampling) && {
      logits_processor: sampler(library, sampling, { promptTokens: prompt.ids.length, rng }),
    }),
  }
}

/** The library takes the likeliest token of what the last processor leaves: this one leaves only the one that was drawn. */
function sampler(
  library: Library,
  sampling: Sampling,
  { promptTokens, rng }: { readonly promptTokens: number; readonly rng: Rng },
): object {
  class Sampler extends library.LogitsProcessor {
    _call([ids = []]: ReadonlyArray<readonly bigint[]>, logits: LibraryTensor): LibraryTensor {
      const counts = new Map<number, number>()
      for (const id of ids.slice(promptTokens)) counts.set(Number(id), (counts.get(Number(id)) ?? 0) + 1)
      const chosen = sample(logits.data, sampling, counts, rng)
      const data = logits.data as Float32Array
      data.fill(-Infinity)
      data[chosen] = 0
      return logits
    }
  }
  const processors = new library.LogitsProcessorList()
  processors.push(new Sampler())
  return processors
}

/** Tokens that end an answer. */
export function endTokens({ model, config }: Pick<Parts, 'model' | 'config'>): ReadonlySet<number> {
  const ends = model.generation_config?.['eos_token_id'] ?? config['eos_token_id']
  return new Set((Array.isArray(ends) ? ends : [ends]).filter((id) => typeof id === 'number'))
}
