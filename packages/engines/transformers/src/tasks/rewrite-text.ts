import { defined, isSomaError, throwIfAborted } from '@soma/core'
import type { Signature, Tensor } from '@soma/spec'
import { decodeTokens } from '../decode.ts'
import { messageOf, mismatch, unsupported } from '../errors.ts'
import { endTokens } from '../generate.ts'
import { REWRITTEN_TOKENS_MAX } from '../limits.ts'
import { isObject, numberAt, textAt } from '../package-files.ts'
import { type Abilities, type Parts, inferring, optional, spec } from '../parts.ts'
import { strings, stringsOf } from '../tensors.ts'
import type { Sequence, Tokens } from '../tokens.ts'

const signature: Signature = {
  inputs: [spec('text', 'string', [-1], 'texts')],
  outputs: [spec('text', 'string', [-1], 'what became of each')],
}
const translation: Signature = {
  inputs: [
    ...signature.inputs,
    optional(spec('source_language', 'string', [1], 'what the texts are in, as the model names it')),
    optional(spec('target_language', 'string', [1], 'what they are to be in, as the model names it')),
  ],
  outputs: signature.outputs,
}

/** Summaries, translations and whatever else a model makes of a text. */
export function rewriteText(parts: Parts): Abilities {
  const tokens = defined(parts.tokens, 'the task takes text')
  return inferring(parts.task === 'translation' ? translation : signature, async (inputs, signal) => {
    const answers: string[] = []
    for (const [index, text] of (stringsOf(inputs, 'text') ?? []).entries()) {
      throwIfAborted(signal)
      const { sequence, first } = encode(parts, tokens, { what: `text ${index}`, text, inputs })
      const feeds = { ...tokens.feeds(sequence), ...(first !== undefined && { forced_bos_token_id: first }) }
      answers.push(await write(parts, tokens, feeds, signal))
    }
    return [strings('text', answers)]
  })
}

/** What a model with encoder and decoder writes. */
export async function write(parts: Parts, tokens: Tokens, feeds: object, signal: AbortSignal): Promise<string> {
  const { model, config } = parts
  const own = numberAt(model.generation_config ?? undefined, 'max_new_tokens', 'max_length') ?? numberAt(config, 'max_length')
  const ends = endTokens(parts)
  const ids: number[] = []
  for await (const token of decodeTokens({ model, inputs: { ...feeds, max_new_tokens: own ?? REWRITTEN_TOKENS_MAX }, signal }))
    if (!ends.has(token)) ids.push(token)
  return tokens.decode(ids).trim()
}

interface Encoded {
  readonly sequence: Sequence
  /** The token that the answer begins with: of the language, for models that know many. */
  readonly first?: number | undefined
}

function encode(parts: Parts, tokens: Tokens, { what, text, inputs }: { what: string; text: string; inputs: readonly Tensor[] }): Encoded {
  const source = stringsOf(inputs, 'source_language')?.[0]
  const target = stringsOf(inputs, 'target_language')?.[0]
  if (source === undefined && target === undefined) return { sequence: tokens.encode(what, prefixOf(parts) + text) }
  return encodeLanguages(tokens, { what, text, source, target })
}

interface Translation {
  readonly what: string
  readonly text: string
  readonly source: string | undefined
  readonly target: string | undefined
}

interface Languages {
  readonly src_lang: string | undefined
  readonly tgt_lang: string | undefined
  /** Set by the library: the token that the answer begins with. */
  readonly forced_bos_token_id?: number
}

function encodeLanguages(tokens: Tokens, { what, text, source, target }: Translation): Encoded {
  const { tokenizer } = tokens
  if (!tokenizer._build_translation_inputs)
    throw unsupported(target === undefined ? 'source_language' : 'target_language', 'the model translates between two languages only')
  const build = tokenizer._build_translation_inputs.bind(tokenizer)
  const home = tokens.tokenizer('', { return_tensor: false }).input_ids.map((id) => tokens.decode([id], { special: true }))
  const languages: Languages = { src_lang: source, tgt_lang: target }
  try {
    const { input_ids: ids } = build(text, { return_tensor: false }, languages)
    // The library keeps the source language for all that comes after.
    if (source !== undefined)
      build('', { return_tensor: false }, { src_lang: home.find((mark) => tokenizer.language_codes?.includes(mark)), tgt_lang: target })
    return { sequence: tokens.checked(what, { ids, types: undefined }), first: languages.forced_bos_token_id }
  } catch (error) {
    if (isSomaError(error)) throw error
    const why = messageOf(error)
    throw mismatch(why.startsWith('Source') ? 'source_language' : 'target_language', 'languages that the model knows', why)
  }
}

/** Words in front of the text that tell a model of several tasks which it is to do. */
function prefixOf({ config, task }: Parts): string {
  const tasks = config['task_specific_params']
  const own = isObject(tasks) ? tasks[task] : undefined
  return (isObject(own) ? textAt(own, 'prefix') : undefined) ?? textAt(config, 'prefix') ?? ''
}
