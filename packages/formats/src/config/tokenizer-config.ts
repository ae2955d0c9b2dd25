import { type JsonObject, isObject, listAt, objectAt, readJsonObject, textAt } from '../json/read-json.ts'
import type { ByteReader } from '../reader.ts'
import { CHAT_TEMPLATE_LENGTH_MAX, CONFIG_BYTES_MAX, TOKENIZER_BYTES_MAX } from './limits.ts'

/** What `tokenizer_config.json` says. */
export interface TokenizerConfig {
  /** `BertTokenizer`. */
  readonly className: string | null
  /** Jinja text. */
  readonly chatTemplate: string | null
  readonly hasCustomCode: boolean
}

/** @throws {SomaError} `package/invalid-model` when it is no JSON. */
export async function readTokenizerConfig(reader: ByteReader): Promise<TokenizerConfig> {
  const json = await readJsonObject(reader, CONFIG_BYTES_MAX)
  return { className: textAt(json, 'tokenizer_class'), chatTemplate: templateOf(json), hasCustomCode: isObject(json['auto_map']) }
}

/** A text, or several with names, of which `default` is the one for chats. */
function templateOf(json: JsonObject): string | null {
  const templates = listAt(json, 'chat_template').filter(isObject)
  const usual = templates.find(({ name }) => name === 'default') ?? templates[0]
  return boundedTemplate(usual ? textAt(usual, 'template') : textAt(json, 'chat_template'))
}

function boundedTemplate(text: string | null): string | null {
  return text !== null && text.length <= CHAT_TEMPLATE_LENGTH_MAX ? text : null
}

/** The kind of tokenizer that `tokenizer.json` holds: `BPE`, `WordPiece`, `Unigram`. */
export async function readTokenizerKind(reader: ByteReader): Promise<string | null> {
  if (reader.sizeBytes > TOKENIZER_BYTES_MAX) return null
  return textAt(objectAt(await readJsonObject(reader, TOKENIZER_BYTES_MAX), 'model'), 'type')
}

/** `chat_template.jinja`, or `chat_template.json` that has it under its name. */
export async function readChatTemplate(reader: ByteReader): Promise<string | null> {
  if (reader.name.endsWith('.json')) return templateOf(await readJsonObject(reader, CONFIG_BYTES_MAX))
  if (reader.sizeBytes > CHAT_TEMPLATE_LENGTH_MAX) return null
  return boundedTemplate(Buffer.from(await reader.read(0, reader.sizeBytes)).toString())
}
