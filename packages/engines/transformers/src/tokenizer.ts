import { loadFailed, messageOf } from './errors.ts'
import { type Library, type Tokenizer, type TokenizerClass, classNamed } from './library.ts'
import { MEANT_TOKENS_MAX, SEQUENCE_TOKENS_MAX } from './limits.ts'
import type { TaskName } from './options.ts'
import { type JsonObject, type PackageParts, isObject, needed, numberAt, textAt } from './package-files.ts'
import { Tokens } from './tokens.ts'

/** The package's tokenizer, and how many tokens its model takes. */
export async function openTokenizer(
  library: Library,
  files: PackageParts,
  { config, task }: { readonly config: JsonObject; readonly task: TaskName },
): Promise<Tokens> {
  const json = needed('tokenizer.json', await files.json('tokenizer.json'))
  const own = (await files.json('tokenizer_config.json')) ?? {}
  const chatTemplate = own['chat_template'] ?? (await files.text('chat_template.jinja'))
  const name = textAt(own, 'tokenizer_class')?.replace(/Fast$/, '') ?? 'PreTrainedTokenizer'
  const Class = (classNamed(library, name, 'apply_chat_template') as TokenizerClass | undefined) ?? library.PreTrainedTokenizer
  try {
    const tokenizer = new Class(json, { ...own, ...(chatTemplate !== undefined && { chat_template: chatTemplate }) })
    return new Tokens(library, tokenizer, await tokensMax(files, { config, task, tokenizer }))
  } catch (error) {
    throw loadFailed('tokenizer.json', `it is no tokenizer: ${messageOf(error)}`, error)
  }
}

interface Sources {
  readonly config: JsonObject
  readonly task: TaskName
  readonly tokenizer: Tokenizer
}

/** The least of what the model's positions, its tokenizer and Sentence Transformers allow. A generated answer needs positions only. */
async function tokensMax(files: PackageParts, { config, task, tokenizer }: Sources): Promise<number> {
  const positions = positionsOf(config)
  if (task === 'text-generation') return positions ?? meant(tokenizer.model_max_length) ?? SEQUENCE_TOKENS_MAX
  const sentence = numberAt(await files.json('sentence_bert_config.json'), 'max_seq_length')
  return Math.min(...[positions, meant(tokenizer.model_max_length), sentence, SEQUENCE_TOKENS_MAX].filter((max) => max !== undefined))
}

/** RoBERTa and what descends from it count positions from behind the padding token's. */
const offsetPositions = new Set(['roberta', 'xlm-roberta', 'camembert', 'mpnet', 'longformer', 'xlm-roberta-xl'])

function positionsOf(config: JsonObject): number | undefined {
  // Of models of several parts, the one that reads text.
  const text = isObject(config['text_config']) ? config['text_config'] : config
  const positions = numberAt(text, 'max_position_embeddings', 'n_positions', 'n_ctx', 'seq_length', 'max_target_positions')
  return positions !== undefined && offsetPositions.has(String(config['model_type'])) ? positions - 2 : positions
}

function meant(tokens: number): number | undefined {
  return tokens > 0 && tokens < MEANT_TOKENS_MAX ? tokens : undefined
}
