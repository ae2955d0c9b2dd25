import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import type { Calls } from '@soma/spec'
import { llamaGguf, tinySafetensors, writeTorch } from '@soma/testkit/formats'
import { type Served, createFaultyServer, gitHost, huggingFaceHub, modelScopeHub, ollamaRegistry } from '@soma/testkit/server'
import { createSoma } from './index.ts'
import { asOwner, newHome } from './test-home.ts'

const commit = 'a'.repeat(40)
const gguf = Buffer.from(llamaGguf())

/** A daemon whose hubs are all one server on loopback. */
async function daemonWith(t: TestContext, files: Readonly<Record<string, Served>>, settings: (origin: string) => Record<string, string>) {
  const options = await newHome(t)
  const server = await createFaultyServer(files)
  const soma = await createSoma({ ...options, env: { ...options.env, ...settings(server.origin) } })
  t.after(async () => {
    await soma.stop()
    await server[Symbol.asyncDispose]()
  })
  return { server, calls: asOwner(soma) }
}

async function install(calls: Calls, reference: string) {
  const running = calls.stream('model.install', { reference })
  running.output.catch(() => undefined)
  await Array.fromAsync(running)
  const { model } = await running.output
  const shown = await calls.call('model.show', { model: model.name })
  return { model, shown, files: shown.files.map(({ path }) => path).sort() }
}

test('a model of Hugging Face is installed from safetensors, pinned, with its card', async (t) => {
  const files = {
    'model.safetensors': Buffer.from(tinySafetensors()),
    'config.json': '{"model_type":"bert"}',
    'README.md': '---\nlicense: mit\n---\n# Tiny',
  }
  const model = { commits: { [commit]: files }, branches: { main: commit }, info: { cardData: { license: 'mit' } } }
  const { calls } = await daemonWith(t, { '*': huggingFaceHub({ 'maker/tiny': model }) }, (origin) => ({ HF_ENDPOINT: origin }))
  const installed = await install(calls, 'hf/maker/tiny@latest')
  assert.equal(installed.model.reference, `hf/maker/tiny@${commit}`)
  assert.equal(installed.model.licence, 'MIT')
  assert.deepEqual(installed.files, ['README.md', 'config.json', 'model.safetensors'])
})

test('a GGUF quantisation of ModelScope is installed as it was chosen', async (t) => {
  const files = { 'tiny-q4_k_m.gguf': gguf, 'tiny-q8_0.gguf': Buffer.concat([gguf, gguf]), 'configuration.json': '{}' }
  const model = { commits: { [commit]: files }, branches: { master: commit }, info: { License: 'Apache License 2.0' } }
  const { calls } = await daemonWith(t, { '*': modelScopeHub({ 'maker/tiny': model }) }, (origin) => ({ MODELSCOPE_DOMAIN: origin }))
  const installed = await install(calls, 'modelscope/maker/tiny')
  assert.equal(installed.model.reference, `modelscope/maker/tiny@${commit}:Q4_K_M`)
  assert.deepEqual(installed.files, ['configuration.json', 'tiny-q4_k_m.gguf'])
})

test('a model of Ollama is installed with the manifest that says its roles', async (t) => {
  const models = {
    'library/tiny:latest': {
      layers: [
        ['model', gguf],
        ['template', '{{ .Prompt }}'],
        ['license', 'MIT License'],
      ] as const,
    },
  }
  const { calls } = await daemonWith(t, ollamaRegistry(models), (origin) => ({ SOMA_OLLAMA_REGISTRY: origin }))
  const installed = await install(calls, 'ollama/tiny')
  assert.match(installed.model.reference, /^ollama\/tiny:latest@sha256:/)
  assert.equal(installed.model.licence, 'MIT')
  assert.deepEqual(installed.files, ['LICENSE', 'config.ollama.json', 'model.gguf', 'template.txt'])
})

test('weights of PyTorch Hub are installed when their bytes begin as their name says, and refused otherwise', async (t) => {
  const weights = Buffer.from(writeTorch([{ name: 'w', shape: [2] }]))
  const name = `tiny-${createHash('sha256').update(weights).digest('hex').slice(0, 8)}.pth`
  const code = ({ origin }: { origin: string }): string =>
    `def tiny():\n    return load_state_dict_from_url("${origin}/${name}")\n\ndef evil():\n    return load_state_dict_from_url("${origin}/evil-00000000.pth")\n`
  const repository = { refs: { 'refs/heads/main': commit }, head: 'refs/heads/main', commits: { [commit]: { 'hubconf.py': code } } }
  const served = { ...gitHost({ 'maker/nets': repository }), [`/${name}`]: { body: weights }, '/evil-00000000.pth': { body: weights } }
  const { calls } = await daemonWith(t, served, (origin) => ({ SOMA_PYTORCH_HUB: origin, SOMA_PYTORCH_RAW: origin }))
  const installed = await install(calls, 'pytorch/maker/nets/tiny')
  assert.equal(installed.model.reference, `pytorch/maker/nets:${commit}/tiny@${name}`)
  assert.deepEqual(installed.files, [name])
  await assert.rejects(install(calls, 'pytorch/maker/nets/evil'), { code: 'package/hash-mismatch' })
})
