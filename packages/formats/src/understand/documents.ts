import { isSomaError } from '@soma/core'
import { licenceOf } from '@soma/spec'
import { readLicence } from '../config/licence.ts'
import { type ModelCard, readModelCard } from '../config/model-card.ts'
import { type ModelConfig, readModelConfig } from '../config/model-config.ts'
import { taskName } from '../config/task-names.ts'
import { type TokenizerConfig, readChatTemplate, readTokenizerConfig, readTokenizerKind } from '../config/tokenizer-config.ts'
import { CONFIG_BYTES_MAX } from '../config/limits.ts'
import { readJsonObject, textAt } from '../json/read-json.ts'
import type { ByteReader } from '../reader.ts'
import type { Package } from './package.ts'

/** What lies beside the weights: configurations, licence, card. Null where there is none, or it cannot be read. */
export interface Documents {
  readonly config: ModelConfig | null
  /** Of Diffusers: the class of the whole pipeline. */
  readonly pipeline: string | null
  /** Sentence Transformers. */
  readonly hasModules: boolean
  readonly tokenizer: TokenizerConfig | null
  readonly tokenizerKind: string | null
  readonly chatTemplate: string | null
  readonly licence: string | null
  readonly card: ModelCard | null
  /** Why one of them could not be read. */
  readonly warnings: readonly string[]
}

/** Reads what is in the folder of the weights, or above. What cannot be read is a warning: the weights may be sound without it. */
export async function readDocuments(pkg: Package, folder: string): Promise<Documents> {
  const warnings: string[] = []
  const read = async <T>(name: RegExp, use: (reader: ByteReader) => Promise<T>): Promise<T | null> => {
    const path = pkg.nearest(folder, (candidate) => name.test(candidate))
    return path === undefined ? null : orWarning(warnings, () => pkg.read(path, use))
  }
  return {
    config: await read(/^config\.json$/, readModelConfig),
    pipeline: await read(/^model_index\.json$/, async (reader) => textAt(await readJsonObject(reader, CONFIG_BYTES_MAX), '_class_name')),
    hasModules: pkg.nearest(folder, (name) => name === 'modules.json') !== undefined,
    tokenizer: await read(/^tokenizer_config\.json$/, readTokenizerConfig),
    tokenizerKind: await read(/^tokenizer\.json$/, readTokenizerKind),
    chatTemplate: await read(/^chat_template\.(jinja|json)$/, readChatTemplate),
    licence: await read(/^(licen[cs]e|copying)(\.(txt|md|rst))?$/i, readLicence),
    card: await read(/^readme(\.md)?$/i, readModelCard),
    warnings,
  }
}

async function orWarning<T>(warnings: string[], read: () => Promise<T>): Promise<T | null> {
  try {
    return await read()
  } catch (error) {
    if (!isSomaError(error, 'package/invalid-model')) throw error
    warnings.push(error.message)
    return null
  }
}

/** Tasks, those that files say before those that words say. */
export function tasksOf(documents: Documents, own: string | null | undefined, stated: string | undefined): string[] {
  const { config, card, pipeline, hasModules } = documents
  const names = [
    own,
    hasModules ? 'sentence-similarity' : null,
    refines(card?.task, config?.task) ? card?.task : null,
    pipeline === null ? null : pipelineTask(pipeline),
    config?.task,
    card?.task,
    config?.isEncoder || hasModules ? 'feature-extraction' : null,
    stated,
  ]
  return [...new Set(names.map(taskName).filter((name) => name !== null))]
}

/** Of one class of models the card tells what this one was trained for. */
const refinements: Readonly<Record<string, readonly string[]>> = {
  'text2text-generation': ['summarization', 'translation'],
  'text-classification': ['text-ranking', 'zero-shot-classification'],
}

function refines(task: string | null | undefined, general: string | null | undefined): boolean {
  return refinements[general ?? '']?.includes(task ?? '') ?? false
}

function pipelineTask(pipeline: string): string | null {
  if (/Img2Img|Inpaint/.test(pipeline)) return 'image-to-image'
  if (/Video/.test(pipeline)) return 'text-to-video'
  if (/Audio|Music/.test(pipeline)) return 'text-to-audio'
  return pipeline.endsWith('Pipeline') ? 'text-to-image' : null
}

/** Of the model's own file, the licence's text, the card, and what the source says, the first that says one. */
export function findLicence(documents: Documents, own: string | null | undefined, stated: string | undefined): string | null {
  const said = [own, documents.licence, documents.card?.licence, stated]
  return said.map((licence) => licenceOf(licence ?? undefined)).find((licence) => licence !== undefined) ?? null
}
