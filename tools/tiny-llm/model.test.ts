import assert from 'node:assert/strict'
import { globSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openFileReader, readGgufHeader, readOnnxHeader, readSafetensorsHeader } from '@soma/formats'

interface Golden {
  readonly name: string
  readonly answer: string
  readonly tokens: readonly number[]
  readonly promptTokens: readonly number[]
}

const folder = join(import.meta.dirname, 'model')
const golden = JSON.parse(readFileSync(join(import.meta.dirname, 'golden.json'), 'utf8')) as Golden[]
const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as Record<string, number>
const template = (JSON.parse(readFileSync(join(folder, 'tokenizer_config.json'), 'utf8')) as { chat_template: string }).chat_template
const open = (path: string): ReturnType<typeof openFileReader> => openFileReader(join(folder, path), { name: path })

test('the tiny model stays small enough to be kept in the repository', () => {
  const sizes = globSync('**/*.*', { cwd: folder }).map((path) => statSync(join(folder, path)).size)
  assert.ok(Math.max(...sizes) <= 5e6)
  assert.ok(sizes.reduce((sum, size) => sum + size, 0) <= 10e6)
})

test('its formats hold the same model', async () => {
  await using gguf = await open('tiny-llm.gguf')
  await using safetensors = await open('model.safetensors')
  await using onnx = await open('onnx/model.onnx')
  const header = await readGgufHeader(gguf)
  assert.equal(header.architecture, config['model_type'])
  assert.equal(header.contextLength, config['max_position_embeddings'])
  assert.equal(header.blockCount, config['num_hidden_layers'])
  assert.equal(header.chatTemplate, template)
  assert.equal((await readSafetensorsHeader(safetensors)).parameters, header.parameters)
  const { inputs, outputs } = await readOnnxHeader(onnx)
  assert.equal(inputs.length, 3 + 2 * (header.blockCount ?? 0))
  assert.equal(outputs[0]?.shape?.at(-1), config['vocab_size'])
})

test('golden answers are many, some of them long', () => {
  assert.ok(golden.length >= 20)
  assert.equal(new Set(golden.map(({ name }) => name)).size, golden.length)
  assert.ok(golden.filter(({ tokens }) => tokens.length >= 60).length >= 4)
  assert.ok(golden.some(({ tokens }) => tokens.length >= 200))
  const longest = Math.max(...golden.map(({ tokens, promptTokens }) => tokens.length + promptTokens.length))
  assert.ok(longest < (config['max_position_embeddings'] ?? 0))
})
