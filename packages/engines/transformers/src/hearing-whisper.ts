import { defined } from '@soma/core'
import type { Segment, TranscribeRequest } from '@soma/spec'
import { decodeTokens } from './decode.ts'
import { unsupported } from './errors.ts'
import { endTokens } from './generate.ts'
import type { Hear } from './hearing.ts'
import type { Library, LibraryTensor } from './library.ts'
import { SPEECH_TOKENS_MAX } from './limits.ts'
import { isObject } from './package-files.ts'
import type { Parts } from './parts.ts'
import type { Tokens } from './tokens.ts'

/** Seconds from one of Whisper's time tokens to the next. */
const TIME_STEP_SECONDS = 0.02

/** Whisper: text with times, of half a minute at once. What it began in the last moments of it is heard anew in the next. */
export function hearWhisper(parts: Parts): Hear {
  const tokens = defined(parts.tokens, 'the task gives text')
  const processor = defined(parts.processor, 'the task takes sound')
  return async ({ samples, rate, isLast }, request, signal) => {
    const inputs = (await processor(samples))['input_features']
    const language = await languageOf(parts, { inputs, request, signal })
    const options = {
      return_timestamps: true,
      max_new_tokens: SPEECH_TOKENS_MAX,
      ...(language !== null && languageOptions(language, request)),
    }
    const ids: number[] = []
    const ends = endTokens(parts)
    for await (const id of decodeTokens({ model: parts.model, inputs: { inputs, ...options }, signal })) if (!ends.has(id)) ids.push(id)
    const { segments, open } = readSegments(parts, tokens, ids, samples.length / rate)
    const last = segments.at(-1)
    // Cut in mid-sentence: the next stretch begins where the last whole one ended.
    if (!isLast && open && last && segments.length > 1)
      return { language, segments: segments.slice(0, -1), samplesDone: Math.max(1, Math.floor(last.startSeconds * rate)) }
    return { language, segments, samplesDone: samples.length }
  }
}

interface Listening {
  readonly inputs: LibraryTensor | undefined
  readonly request: TranscribeRequest
  readonly signal: AbortSignal
}

function languageOptions(language: string, { translate }: TranscribeRequest): object {
  return { language, task: translate ? 'translate' : 'transcribe' }
}

/** As asked for, else what the model thinks is spoken; null for models of one language. */
async function languageOf(parts: Parts, { inputs, request, signal }: Listening): Promise<string | null> {
  const { library, model, config } = parts
  const own = model.generation_config ?? {}
  const languages = own['lang_to_id']
  if (own['is_multilingual'] !== true || !isObject(languages)) {
    if (request.translate) throw unsupported('translate', 'the model knows English only')
    if (request.language !== undefined && !/^en\b/i.test(request.language)) throw unsupported('language', 'the model knows English only')
    return null
  }
  const ids = new Map(Object.entries(languages).map(([token, id]) => [Number(id), token.replaceAll(/[<|>]/g, '')]))
  if (request.language !== undefined) return known(request.language, [...ids.values()])
  const first = Number(own['decoder_start_token_id'] ?? config['decoder_start_token_id'])
  const options = { inputs, decoder_input_ids: [first], max_new_tokens: 1, logits_processor: only(library, [...ids.keys()]) }
  let language: string | null = null
  for await (const id of decodeTokens({ model, inputs: options, signal })) language = ids.get(id) ?? null
  return language
}

function known(language: string, languages: readonly string[]): string {
  const name = language.split('-')[0]?.toLowerCase() ?? ''
  if (languages.includes(name)) return name
  throw unsupported('language', `the model does not know ${language}; it knows ${languages.join(', ')}`)
}

/** Lets only some tokens be chosen. */
function only(library: Library, ids: readonly number[]): object {
  class Only extends library.LogitsProcessor {
    _call(_ids: unknown, logits: LibraryTensor): LibraryTensor {
      const data = logits.data as Float32Array
      const kept = ids.map((id) => data[id] ?? -Infinity)
      data.fill(-Infinity)
      for (const [index, id] of ids.entries()) data[id] = kept[index] ?? -Infinity
      return logits
    }
  }
  const processors = new library.LogitsProcessorList()
  processors.push(new Only())
  return processors
}

/** Text between times. `open` when the last one has no end, because the sound was over before it. */
function readSegments(parts: Parts, tokens: Tokens, ids: readonly number[], seconds: number): { segments: Segment[]; open: boolean } {
  const firstTime = Number(parts.model.generation_config?.['no_timestamps_token_id'] ?? Infinity) + 1
  const segments: Segment[] = []
  let startSeconds = 0
  let text: number[] = []
  const close = (endSeconds: number): void => {
    const words = tokens.decode(text).trim()
    if (words !== '') segments.push({ startSeconds, endSeconds: Math.min(seconds, Math.max(startSeconds, endSeconds)), text: words })
    text = []
  }
  for (const id of ids) {
    if (id < firstTime) text.push(id)
    else {
      const time = (id - firstTime) * TIME_STEP_SECONDS
      close(time)
      startSeconds = Math.min(seconds, time)
    }
  }
  const open = text.length > 0
  close(seconds)
  return { segments, open }
}
