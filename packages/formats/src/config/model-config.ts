import { type JsonObject, countAt, isObject, objectAt, readJsonObject, textAt, textsAt } from '../json/read-json.ts'
import type { ByteReader } from '../reader.ts'
import { CONFIG_BYTES_MAX } from './limits.ts'
import { isEncoder, taskOfClasses } from './task-names.ts'

/** What `config.json` of Hugging Face says of a model. */
export interface ModelConfig {
  /** Class names: `LlamaForCausalLM`. */
  readonly classes: readonly string[]
  /** `llama`. */
  readonly modelType: string | null
  /** Tokens. */
  readonly contextLength: number | null
  /** By its classes. */
  readonly task: string | null
  /** It computes features of texts or images, and no more is said. */
  readonly isEncoder: boolean
  /** `gptq`, `awq`, `bitsandbytes 4-bit`. */
  readonly quantisation: string | null
  /** Bytes that keys and values take for each token, in 16 bits; null where that cannot be computed, or is not needed. */
  readonly cacheBytesPerToken: number | null
  /** Names of Python files that loading it would run. */
  readonly customCode: readonly string[]
}

const CACHE_ELEMENT_BYTES = 2
/** Models whose answers grow token by token keep keys and values of all of them. */
const GENERATES = /ForCausalLM$|LMHeadModel$|ForConditionalGeneration$|ForImageTextToText$/

/** @throws {SomaError} `package/invalid-model` when it is no JSON. */
export async function readModelConfig(reader: ByteReader): Promise<ModelConfig> {
  const json = await readJsonObject(reader, CONFIG_BYTES_MAX)
  // Models of several kinds of input keep what concerns text apart.
  const text = { ...json, ...objectAt(json, 'llm_config'), ...objectAt(json, 'text_config') }
  const classes = textsAt(json, 'architectures')
  return {
    classes,
    modelType: textAt(json, 'model_type'),
    contextLength: countAt(
      text,
      'max_position_embeddings',
      'n_positions',
      'max_seq_len',
      'max_sequence_length',
      'seq_length',
      'n_ctx',
      'max_target_positions',
    ),
    task: taskOfClasses(classes),
    isEncoder: isEncoder(classes),
    quantisation: quantisationOf(objectAt(json, 'quantization_config')),
    cacheBytesPerToken: classes.some((name) => GENERATES.test(name)) ? cacheOf(text) : null,
    customCode: customCodeOf(json),
  }
}

function quantisationOf(config: JsonObject): string | null {
  const method = textAt(config, 'quant_method')
  if (method === null) return null
  const bits = countAt(config, 'bits') ?? (config['load_in_4bit'] === true ? 4 : config['load_in_8bit'] === true ? 8 : null)
  return bits === null ? method.slice(0, 64) : `${method.slice(0, 40)} ${bits}-bit`
}

/** Layers × key-value heads × head width × (key + value) × 2 bytes. */
function cacheOf(json: JsonObject): number | null {
  const layers = countAt(json, 'num_hidden_layers', 'n_layer', 'num_layers')
  const heads = countAt(json, 'num_attention_heads', 'n_head', 'num_heads')
  const width = countAt(json, 'hidden_size', 'n_embd', 'd_model')
  const headWidth = countAt(json, 'head_dim', 'd_kv') ?? (width !== null && heads ? Math.floor(width / heads) : null)
  const keyValueHeads = countAt(json, 'num_key_value_heads', 'multi_query_group_num') ?? heads
  if (layers === null || headWidth === null || keyValueHeads === null) return null
  const bytes = layers * keyValueHeads * headWidth * 2 * CACHE_ELEMENT_BYTES
  return Number.isSafeInteger(bytes) ? bytes : null
}

/** `auto_map`: `{ "AutoModel": "modeling_x.XModel" }`, or a list of such; also `repo--file.Class`. */
function customCodeOf(json: JsonObject): string[] {
  const map = json['auto_map']
  const values = isObject(map) ? Object.values(map).flat() : []
  const files = values.filter((value): value is string => typeof value === 'string').map((value) => `${value.split('.')[0] ?? value}.py`)
  return [...new Set(files)].slice(0, 10)
}
