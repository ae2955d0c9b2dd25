import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SomaError, silentLog } from '@soma/core'
import { createEngine } from './engine.ts'
import { pythonMissing } from './errors.ts'

const ctx = { signal: new AbortController().signal, log: silentLog }
const pkg = { name: 'm', format: 'torchscript', task: 'tensor-to-tensor', directory: '/', files: [], roles: {} }

test('without a Python everything that is asked is answered with what to install', async () => {
  const missing = pythonMissing([], '/data/python')
  const engine = createEngine(missing, '/data/python')
  const host = { platform: 'linux', arch: 'x64', cpus: 1, memoryBytes: 1, memoryAvailableBytes: 1 }
  const support = await engine.probe(host)
  assert.equal(support.supported, false)
  assert.match(support.reason, /no Python here.*apt install python3-torch/)
  assert.match(support.checks?.[0]?.remedy ?? '', /\/data\/python\/bin\/pip install torch/)
  const options = { threads: 1, settings: {} }
  assert.throws(() => engine.estimate(pkg, options), { code: 'engine/missing' })
  await assert.rejects(engine.load(pkg, options, ctx), { code: 'engine/missing' })
  const steps = engine.convert?.({ package: pkg, to: 'onnx', directory: '/', settings: {} }, ctx)
  await assert.rejects(
    async () => await steps?.next(),
    (error) => error instanceof SomaError && error.code === 'engine/missing',
  )
})
