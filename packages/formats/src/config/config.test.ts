import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isSomaError } from '@soma/core'
import { bytesReader } from '../reader.ts'
import { readLicence } from './licence.ts'
import { type ModelCard, readModelCard } from './model-card.ts'
import { type ModelConfig, readModelConfig } from './model-config.ts'
import { taskName, taskOfClasses } from './task-names.ts'
import { readTokenizerConfig, readTokenizerKind } from './tokenizer-config.ts'

const reader = (text: string): ReturnType<typeof bytesReader> => bytesReader('x', Buffer.from(text))
const config = (json: unknown): Promise<ModelConfig> => readModelConfig(reader(JSON.stringify(json)))
const card = (text: string): Promise<ModelCard> => readModelCard(reader(text))

describe('config.json', () => {
  it('tells architecture, context, and what the context takes', async () => {
    const llama = await config({
      architectures: ['LlamaForCausalLM'],
      model_type: 'llama',
      max_position_embeddings: 8192,
      hidden_size: 4096,
      num_attention_heads: 32,
      num_key_value_heads: 8,
      num_hidden_layers: 32,
    })
    assert.deepEqual([llama.modelType, llama.contextLength, llama.task], ['llama', 8192, 'text-generation'])
    // 32 layers × 8 heads × 128 × keys and values × 2 bytes: 128 KiB, as published for Llama 3 8B.
    assert.equal(llama.cacheBytesPerToken, 131_072)
  })

  it('looks into the part about text of a model of several inputs', async () => {
    const { contextLength, task } = await config({
      architectures: ['LlavaForConditionalGeneration'],
      text_config: { max_position_embeddings: 4096 },
    })
    assert.deepEqual([contextLength, task], [4096, 'image-text-to-text'])
  })

  it('tells quantisation, and Python code that loading would run', async () => {
    const { quantisation, customCode } = await config({
      quantization_config: { quant_method: 'gptq', bits: 4 },
      auto_map: { AutoModel: 'modeling_x.X', AutoConfig: 'configuration_x.C', AutoTokenizer: ['modeling_x.T', null] },
    })
    assert.deepEqual([quantisation, customCode], ['gptq 4-bit', ['modeling_x.py', 'configuration_x.py']])
  })

  it('says nothing it is not told, and is refused when it is no JSON', async () => {
    const empty = await config({ architectures: 7, max_position_embeddings: -1, auto_map: [], quantization_config: null })
    assert.deepEqual([empty.classes, empty.contextLength, empty.cacheBytesPerToken, empty.customCode], [[], null, null, []])
    for (const text of ['', '[]', '{"a":', '{"a":NaN}', '['.repeat(100_000)])
      await assert.rejects(readModelConfig(reader(text)), (error) => isSomaError(error, 'package/invalid-model'))
  })
})

describe('tasks', () => {
  it('are told by class names', () => {
    const expected: Readonly<Record<string, string | null>> = {
      BertForMaskedLM: 'fill-mask',
      TFBertForSequenceClassification: 'text-classification',
      GPT2LMHeadModel: 'text-generation',
      T5ForConditionalGeneration: 'text2text-generation',
      WhisperForConditionalGeneration: 'automatic-speech-recognition',
      Wav2Vec2ForCTC: 'automatic-speech-recognition',
      ViTForImageClassification: 'image-classification',
      Qwen2_5_VLForConditionalGeneration: 'image-text-to-text',
      CLIPModel: 'zero-shot-image-classification',
      BertModel: null,
    }
    for (const [name, task] of Object.entries(expected)) assert.equal(taskOfClasses([name]), task, name)
  })

  it('are written as hubs write them', () => {
    assert.deepEqual(
      [taskName('Text_Generation'), taskName('no task'), taskName('../x'), taskName(null)],
      ['text-generation', null, null, null],
    )
  })
})

describe('tokenizer files', () => {
  it('tell their kind and the chat template, also of several the usual one', async () => {
    const read = (json: unknown): ReturnType<typeof readTokenizerConfig> => readTokenizerConfig(reader(JSON.stringify(json)))
    assert.deepEqual(await read({ tokenizer_class: 'BertTokenizer' }), {
      className: 'BertTokenizer',
      chatTemplate: null,
      hasCustomCode: false,
    })
    const templates = [
      { name: 'tool', template: 'a' },
      { name: 'default', template: 'b' },
    ]
    assert.equal((await read({ chat_template: templates })).chatTemplate, 'b')
    assert.equal((await read({ chat_template: 'x'.repeat(300_000) })).chatTemplate, null)
    assert.equal(await readTokenizerKind(reader('{"model":{"type":"BPE","vocab":{}}}')), 'BPE')
  })
})

describe('a model card', () => {
  it('tells licence, languages, task and its first paragraph of prose', async () => {
    const text = [
      '---',
      'language: [en, de]',
      'license: apache-2.0',
      'pipeline_tag: fill-mask',
      'base_model: org/base',
      'model-index:',
      '- name: x',
      '  results: {a: *no, alias',
      'tags:',
      '- a',
      '- b',
      '---',
      '',
      '# BERT base',
      '',
      '[![badge](https://x/y.svg)](https://x)',
      '<p align="center"><img src="x"></p>',
      '',
      '| a | b |',
      '',
      'Pretrained **model** on [English](https://x) language',
      'using a `masked` objective.',
      '',
      'More.',
    ].join('\n')
    const found = await card(text)
    assert.deepEqual([found.licence, found.languages, found.task, found.tags], ['apache-2.0', ['en', 'de'], 'fill-mask', ['a', 'b']])
    assert.deepEqual([found.baseModels, found.fault], [['org/base'], null])
    assert.equal(found.summary, 'Pretrained model on English language using a masked objective.')
  })

  it('takes the name of a licence that is none of the usual ones', async () => {
    assert.equal((await card('---\nlicense: other\nlicense_name: qwen-research\n---\n')).licence, 'qwen-research')
  })

  it('is never an error, whatever stands in it', async () => {
    const broken = await card('---\nlicense: [a\n---\nSome words here.')
    assert.match(broken.fault ?? '', /x:/)
    assert.equal(broken.summary, 'Some words here.')
    for (const text of ['', '---', '---\n---\n', '---\n- a\n---\n', '\0\xff', '# Only a heading'])
      assert.equal((await card(text)).summary, null)
  })

  it('takes no minutes to read, however it is written', async () => {
    const startedAt = performance.now()
    for (const text of ['<!--', '[', '![a](', '```\n~~~\n', '*a', '<a', '---\n', 'ab ']) await card(text.repeat(100_000))
    assert.ok(performance.now() - startedAt < 30_000)
  })
})

describe('licences', () => {
  it('are known by their texts', async () => {
    const texts: Readonly<Record<string, string>> = {
      MIT: 'MIT License\n\nPermission is hereby granted, free of charge, to any\nperson obtaining a copy of … The above copyright notice and this permission notice shall',
      'Apache-2.0': '                                 Apache License\n                           Version 2.0, January 2004',
      'BSD-3-Clause': 'Redistribution and use in source and binary forms, with … Neither the name of the',
      'BSD-2-Clause': 'Redistribution and use in source and binary forms, with or without',
      'GPL-3.0-only': 'GNU GENERAL PUBLIC LICENSE\n Version 3, 29 June 2007',
      'AGPL-3.0-only': 'GNU AFFERO GENERAL PUBLIC LICENSE\n Version 3, 19 November 2007',
      'MPL-2.0': 'Mozilla Public License Version 2.0 … the GNU Affero General Public License, Version 3.0',
      'CC-BY-NC-4.0': 'Creative Commons Attribution-NonCommercial 4.0 International',
      'llama3.1': 'LLAMA 3.1 COMMUNITY LICENSE AGREEMENT',
      gemma: 'Gemma Terms of Use',
    }
    for (const [id, text] of Object.entries(texts)) assert.equal(await readLicence(reader(text)), id)
    assert.equal(await readLicence(reader('All rights reserved.')), null)
  })
})
